/** Opening files with more than a flag text. */
import { textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, ok, rejects } from "./expect.js";

/** A directory of the case's own. */
const directoryOf = (path: string) => path.replace(/[\\/][^\\/]*$/, "");

export const fileOpenFlagsClause: Clause = {
  id: "open-flags",
  title: "opening a file with more flags",
  needs: ["open", "close", "read", "write", "stat"],
  cases: [
    {
      id: "create-and-keep",
      mutants: ["create-option-ignored"],
      title: '"r+" with create makes what is not there, and leaves what is there as it is',
      run: async (context) => {
        const { io } = context;
        for (const [path, content] of [
          [context.path(), "K"],
          [await context.givenFile("kept"), "Kept"],
        ] as const) {
          await using file = await io.openFile(path, "r+", { create: true });
          using buffer = io.buffers.copyFrom("K");
          await file.writeFull(buffer, { position: 0 });
          equal(await context.textOf(path), content, "the file");
        }
      },
    },
    {
      id: "no-follow",
      mutants: ["no-follow-ignored"],
      title: "with noFollow a link at the end of the path is ELOOP, and a file is opened",
      needs: ["symlink"],
      run: async (context) => {
        const { io } = context;
        const path = await context.givenFile("x");
        const link = context.path("link");
        await io.symlink(path, link);
        await rejects(io.openFile(link, "r", { noFollow: true }), "ELOOP", { path: link });
        for (const target of [path, link]) {
          await using _file = await io.openFile(target, "r", { noFollow: target === path });
        }
      },
    },
    {
      id: "directory",
      title: "with directory nothing but a directory is opened",
      run: async (context) => {
        const path = await context.givenFile("x");
        await rejects(context.io.openFile(path, "r", { directory: true }), "ENOTDIR", { path });
        await using opened = await context.io.openFile(directoryOf(path), "r", { directory: true });
        ok((await opened.stat()).isDirectory(), "a directory");
      },
    },
    {
      id: "temporary",
      title: "a temporary file can be written and read, and has no name; it wants to be written",
      run: async (context) => {
        const { io } = context;
        const directory = directoryOf(context.path());
        await rejects(io.openFile(directory, "r", { temporary: true }), "EINVAL");
        // Not every file system has it; then it says so.
        const opened = await io.openFile(directory, "r+", { temporary: true }).catch((error: { code: string }) => {
          equal(error.code, "ENOTSUP", "the code of the error");
        });
        if (opened === undefined) return;
        await using file = opened;
        using buffer = io.buffers.copyFrom("nowhere");
        await file.writeFull(buffer);
        await file.readFull(buffer, { position: 0 });
        equal(textOf(buffer.bytes), "nowhere", "what is read");
        equal((await file.stat()).nlink, 0, "the number of names");
      },
    },
    {
      id: "path-only",
      title: "with pathOnly there is nothing to read or write, and metadata all the same",
      run: async (context) => {
        await using place = await context.io.openFile(await context.givenFile("12345"), "r", { pathOnly: true });
        equal((await place.stat()).size, 5, "the size");
        using buffer = context.io.buffers.take(5);
        await rejects(place.read(buffer, { position: 0 }), "EBADF", { buffer });
        await rejects(place.write(buffer, { position: 0 }), "EBADF", { buffer });
      },
    },
    {
      id: "no-access-time",
      title: "with noAccessTime the file is read as ever",
      run: async (context) => {
        await using file = await context.io.openFile(await context.givenFile("x"), "r", { noAccessTime: true });
        using buffer = context.io.buffers.take(1);
        equal((await file.read(buffer)).bytesRead, 1, "bytesRead");
      },
    },
    {
      id: "numbers",
      mutants: ["unknown-open-bits-dropped"],
      title: "flags may be the system's numbers: 0, 1 and 2 read, write and do both; what is no flag is refused",
      run: async (context) => {
        const { io } = context;
        const path = await context.givenFile("x");
        using buffer = io.buffers.take(1);
        for (const [flags, reads, writes] of [
          [0, true, false],
          [1, false, true],
          [2, true, true],
        ] as const) {
          await using file = await io.openFile(path, flags);
          if (reads) await file.read(buffer, { position: 0 });
          else await rejects(file.read(buffer, { position: 0 }), "EBADF");
          if (writes) await file.write(buffer, { position: 0 });
          else await rejects(file.write(buffer, { position: 0 }), "EBADF");
        }
        for (const flags of [3, -1, 0.5, Number.NaN, 2 ** 30, 2 ** 40]) {
          await rejects(io.openFile(path, flags), "ERR_INVALID_ARG_VALUE");
        }
      },
    },
    {
      id: "bad-options",
      title: "options that are no booleans are refused by name",
      run: async (context) => {
        const path = await context.givenFile("x");
        for (const name of ["create", "nonBlock", "noFollow", "directory", "temporary", "pathOnly", "noAccessTime"]) {
          await rejects(context.io.openFile(path, "r", { [name]: 1 } as never), "ERR_INVALID_ARG_TYPE");
        }
      },
    },
  ],
};
