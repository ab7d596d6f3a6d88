/** Opening and closing files. */

import { textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, ok, oneOf, rejects } from "./expect.js";

/** The directory of a path. */
function directoryOf(path: string): string {
  return path.replace(/[\\/][^\\/]*$/, "");
}

export const fileOpenClause: Clause = {
  id: "file-open",
  title: "opening a file",
  needs: ["open", "close", "read", "write"],
  cases: [
    {
      id: "not-there",
      mutants: ["error-without-path"],
      title: "a path where nothing is rejects with ENOENT, its errno, the system call, the path and the driver",
      run: async (context) => {
        const path = context.path("missing");
        const error = await rejects(context.io.openFile(path), "ENOENT", {
          errno: -2,
          syscall: "open",
          path,
          driver: context.io.driver,
        });
        ok(error instanceof Error && error.message.includes(path), "the message to name the path");
      },
    },
    {
      id: "there-already",
      title: "exclusive flags on what exists reject with EEXIST and leave it as it is",
      run: async (context) => {
        const path = await context.givenFile("kept");
        for (const flags of ["wx", "wx+", "ax", "ax+"] as const) {
          await rejects(context.io.openFile(path, flags), "EEXIST", { errno: -17, path });
        }
        equal(await context.textOf(path), "kept", "the file");
      },
    },
    {
      id: "directory",
      title: "a directory opened for writing rejects with EISDIR",
      run: async (context) => {
        const directory = directoryOf(context.path());
        await rejects(context.io.openFile(directory, "r+"), "EISDIR", { errno: -21, path: directory });
      },
    },
    {
      id: "below-a-file",
      title: "a path below a file rejects with ENOTDIR",
      run: async (context) => {
        const path = `${await context.givenFile("x")}/below`;
        await rejects(context.io.openFile(path), "ENOTDIR", { errno: -20, path });
      },
    },
    {
      id: "name-too-long",
      title: "a name of 300 bytes rejects with ENAMETOOLONG",
      run: async (context) => {
        await rejects(context.io.openFile(context.path("n".repeat(300))), "ENAMETOOLONG", { errno: -36 });
      },
    },
    {
      id: "bad-path",
      mutants: ["nul-in-path-allowed"],
      title: "a path that is empty, too long or has a NUL byte is ERR_INVALID_PATH, and opens nothing",
      run: async (context) => {
        const path = await context.givenFile("x");
        for (const bad of ["", `${path}\0.txt`, "a/".repeat(2100), new Uint8Array(0), utf8("a\0b")]) {
          await rejects(context.io.openFile(bad), "ERR_INVALID_PATH");
          await rejects(context.io.stat(bad), "ERR_INVALID_PATH");
        }
        for (const bad of [7, null, {}, new URL("file:///tmp/x")]) {
          await rejects(context.io.openFile(bad as never), "ERR_INVALID_ARG_TYPE");
        }
      },
    },
    {
      id: "bad-options",
      title: "flags and options that do not exist are refused by name",
      run: async (context) => {
        const path = await context.givenFile("x");
        const { io } = context;
        await rejects(io.openFile(path, "rw" as never), "ERR_INVALID_ARG_VALUE");
        await rejects(io.openFile(path, "toString" as never), "ERR_INVALID_ARG_VALUE");
        await rejects(io.openFile(path, null as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.openFile(path, "r", null as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.openFile(path, "w", { mod: 0o600 } as never), "ERR_UNKNOWN_OPTION");
        for (const mode of [-1, 0o10000, 1.5, Number.NaN])
          await rejects(io.openFile(path, "w", { mode }), "ERR_OUT_OF_RANGE");
        equal(await context.textOf(path), "x", "the file");
      },
    },
    {
      id: "path-as-bytes",
      title: "a path may be given as bytes, and need not be ASCII",
      run: async (context) => {
        const path = context.path("grün-日本");
        await using written = await context.io.openFile(path, "wx");
        using buffer = context.io.buffers.copyFrom("here");
        await written.writeFull(buffer);
        await using file = await context.io.openFile(utf8(path), "r");
        equal(file.path, path, "file.path");
        const { bytesRead } = await file.readFull(buffer, { position: 0 });
        equal(textOf(buffer.bytes.subarray(0, bytesRead)), "here", "what was read");
      },
    },
    {
      id: "read-only",
      title: 'a file opened with "r" cannot be written: EBADF with the system call, the path and the buffer',
      run: async (context) => {
        await using file = await context.openFile("kept", "r");
        using buffer = context.io.buffers.copyFrom("lost");
        await rejects(file.write(buffer, { position: 0 }), "EBADF", {
          errno: -9,
          syscall: "write",
          path: file.path,
          driver: context.io.driver,
          buffer,
          bytesTransferred: 0,
        });
        equal(await context.textOf(file.path), "kept", "the file");
      },
    },
    {
      id: "write-only",
      title: 'a file opened with "w" cannot be read: EBADF with the buffer',
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "w");
        using buffer = context.io.buffers.take(4);
        await rejects(file.read(buffer, { position: 0 }), "EBADF", {
          errno: -9,
          syscall: "read",
          path: file.path,
          buffer,
        });
      },
    },
    {
      id: "flags",
      title: "each flag text makes, empties, keeps or extends the file as fs.open does",
      run: async (context) => {
        const { io } = context;
        const expected = [
          ["r+", "new!5"],
          ["w", "new!"],
          ["w+", "new!"],
          ["a", "12345new!"],
          ["a+", "12345new!"],
          ["rs+", "new!5"],
          ["as", "12345new!"],
        ] as const;
        for (const [flags, content] of expected) {
          const path = await context.givenFile("12345");
          await using file = await io.openFile(path, flags);
          using buffer = io.buffers.copyFrom("new!");
          await file.writeFull(buffer);
          equal(await context.textOf(path), content, `a file opened with "${flags}" and written to`);
        }
        for (const flags of ["w", "wx", "a", "ax", "w+", "a+"] as const) {
          const path = context.path();
          await using _file = await io.openFile(path, flags);
          equal(await context.textOf(path), "", `a new file opened with "${flags}"`);
        }
        for (const flags of ["r", "r+", "rs"] as const) await rejects(io.openFile(context.path(), flags), "ENOENT");
      },
    },
    {
      id: "mode",
      title: "the mode of a new file is the one that was asked for",
      needs: ["stat"],
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx", { mode: 0o600 });
        equal((await file.stat()).mode & 0o777, 0o600, "the permission bits");
      },
    },
    {
      id: "two-positions",
      title: "a file opened twice has two positions",
      run: async (context) => {
        const path = await context.givenFile("0123456789");
        await using one = await context.io.openFile(path);
        await using two = await context.io.openFile(path);
        using buffer = context.io.buffers.take(4);
        await one.readFull(buffer);
        equal(textOf(buffer.bytes), "0123", "the first file's first four bytes");
        await two.readFull(buffer);
        equal(textOf(buffer.bytes), "0123", "the second file's first four bytes");
        await one.readFull(buffer);
        equal(textOf(buffer.bytes), "4567", "the first file's next four bytes");
      },
    },
    {
      id: "hundred-at-once",
      title: "a hundred opens at once are a hundred files",
      run: async (context) => {
        const path = await context.givenFile("x");
        const files = await Promise.all(Array.from({ length: 100 }, () => context.io.openFile(path)));
        equal(context.io.inspect().resources.length, 100, "the number of resources");
        await Promise.all(files.map((file) => file.close()));
      },
    },
    {
      id: "close-once",
      mutants: ["close-twice-allowed"],
      title: "a second close is ERR_RESOURCE_CLOSED_TWICE, while it closes and afterwards; disposal is silent",
      promise: "closing-is-orderly",
      run: async (context) => {
        const file = await context.openFile("x");
        equal(file.closed, false, "file.closed");
        const closing = file.close();
        equal(file.closed, true, "file.closed while it closes");
        await rejects(file.close(), "ERR_RESOURCE_CLOSED_TWICE");
        equal<unknown>(await closing, file, "what close() resolves with");
        await rejects(file.close(), "ERR_RESOURCE_CLOSED_TWICE");
        await file[Symbol.asyncDispose]();
      },
    },
    {
      id: "close-waits",
      title: "close waits for the reads in flight, and each of them has its result",
      promise: "closing-is-orderly",
      run: async (context) => {
        const file = await context.openFile("0123456789");
        const buffers = Array.from({ length: 10 }, () => context.io.buffers.take(1));
        const reads = buffers.map((buffer, position) => file.read(buffer, { position }));
        let settled = 0;
        for (const read of reads) void read.then(() => settled++);
        await file.close();
        equal(settled, 10, "the number of reads that had settled before the close");
        equal(buffers.map((buffer) => textOf(buffer.bytes)).join(""), "0123456789", "what was read");
        for (const buffer of buffers) buffer.release();
      },
    },
    {
      id: "stale-file",
      title: "a closed file stays closed although its handle is used again",
      promise: "closing-is-orderly",
      run: async (context) => {
        const first = await context.openFile("first");
        await first.close();
        await using second = await context.openFile("second");
        using buffer = context.io.buffers.take(6);
        await rejects(first.read(buffer), "ERR_RESOURCE_CLOSED");
        await second.readFull(buffer, { position: 0 });
        equal(textOf(buffer.bytes), "second", "what the second file holds");
      },
    },
    {
      id: "direct",
      title: "a file opened past the page cache reads whole pages into buffers of the pool",
      needs: ["directIo", "pageAlignedMemory"],
      run: async (context) => {
        const path = await context.givenFile(new Uint8Array(8192).fill(3));
        // Not every file system has it; then it says so.
        const opened = await context.io
          .openFile(path, "r", { direct: true })
          .catch((error: { code: string }) => error.code);
        if (typeof opened === "string") return oneOf(opened, ["EINVAL", "ENOTSUP"], "the code of the error");
        await using file = opened;
        using buffer = context.io.buffers.take(4096);
        await file.readFull(buffer, { position: 4096 });
        equal(buffer.bytes[4095], 3, "the last byte");
      },
    },
  ],
};
