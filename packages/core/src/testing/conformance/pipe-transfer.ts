/** From a connection into a file and back. */
import type { File } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext, Pair } from "./context.js";
import { equal, equalBytes, ok, oneOf, rejects } from "./expect.js";
import { type Ended, LARGE_BYTES, pipeFromFileEndings } from "./pipe-endings.js";
import { keepText, receiveAll, receiveBytes, sendBytes, sendText } from "./stream-talk.js";

/** A transfer into a FIFO that nobody reads, ended early by `how`; nothing may be missing or there twice afterwards. */
function intoFullFifo(how: "signal" | "timeoutMs" | "the file's close" | "the connection's close") {
  const gone = how === "the connection's close";
  return {
    id: `to-fifo-${how.replaceAll(/\W+/g, "-")}`,
    title: `into a FIFO that is full it is ended by ${how} all the same, and counts what the FIFO has`,
    promise: "nothing-is-lost",
    needs: ["cancelSocket", "cancelFile"],
    subjectNeeds: ["makeFifos"],
    mutants: gone ? ["pipe-into-fifo-outlives-its-source"] : ["pipe-into-fifo-waits-for-ever"],
    run: async (context: CaseContext) => {
      const { io, far } = context;
      await using pair = await context.pair();
      const path = context.path("fifo");
      await context.subject.makeFifos!([path]);
      const fifo = await io.openFile(path, "r+");
      await using reader = await io.openFile(path, "r+");
      const bytes = pattern(600_000, 31);
      const sending = sendBytes(far, pair.far, bytes)
        .then(() => pair.far.shutdown())
        .catch((error: unknown) => {
          // Whom it sends to may be gone at any point of it.
          if (!gone) throw error;
        });
      const controller = new AbortController();
      const options = how === "timeoutMs" ? { timeoutMs: 50 } : { signal: controller.signal };
      const piping = pair.near.pipeTo(fifo, options).then(
        ({ bytesTransferred }): Ended => ({ code: "none", bytesTransferred }),
        (error: Ended) => error,
      );
      if (how !== "timeoutMs") await context.after(50);
      if (how === "signal") controller.abort();
      if (how === "the file's close") await fifo.close();
      if (gone) await pair.near.close();
      const { code, bytesTransferred } = await piping;
      const codes = { signal: "ABORT_ERR", timeoutMs: "ERR_TIMEOUT" } as Record<string, string>;
      equal(code, codes[how] ?? "ERR_RESOURCE_CLOSED", "the code of the error");
      using into = io.buffers.take(bytes.length);
      const { bytesRead } = await reader.readFull(into, { length: bytesTransferred });
      equalBytes(into.bytes.subarray(0, bytesRead), bytes.subarray(0, bytesTransferred), "what the FIFO has");
      await rejects(reader.read(into, { timeoutMs: 5 }), "ERR_TIMEOUT");
      if (!gone) {
        const rest = await receiveBytes(io, pair.near, bytes.length - bytesTransferred);
        equalBytes(rest, bytes.subarray(bytesTransferred), "what is received next");
      }
      await sending;
      await fifo[Symbol.asyncDispose]();
    },
  } satisfies Clause["cases"][number];
}

/** A transfer into a file, ended early by `end` while bytes come; nothing may be missing or there twice afterwards. */
function endedEarly(
  id: string,
  how: string,
  codes: readonly string[],
  end: (parts: { context: CaseContext; pair: Pair; file: File; controller: AbortController }) => unknown,
  rest: "received" | "gone",
): Clause["cases"][number] {
  return {
    id: `to-file-${id}`,
    title: `${how}: the file has exactly the bytes that the error counts${rest === "gone" ? "" : ", the next receive the others"}`,
    promise: "nothing-is-lost",
    needs: ["cancelSocket"],
    run: async (context) => {
      await using pair = await context.pair();
      const file = await context.io.openFile(context.path(), "wx");
      const bytes = pattern(300_000, 73);
      const controller = new AbortController();
      const piping = pair.near.pipeTo(file, { position: 0, signal: controller.signal }).then(
        ({ bytesTransferred }): Ended => ({ code: "none", bytesTransferred }),
        (error: Ended) => error,
      );
      await sendBytes(context.far, pair.far, bytes.subarray(0, 100_000));
      await context.turn(2);
      const ending = end({ context, pair, file, controller });
      const sending = sendBytes(context.far, pair.far, bytes.subarray(100_000)).then(
        () => pair.far.close(),
        () => undefined,
      );
      const { code, bytesTransferred } = await piping;
      oneOf(code, codes, "the code of the error");
      await ending;
      const written = await context.contentOf(file.path);
      equal(written.length, bytesTransferred, "the length of the file");
      equalBytes(written, bytes.subarray(0, bytesTransferred), "the file");
      if (rest === "received") {
        equalBytes(
          await receiveBytes(context.io, pair.near),
          bytes.subarray(bytesTransferred),
          "what is received next",
        );
      }
      await sending;
      await file[Symbol.asyncDispose]();
    },
  };
}

export const pipeToFileClause: Clause = {
  id: "pipe-to-file",
  title: "from a connection into a file",
  needs: [...connectionNeeds, "send", "receive", "open", "read", "write", "pipeTo"],
  cases: [
    {
      id: "whole",
      title: "all bytes until the peer's end are in the file, and none comes into the program's buffers",
      run: async (context) => {
        await using pair = await context.pair();
        await using file = await context.io.openFile(context.path(), "wx");
        const bytes = pattern(1_000_003, 79);
        const sending = sendBytes(context.far, pair.far, bytes).then(() => pair.far.close());
        const { bytesTransferred } = await pair.near.pipeTo(file);
        await sending;
        equal(bytesTransferred, bytes.length, "bytesTransferred");
        equalBytes(await context.contentOf(file.path), bytes, "the file");
        equal(context.io.inspect().buffers.out, 0, "the number of buffers out");
      },
    },
    {
      id: "limit",
      mutants: ["pipe-limit-ignored"],
      title: "with bytesMax it moves exactly so many, to the position that was given, and leaves the others alone",
      run: async (context) => {
        await using pair = await context.pair();
        await using file = await context.openFile("................");
        await sendText(context.far, pair.far, "0123456789");
        for (const [bytesMax, position] of [
          [0, 0],
          [3, 2],
          [4, 10],
        ] as const) {
          equal((await pair.near.pipeTo(file, { position, bytesMax })).bytesTransferred, bytesMax, "bytesTransferred");
        }
        equal(await context.textOf(file.path), "..012.....3456..", "the file");
        await pair.far.close();
        equal(await receiveAll(context.io, pair.near), "789", "what is received next");
        equal((await pair.near.pipeTo(file)).bytesTransferred, 0, "bytesTransferred after the end");
      },
    },
    {
      id: "own-position",
      title: "without a position it writes where the file's own is, and at the end of a file for appending",
      run: async (context) => {
        for (const [flags, expected] of [
          ["r+", "ABxyef"],
          ["a", "abcdefABxy"],
        ] as const) {
          await using pair = await context.pair();
          await using file = await context.openFile("abcdef", flags);
          await sendText(context.far, pair.far, "xy");
          await pair.far.shutdown();
          using first = context.io.buffers.copyFrom("AB");
          await file.writeFull(first);
          equal((await pair.near.pipeTo(file)).bytesTransferred, 2, "bytesTransferred");
          equal(await context.textOf(file.path), expected, `the file opened with ${flags}`);
        }
      },
    },
    {
      id: "kept-bytes",
      title: "bytes that were kept for the next receive come first",
      promise: "nothing-is-lost",
      needs: ["cancelSocket"],
      run: async (context) => {
        await using pair = await context.pair();
        await keepText(context, pair, "kept ");
        await sendText(context.far, pair.far, "and new");
        await pair.far.close();
        await using file = await context.io.openFile(context.path(), "wx");
        equal((await pair.near.pipeTo(file, { bytesMax: 3 })).bytesTransferred, 3, "bytesTransferred");
        equal((await pair.near.pipeTo(file)).bytesTransferred, 9, "bytesTransferred");
        equal(await context.textOf(file.path), "kept and new", "the file");
        context.expect({ orphans: 1 });
      },
    },
    endedEarly("aborted", "aborted", ["ABORT_ERR"], ({ controller }) => controller.abort(), "received"),
    endedEarly(
      "file-closed",
      "with its file closed meanwhile",
      ["ERR_RESOURCE_CLOSED"],
      ({ file }) => file.close(),
      "received",
    ),
    endedEarly(
      "stream-closed",
      "with its connection closed meanwhile",
      ["ERR_RESOURCE_CLOSED"],
      ({ pair }) => pair.near.close(),
      "gone",
    ),
    ...(["signal", "timeoutMs", "the file's close", "the connection's close"] as const).map(intoFullFifo),
    {
      id: "deadline",
      title: "timeoutMs is for all of it: what had come by then is in the file",
      needs: ["cancelSocket"],
      run: async (context) => {
        await using pair = await context.pair();
        await using file = await context.io.openFile(context.path(), "wx");
        await sendText(context.far, pair.far, "in time");
        const { bytesTransferred = 0 } = await rejects(pair.near.pipeTo(file, { timeoutMs: 100 }), "ERR_TIMEOUT", {
          name: "TimeoutError",
        });
        // On a machine that has no time for it none of them may have come by then.
        equal(await context.textOf(file.path), "in time".slice(0, bytesTransferred), "the file");
        await pair.far.close();
        equal(await receiveAll(context.io, pair.near), "in time".slice(bytesTransferred), "what is received next");
      },
    },
    {
      id: "not-writable",
      mutants: ["refused-bytes-are-lost"],
      title: "bytes that the file does not take are there for the next receive",
      promise: "nothing-is-lost",
      run: async (context) => {
        await using pair = await context.pair();
        await using file = await context.openFile("kept", "r");
        await sendText(context.far, pair.far, "not for you");
        await pair.far.close();
        await rejects(pair.near.pipeTo(file), ["EBADF", "EINVAL"], { bytesTransferred: 0 });
        equal(await receiveAll(context.io, pair.near), "not for you", "what is received next");
        equal(await context.textOf(file.path), "kept", "the file");
      },
    },
    {
      id: "bad-arguments",
      title: "ends of different backends, what is no file, and bad options are refused before anything is submitted",
      run: async (context) => {
        await using pair = await context.pair();
        await using file = await context.io.openFile(context.path(), "wx");
        const stranger = await context.another().openFile(context.path(), "wx");
        const { submitted } = context.io.inspect().counters;
        await rejects(pair.near.pipeTo(stranger), "ERR_RESOURCE_FOREIGN");
        await rejects(stranger.pipeTo(pair.near), "ERR_RESOURCE_FOREIGN");
        await rejects(pair.near.pipeTo(pair.near as never), "ERR_INVALID_ARG_TYPE");
        await rejects(file.pipeTo(file as never), "ERR_INVALID_ARG_TYPE");
        for (const value of [-1, 1.5, 2 ** 53]) {
          await rejects(pair.near.pipeTo(file, { position: value }), "ERR_OUT_OF_RANGE");
          await rejects(pair.near.pipeTo(file, { bytesMax: value }), "ERR_OUT_OF_RANGE");
          await rejects(file.pipeTo(pair.near, { length: value }), "ERR_OUT_OF_RANGE");
        }
        await rejects(pair.near.pipeTo(file, { length: 3 } as never), "ERR_UNKNOWN_OPTION");
        await rejects(file.pipeTo(pair.near, { bytesMax: 3 } as never), "ERR_UNKNOWN_OPTION");
        await rejects(file.pipeTo(pair.near, { signal: AbortSignal.abort("no") }), "ABORT_ERR", { cause: "no" });
        equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
        await stranger.close();
        await file.close();
        await rejects(pair.near.pipeTo(file), "ERR_RESOURCE_CLOSED");
      },
    },
  ],
};

export const pipeFromFileClause: Clause = {
  id: "pipe-from-file",
  title: "from a file into a connection",
  needs: [...connectionNeeds, "send", "receive", "open", "read", "pipeTo"],
  cases: [
    {
      id: "whole",
      title: "all of the file arrives, from a position and from the file's own",
      run: async (context) => {
        const bytes = pattern(1_000_003, 83);
        for (const options of [{ position: 0 }, {}]) {
          await using pair = await context.pair();
          await using file = await context.openFile(bytes, "r");
          const receiving = receiveBytes(context.far, pair.far, bytes.length, 2 ** 18);
          const { bytesTransferred } = await file.pipeTo(pair.near, options);
          equal(bytesTransferred, bytes.length, "bytesTransferred");
          equalBytes(await receiving, bytes, "what arrived");
        }
      },
    },
    {
      id: "part",
      mutants: ["pipe-limit-ignored"],
      title: "position and length name the part; beyond the end there is nothing",
      run: async (context) => {
        await using pair = await context.pair();
        await using file = await context.openFile("0123456789", "r");
        for (const [options, count] of [
          [{ position: 3, length: 4 }, 4],
          [{ position: 8, length: 100 }, 2],
          [{ position: 10 }, 0],
          [{ position: 100, length: 5 }, 0],
          [{ length: 0 }, 0],
          [{ length: 2 }, 2],
          [{ length: 3 }, 3],
        ] as const) {
          equal((await file.pipeTo(pair.near, options)).bytesTransferred, count, "bytesTransferred");
        }
        await pair.near.shutdown();
        equal(await receiveAll(context.far, pair.far), "34568901234", "what arrived");
      },
    },
    ...([{ position: 0 }, {}] as const).map((where): Clause["cases"][number] => ({
      id: `aborted-${"position" in where ? "at-a-position" : "own-position"}`,
      title: `aborted while the peer does not read, ${"position" in where ? "at a position" : "at the file's own position"}: the count is what arrives, and the file goes on behind it`,
      promise: "nothing-is-lost",
      needs: ["cancelSocket", "stat"],
      calmOnly: true,
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(LARGE_BYTES, 89);
        await using file = await context.openFile(bytes, "r");
        const controller = new AbortController();
        const piping = file.pipeTo(pair.near, { ...where, signal: controller.signal });
        await context.flush();
        await context.turn(5);
        await context.after(20);
        controller.abort("enough");
        // A driver that does not cut a send short ends when the peer has read it.
        const receiving = receiveBytes(context.far, pair.far, Number.POSITIVE_INFINITY, 2 ** 20);
        const sent = await piping.then(
          ({ bytesTransferred }) => bytesTransferred,
          (error: Ended) => {
            equal(error.code, "ABORT_ERR", "the code of the error");
            return error.bytesTransferred;
          },
        );
        ok(sent <= LARGE_BYTES, "no more than there is");
        await pair.near.shutdown();
        const arrived = await receiving;
        equal(arrived.length, sent, "the number of bytes that arrived");
        equalBytes(arrived, bytes.subarray(0, sent), "what arrived");
        if ("position" in where || sent === LARGE_BYTES) return;
        using buffer = context.io.buffers.take(4096);
        const { bytesRead } = await file.read(buffer);
        equalBytes(buffer.bytes.subarray(0, bytesRead), bytes.subarray(sent, sent + bytesRead), "the next read");
      },
    })),
    ...pipeFromFileEndings,
    {
      id: "echo",
      title: "a file that goes out and comes back through two connections at once is the same",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(400_001, 103);
        await using from = await context.openFile(bytes, "r");
        await using into = await context.io.openFile(context.path(), "wx");
        const back = (async () => {
          using buffer = context.far.buffers.take(8192);
          for (;;) {
            const { bytesReceived } = await pair.far.receive(buffer);
            if (bytesReceived === 0) break;
            await pair.far.send(buffer, { length: bytesReceived });
          }
          await pair.far.shutdown();
        })();
        const [out, home] = await Promise.all([
          from.pipeTo(pair.near, { position: 0 }).then(async (result) => {
            await pair.near.shutdown();
            return result;
          }),
          pair.near.pipeTo(into, { position: 0 }),
          back,
        ]);
        equal(out.bytesTransferred, bytes.length, "the bytes that went out");
        equal(home.bytesTransferred, bytes.length, "the bytes that came back");
        equalBytes(await context.contentOf(into.path), bytes, "the file");
      },
    },
  ],
};
