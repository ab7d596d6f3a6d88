/**
 * Limits: every length, offset, position, count and time that crosses the record is carried right up to its limit, and
 * beyond it refused with a code, with the buffer home and nothing in flight. None is cut to the bits of a word.
 */
import type { Lendable } from "@baton-io/core";
import { POSITION_MAX, VECTOR_MAX } from "@baton-io/core/driver";
import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, fail, ok, oneOf, rejects, throws } from "./expect.js";
import { BEYOND_POSITIONS, expectHome, expectRefused, WORDS } from "./limit-values.js";
import { receiveBytes, sendBytes } from "./stream-talk.js";
import { vastCases } from "./vast-buffers.js";

/**
 * Times of which little is left when their microseconds are cut to 32 bits, or which are negative then; and the longest. The
 * first is the one that a driver may keep, whose lane is free.
 */
const WRAPPING_MS = [4_294_968, 2_147_484, 2_143_188_681, 2 ** 31 - 1] as const;
/** The longest path, without its NUL. */
const PATH_BYTES_MAX = 4095;

/** What is beyond the longest file of a system is said so; where it is not, it is done. */
async function isTaken(promise: Promise<unknown>, codes: readonly string[]): Promise<boolean> {
  return promise.then(
    () => true,
    (error: { code: string }) => {
      oneOf(error.code, codes, "the code of the error");
      return false;
    },
  );
}

/** Lengths of files around what words hold. */
const SIZES = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, 2 ** 33, POSITION_MAX] as const;

function abortable(): { readonly signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** A path of so many bytes to the same place: steps on the spot, so that the names are short. */
function stretched(path: string, bytes: number): string {
  const at = path.lastIndexOf("/");
  const missing = bytes - new TextEncoder().encode(path).length;
  if (at < 0 || missing < 0) return fail("a scratch path with a directory, and short enough");
  // A slash is doubled where the number is odd.
  return `${path.slice(0, at)}${"/.".repeat(Math.floor(missing / 2))}${"/".repeat(missing % 2)}${path.slice(at)}`;
}

export const limitsClause: Clause = {
  id: "limits",
  title: "limits",
  promise: "buffer-comes-home",
  needs: ["open", "close", "read", "write"],
  cases: [
    ...vastCases,
    // --- positions ------------------------------------------------------------------------------------------------
    {
      id: "last-position",
      title: `at ${POSITION_MAX} there is nothing to read, and a write right below it is done or EFBIG`,
      needs: ["readv", "writev", "stat", "truncate"],
      calmOnly: true,
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("content");
        using buffer = io.buffers.copyFrom(WORDS);
        for (const position of [POSITION_MAX, POSITION_MAX - 16, 2 ** 52, 2 ** 32 + 1, 2 ** 32, 2 ** 31]) {
          equal((await file.read(buffer, { position })).bytesRead, 0, `bytesRead at ${position}`);
          equal((await file.readFull(buffer, { position })).bytesRead, 0, `bytesRead at ${position}`);
          equal((await file.readv([buffer], { position })).bytesRead, 0, `bytesRead at ${position}`);
        }
        for (const write of [
          () => file.writeFull(buffer, { position: POSITION_MAX - 16 }),
          () => file.writev([buffer], { position: POSITION_MAX - 16 }),
        ]) {
          if (await isTaken(write(), ["EFBIG"])) {
            equal((await file.stat()).size, POSITION_MAX, "the size");
            await file.truncate(7);
          }
        }
        equal(await context.textOf(file.path), "content", "the file");
      },
    },
    {
      id: "beyond-positions",
      title: "a position beyond it is ERR_OUT_OF_RANGE for whatever takes one, and the driver hears nothing",
      needs: [...connectionNeeds, "readv", "writev", "truncate", "pipeTo"],
      run: async (context) => {
        await using file = await context.openFile("content");
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(4);
        await expectRefused(context, BEYOND_POSITIONS, (position) => [
          file.read(buffer, { position }),
          file.readFull(buffer, { position }),
          file.write(buffer, { position }),
          file.writeFull(buffer, { position }),
          file.readv([buffer], { position }),
          file.writev([buffer], { position }),
          file.truncate(position),
          file.pipeTo(pair.near, { position }),
          file.pipeTo(pair.near, { length: position }),
          pair.near.pipeTo(file, { position }),
          pair.near.pipeTo(file, { bytesMax: position }),
        ]);
        equal(buffer.state, "owned", "the state of the buffer");
        equal(await context.textOf(file.path), "content", "the file");
      },
    },
    {
      id: "beyond-ranges",
      title: "a range of a file that starts or ends beyond it is ERR_OUT_OF_RANGE, and the driver hears nothing",
      needs: ["allocate", "advise"],
      run: async (context) => {
        await using file = await context.openFile("content");
        await expectRefused(context, BEYOND_POSITIONS, (beyond) => [
          file.allocate({ position: beyond, length: 1 }),
          file.allocate({ length: beyond }),
          file.advise("will-need", { position: beyond }),
          file.advise("will-need", { length: beyond }),
        ]);
        await expectRefused(context, [POSITION_MAX, POSITION_MAX - 1, 2 ** 52], (length) => [
          file.allocate({ position: POSITION_MAX - length + 1, length }),
          file.advise("random", { position: POSITION_MAX - length + 1, length }),
        ]);
        equal(await context.textOf(file.path), "content", "the file");
      },
    },
    {
      id: "file-lengths",
      title: "a file is as long as it was made, beyond 4 GiB too, or EFBIG where it cannot be",
      needs: ["truncate", "stat"],
      calmOnly: true,
      mutants: ["position-high-lost"],
      run: async (context) => {
        await using file = await context.openFile("content");
        for (const size of SIZES) {
          const done = await isTaken(file.truncate(size), ["EFBIG"]);
          equal((await file.stat()).size, done ? size : 7, "the size");
          await file.truncate(7);
        }
        equal(await context.textOf(file.path), "content", "the file");
      },
    },
    {
      id: "ranges",
      title: "a range of 4 GiB and more is all of it",
      needs: ["stat", "allocate", "advise"],
      calmOnly: true,
      mutants: ["allocate-length-low-only"],
      run: async (context) => {
        for (const length of [2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 33, POSITION_MAX - 4]) {
          await using file = await context.openFile("content");
          await file.advise("sequential", { position: 4, length });
          await file.advise("random", { position: length, length: 4 });
          const hole = { position: 4, length, mode: "punch-hole" } as const;
          const done = await isTaken(file.allocate(hole), ["ENOTSUP", "EFBIG"]);
          equal((await file.stat()).size, 7, "the size");
          equal(await context.textOf(file.path), done ? "cont\0\0\0" : "content", `the file behind ${length}`);
        }
      },
    },
    {
      id: "transfers",
      title: "a transfer whose limit is far beyond what there is moves what there is",
      needs: [...connectionNeeds, "send", "receive", "shutdown", "pipeTo"],
      run: async (context) => {
        for (const limit of [2 ** 31, 2 ** 32, 2 ** 32 + 1, POSITION_MAX]) {
          await using pair = await context.pair();
          await using source = await context.openFile(WORDS, "r");
          await using target = await context.io.openFile(context.path(), "wx");
          const sending = source.pipeTo(pair.near, { position: 0, length: limit });
          equal((await sending).bytesTransferred, 16, `bytesTransferred of ${limit}`);
          await sendBytes(context.far, pair.far, WORDS);
          await pair.far.shutdown("send");
          const { bytesTransferred } = await pair.near.pipeTo(target, { position: 0, bytesMax: limit });
          equal(bytesTransferred, 16, `bytesTransferred of ${limit}`);
          equalBytes(await context.contentOf(target.path), WORDS, "the file");
          equalBytes(await receiveBytes(context.far, pair.far, 16), WORDS, "what was received");
        }
      },
    },
    // --- counts ---------------------------------------------------------------------------------------------------
    {
      id: "vectors",
      title: `${VECTOR_MAX} buffers are written at once; one more is ERR_OUT_OF_RANGE, and so is a request of it`,
      needs: ["readv", "writev"],
      mutants: ["vector-too-long-accepted"],
      run: async (context) => {
        await using file = await context.openFile("");
        using buffer = context.io.buffers.take(VECTOR_MAX + 1);
        for (let index = 0; index <= VECTOR_MAX; index++) buffer.bytes[index] = index;
        const content = buffer.bytes.slice().reverse();
        const parts = Array.from({ length: VECTOR_MAX }, (_, index) =>
          buffer.slice(VECTOR_MAX - index, VECTOR_MAX - index + 1),
        );
        const { bytesWritten } = await file.writev(parts, { position: 0 });
        ok(bytesWritten > 0, "some bytes to be written");
        equalBytes(await context.contentOf(file.path), content.subarray(0, bytesWritten), "the file");
        const tooMany = [...parts, buffer.slice(0, 1)];
        await expectRefused(context, [tooMany, new Array<Lendable>(2 ** 32 - 1)], (buffers) => [
          file.writev(buffers),
          file.readv(buffers),
        ]);
        for (const opcode of ["readv", "writev"] as const) {
          throws(() => context.io.submit({ opcode, file, buffers: tooMany }), "ERR_OUT_OF_RANGE");
        }
        expectHome(context, buffer);
      },
    },
    // --- names ----------------------------------------------------------------------------------------------------
    {
      id: "paths",
      title: `paths of ${PATH_BYTES_MAX} bytes arrive whole wherever one is taken, and longer ones are ERR_INVALID_PATH`,
      needs: ["stat", "mkdir", "unlink", "rename", "hardlink"],
      mutants: ["paths-counted-in-characters"],
      run: async (context) => {
        const { io } = context;
        const at = (path: string) => stretched(path, PATH_BYTES_MAX);
        const [file, linked, moved, directory] = [context.path(), context.path(), context.path(), context.path("ü")];
        await (await io.openFile(at(file), "wx")).close();
        equal((await io.stat(at(file))).size, 0, "the size");
        await io.hardlink(at(file), at(linked));
        await io.rename(at(linked), at(moved));
        equal((await io.stat(moved)).nlink, 2, "the links of the file");
        await io.mkdir(at(directory));
        equal((await io.stat(directory)).isDirectory(), true, "that it is a directory");
        await io.rmdir(at(directory));
        for (const path of [file, moved]) await io.unlink(at(path));
        await rejects(io.stat(file), "ENOENT");
        const tooLong = [
          stretched(file, PATH_BYTES_MAX + 1),
          "ü".repeat(2048),
          new Uint8Array(PATH_BYTES_MAX + 1).fill(0x61),
          "x".repeat(2 ** 20),
        ];
        await expectRefused(
          context,
          tooLong,
          (path) => [
            io.openFile(path),
            io.stat(path),
            io.mkdir(path),
            io.unlink(path),
            io.rmdir(path),
            io.rename(path, "x"),
            io.rename("x", path),
            io.hardlink(path, "x"),
            io.hardlink("x", path),
            io.symlink(path, "x"),
            io.symlink("x", path),
          ],
          "ERR_INVALID_PATH",
        );
      },
    },
    // --- times ----------------------------------------------------------------------------------------------------
    {
      id: "times",
      title: "times beyond what a word of microseconds holds are kept: nothing fires before its time",
      needs: [...connectionNeeds, "receive", "timer", "cancelSocket"],
      calmOnly: true,
      mutants: ["timeouts-wrap"],
      run: async (context) => {
        const { io } = context;
        await using pair = await context.pair();
        const { signal, abort } = abortable();
        const buffers = WRAPPING_MS.map(() => io.buffers.take(4));
        let ended = 0;
        const waiting = WRAPPING_MS.flatMap((ms, index) => [
          io.sleep(ms, { signal }),
          pair.near.receive(buffers[index]!, { timeoutMs: ms, signal }),
          pair.listener.accept({ timeoutMs: ms, signal }),
          io.submit({ opcode: "timer", afterMs: ms, signal }).done,
        ]).map((promise) =>
          rejects(promise, "ABORT_ERR").finally(() => {
            ended++;
          }),
        );
        await context.after(20);
        equal(ended, 0, "the number of those that have ended");
        abort();
        await Promise.all(waiting);
        for (const buffer of buffers) buffer.release();
      },
    },
    {
      id: "backlog",
      title: "the longest backlog is taken, and so is the shortest",
      needs: connectionNeeds,
      run: async (context) => {
        for (const backlog of [1, 65_535]) {
          await using listener = await context.io.listen({ backlog });
          const [near, far] = await Promise.all([listener.accept(), context.connectTo(listener)]);
          await near.close();
          await far.close();
        }
      },
    },
  ],
};
