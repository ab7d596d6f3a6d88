/** Space of a file, and advice on how it is used. */

import type { AllocateMode } from "@baton-io/core";
import { pattern, textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects, throws } from "./expect.js";
import { FAR_POSITION } from "./limit-values.js";

/** Modes that some file systems lack: they say so, and that is all that can be asked of them. */
async function allocated(promise: Promise<void>): Promise<boolean> {
  return promise.then(
    () => true,
    (error: { code: string; syscall: string }) => {
      equal(error.code, "ENOTSUP", "the code of the error");
      equal(error.syscall, "fallocate", "error.syscall");
      return false;
    },
  );
}

export const fileSpaceClause: Clause = {
  id: "file-allocate",
  title: "space of a file",
  needs: ["open", "close", "stat", "allocate"],
  cases: [
    {
      id: "grow",
      title:
        "it reserves a range and makes the file as long as the range's end; what was there stays, the rest is zero",
      run: async (context) => {
        await using file = await context.openFile("content");
        if (!(await allocated(file.allocate({ position: 4, length: 8 })))) return;
        equal((await file.stat()).size, 12, "the size");
        equalBytes(await context.contentOf(file.path), utf8("content\0\0\0\0\0"), "the file");
        await file.allocate({ length: 3 });
        equal((await file.stat()).size, 12, "the size after a range within the file");
      },
    },
    {
      id: "keep-size",
      title: "with keep-size it reserves space and the length stays",
      run: async (context) => {
        await using file = await context.openFile("content");
        if (!(await allocated(file.allocate({ length: 2 ** 20, mode: "keep-size" })))) return;
        equal((await file.stat()).size, 7, "the size");
        equal(await context.textOf(file.path), "content", "the file");
      },
    },
    {
      id: "punch-hole",
      title: "a hole reads as zero, its neighbours stay, and so does the length, even beyond the end",
      run: async (context) => {
        const bytes = pattern(20_000, 67);
        await using file = await context.openFile(bytes);
        if (!(await allocated(file.allocate({ position: 5000, length: 10_000, mode: "punch-hole" })))) return;
        await file.allocate({ position: 19_990, length: 4096, mode: "punch-hole" });
        bytes.fill(0, 5000, 15_000).fill(0, 19_990);
        equalBytes(await context.contentOf(file.path), bytes, "the file");
      },
    },
    {
      id: "zero",
      title: "a zeroed range reads as zero; the file grows to its end, or not with zero-keep-size",
      run: async (context) => {
        for (const [mode, size] of [
          ["zero", 12],
          ["zero-keep-size", 10],
        ] as const) {
          await using file = await context.openFile("0123456789");
          if (!(await allocated(file.allocate({ position: 7, length: 5, mode })))) continue;
          equal((await file.stat()).size, size, `the size after ${mode}`);
          const expected = new Uint8Array(size);
          expected.set(utf8("0123456"));
          equalBytes(await context.contentOf(file.path), expected, "the file");
        }
      },
    },
    {
      id: "beyond-4-gib",
      title: "positions and lengths beyond 4 GiB are exact",
      needs: ["truncate"],
      run: async (context) => {
        await using file = await context.openFile("x");
        if ((context.subject.fileBytesMax ?? Number.POSITIVE_INFINITY) < FAR_POSITION) {
          const far = file.allocate({ position: FAR_POSITION, length: 1 });
          await rejects(far, ["EFBIG", "ENOTSUP"], { syscall: "fallocate", path: file.path });
          return;
        }
        if (!(await allocated(file.allocate({ position: FAR_POSITION, length: 4096 })))) return;
        const before = await file.stat();
        equal(before.size, FAR_POSITION + 4096, "the size");
        await file.allocate({ length: FAR_POSITION + 4096, mode: "punch-hole" });
        const stat = await file.stat();
        equal(stat.size, FAR_POSITION + 4096, "the size after the hole");
        ok(stat.blocks < before.blocks, "fewer blocks than before");
        await file.truncate(0);
      },
    },
    {
      id: "read-only",
      title: "on a file that is open for reading only it is EBADF, with the system call and the path",
      run: async (context) => {
        await using file = await context.openFile("kept", "r");
        await rejects(file.allocate({ length: 10 }), "EBADF", {
          errno: -9,
          syscall: "fallocate",
          path: file.path,
          driver: context.io.driver,
        });
      },
    },
    {
      id: "bad-arguments",
      title: "a range or mode that is none, and misspelt options, are refused before anything is submitted",
      run: async (context) => {
        await using file = await context.openFile("kept");
        const { submitted } = context.io.inspect().counters;
        for (const length of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
          await rejects(file.allocate({ length }), "ERR_OUT_OF_RANGE");
        }
        for (const position of [-1, 1.5, 2 ** 53]) {
          await rejects(file.allocate({ position, length: 1 }), "ERR_OUT_OF_RANGE");
        }
        await rejects(file.allocate({ position: 2 ** 53 - 10, length: 100 }), "ERR_OUT_OF_RANGE");
        await rejects(file.allocate({} as never), "ERR_INVALID_ARG_TYPE");
        await rejects(file.allocate(undefined as never), "ERR_INVALID_ARG_TYPE");
        for (const mode of ["toString", "", "shrink", 1, null]) {
          const asked = { length: 1, mode: mode as AllocateMode };
          // `null` is no way to leave an option out.
          if (mode === null) await rejects(file.allocate(asked), "ERR_INVALID_ARG_VALUE");
          else throws(() => context.io.submit({ opcode: "allocate", file, ...asked }), "ERR_INVALID_ARG_VALUE");
        }
        await rejects(file.allocate({ length: 1, keepSize: true } as never), "ERR_UNKNOWN_OPTION");
        equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
      },
    },
  ],
};

export const fileAdviceClause: Clause = {
  id: "file-advise",
  title: "advice on a file",
  needs: ["open", "close", "advise"],
  cases: [
    {
      id: "changes-nothing",
      title: "each advice is taken, for the whole file and for a range, and no byte changes",
      needs: ["read"],
      run: async (context) => {
        await using file = await context.openFile("content", "r");
        for (const advice of ["normal", "random", "sequential", "will-need", "dont-need", "no-reuse"] as const) {
          equal(await file.advise(advice), undefined, `the result of ${advice}`);
          await file.advise(advice, { position: 2 });
          await file.advise(advice, { position: FAR_POSITION, length: FAR_POSITION });
        }
        using buffer = context.io.buffers.take(7);
        await file.readFull(buffer, { position: 0 });
        equal(textOf(buffer.bytes), "content", "what is read");
      },
    },
    {
      id: "bad-arguments",
      title: "advice or a range that is none, and misspelt options, are refused before anything is submitted",
      run: async (context) => {
        await using file = await context.openFile("content", "r");
        const { submitted } = context.io.inspect().counters;
        for (const advice of ["", "willNeed", "toString", 3, null, undefined]) {
          await rejects(file.advise(advice as never), "ERR_INVALID_ARG_VALUE");
        }
        for (const value of [-1, 1.5, 2 ** 53]) {
          await rejects(file.advise("random", { position: value }), "ERR_OUT_OF_RANGE");
          await rejects(file.advise("random", { length: value }), "ERR_OUT_OF_RANGE");
        }
        await rejects(file.advise("random", { offset: 1 } as never), "ERR_UNKNOWN_OPTION");
        equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
      },
    },
  ],
};
