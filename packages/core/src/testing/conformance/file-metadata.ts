/** Metadata, length and flushing of files. */

import { utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, oneOf, rejects } from "./expect.js";

export const fileMetadataClause: Clause = {
  id: "file-stat",
  title: "metadata of a file",
  needs: ["open", "close", "stat"],
  cases: [
    {
      id: "fields",
      title: "size, type, permission bits and link count are those of the file",
      run: async (context) => {
        const stat = await context.io.stat(await context.givenFile("12345"));
        equal(stat.size, 5, "size");
        equal(stat.isFile(), true, "isFile()");
        for (const is of [
          "isDirectory",
          "isSymbolicLink",
          "isFIFO",
          "isSocket",
          "isBlockDevice",
          "isCharacterDevice",
        ] as const) {
          equal(stat[is](), false, `${is}()`);
        }
        equal(stat.nlink, 1, "nlink");
        equal(stat.mode & 0o600, 0o600, "the owner's permission bits");
        ok(stat.blksize > 0 && stat.blocks >= 0 && stat.ino > 0, "blksize, blocks and ino to be numbers");
      },
    },
    {
      id: "directory",
      title: "a directory is a directory",
      run: async (context) => {
        const stat = await context.io.stat(context.path().replace(/[\\/][^\\/]*$/, ""));
        equal(stat.isDirectory(), true, "isDirectory()");
        equal(stat.isFile(), false, "isFile()");
      },
    },
    {
      id: "by-path-and-by-handle",
      title: "path and open file tell the same",
      run: async (context) => {
        await using file = await context.openFile("12345");
        const [byPath, byHandle] = [await context.io.stat(file.path), await file.stat()];
        for (const field of ["dev", "ino", "mode", "nlink", "uid", "gid", "size", "mtimeNs", "birthtimeNs"] as const) {
          equal(byHandle[field], byPath[field], field);
        }
        equal(
          (await context.io.stat(file.path, { followLinks: false })).ino,
          byPath.ino,
          "ino without following links",
        );
      },
    },
    {
      id: "times",
      title: "times are near now, and milliseconds and nanoseconds agree",
      calmOnly: true,
      run: async (context) => {
        const stat = await context.io.stat(await context.givenFile("x"));
        for (const name of ["atime", "mtime", "ctime", "birthtime"] as const) {
          const difference = Math.abs(stat[`${name}Ms`] - Number(stat[`${name}Ns`] / 1000n) / 1000);
          ok(difference < 0.01, `${name}Ms and ${name}Ns to agree`);
        }
        ok(stat.mtimeNs > 0n, "a time of the last change");
      },
    },
    {
      id: "far-times",
      title: "times of the year 2400, and of years before 1970, are told to the nanosecond",
      subjectNeeds: ["setModified"],
      mutants: ["times-end-in-2262", "libuv-times-before-1970"],
      calmOnly: true,
      run: async (context) => {
        const path = await context.givenFile("x");
        await using file = await context.io.openFile(path);
        for (const seconds of [13_569_465_600, 9_300_000_000.25, 0.5, -0.25, -86_400, -1_000_000_000.5]) {
          const ns = context.subject.setModified!(path, seconds);
          equal((await context.io.stat(path)).mtimeNs, ns, `the nanoseconds of ${seconds} s`);
          const { mtimeNs, mtimeMs } = await file.stat();
          equal(mtimeNs, ns, `the nanoseconds of ${seconds} s, of the open file`);
          ok(Math.abs(mtimeMs - Number(ns) / 1e6) < 0.01, `${mtimeMs} ms to be ${seconds} s`);
        }
      },
    },
    {
      id: "changes",
      title: "it is of the moment: a write that has ended shows in the size",
      needs: ["write"],
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        using buffer = context.io.buffers.copyFrom("123");
        for (const size of [3, 6, 9]) {
          await file.writeFull(buffer);
          equal((await file.stat()).size, size, "size");
        }
      },
    },
    {
      id: "not-there",
      title: "a path where nothing is rejects with ENOENT and the path",
      run: async (context) => {
        const path = context.path("missing");
        const error = await rejects(context.io.stat(path), "ENOENT", { errno: -2, path, driver: context.io.driver });
        oneOf(error.syscall, ["stat", "lstat"], "error.syscall");
        await rejects(context.io.stat(path, { followLinks: false }), "ENOENT", { path });
      },
    },
    {
      id: "bad-options",
      title: "options that do not exist or have the wrong type are refused",
      run: async (context) => {
        const path = await context.givenFile("x");
        await rejects(context.io.stat(path, { followLinks: 1 } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(context.io.stat(path, { followlinks: true } as never), "ERR_UNKNOWN_OPTION");
        await rejects(context.io.stat(path, null as never), "ERR_INVALID_ARG_TYPE");
      },
    },
    {
      id: "many",
      title: "hundreds at once, with longer and shorter paths, are answered each for its own path",
      run: async (context) => {
        const paths = await Promise.all(Array.from({ length: 12 }, (_, index) => context.givenFile("x".repeat(index))));
        const asked = Array.from({ length: 300 }, (_, index) => index % 12);
        const stats = await Promise.all(asked.map((index) => context.io.stat(paths[index]!)));
        for (const [at, stat] of stats.entries()) equal(stat.size, asked[at], `the size of answer ${at}`);
      },
    },
  ],
};

export const fileLengthClause: Clause = {
  id: "file-truncate",
  title: "the length of a file",
  needs: ["open", "close", "truncate"],
  cases: [
    {
      id: "shorter",
      title: "it can be cut, to nothing by default",
      run: async (context) => {
        await using file = await context.openFile("0123456789");
        await file.truncate(4);
        equal(await context.textOf(file.path), "0123", "the file");
        await file.truncate();
        equal(await context.textOf(file.path), "", "the file");
      },
    },
    {
      id: "longer",
      title: "it can be extended with zeros",
      run: async (context) => {
        await using file = await context.openFile("01");
        await file.truncate(5);
        equalBytes(await context.contentOf(file.path), utf8("01\0\0\0"), "the file");
      },
    },
    {
      id: "bad-length",
      title: "a length that is none is ERR_OUT_OF_RANGE, and the file stays",
      run: async (context) => {
        await using file = await context.openFile("kept");
        for (const length of [-1, 1.5, Number.NaN, 2 ** 53]) await rejects(file.truncate(length), "ERR_OUT_OF_RANGE");
        await rejects(file.truncate("4" as never), "ERR_INVALID_ARG_TYPE");
        equal(await context.textOf(file.path), "kept", "the file");
      },
    },
    {
      id: "read-only",
      title: "of a file that was opened for reading it cannot be set: EINVAL or EBADF, with the path",
      run: async (context) => {
        await using file = await context.openFile("kept", "r");
        await rejects(file.truncate(0), ["EINVAL", "EBADF"], { path: file.path, syscall: "ftruncate" });
        equal(await context.textOf(file.path), "kept", "the file");
      },
    },
  ],
};

export const fileFlushClause: Clause = {
  id: "file-sync",
  title: "flushing a file",
  needs: ["open", "close", "write", "fsync", "fdatasync"],
  cases: [
    {
      id: "after-writes",
      title: "sync and datasync resolve with nothing, after writes, at once and again",
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        using buffer = context.io.buffers.copyFrom("durable");
        await file.writeFull(buffer);
        equal(await file.sync(), undefined, "the result of sync()");
        equal(await file.datasync(), undefined, "the result of datasync()");
        await Promise.all([file.sync(), file.datasync(), file.sync()]);
        equal(await context.textOf(file.path), "durable", "the file");
      },
    },
    {
      id: "read-only",
      title: "a file that was opened for reading can be flushed too",
      run: async (context) => {
        await using file = await context.openFile("x", "r");
        await file.sync();
        await file.datasync();
      },
    },
  ],
};
