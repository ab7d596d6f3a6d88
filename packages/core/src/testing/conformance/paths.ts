/** Names in the file system: removing, renaming, making directories and links. */
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, ok, oneOf, rejects, throws } from "./expect.js";

/** Metadata without following a last link, or what went wrong. */
async function look(context: CaseContext, path: string) {
  return context.io.stat(path, { followLinks: false }).catch((error: { code: string }) => error.code);
}

async function expectGone(context: CaseContext, path: string): Promise<void> {
  equal(await look(context, path), "ENOENT", `what a look at ${path} gives`);
}

/** Paths that are none, and what they are refused with. */
const badPaths = [
  ["", "ERR_INVALID_PATH"],
  ["a\0b", "ERR_INVALID_PATH"],
  ["x".repeat(4096), "ERR_INVALID_PATH"],
  [Uint8Array.of(0x61, 0, 0x62), "ERR_INVALID_PATH"],
  [7, "ERR_INVALID_ARG_TYPE"],
  [null, "ERR_INVALID_ARG_TYPE"],
] as const;

export const unlinkClause: Clause = {
  id: "unlink",
  title: "removing names",
  needs: ["unlink", "mkdir", "open", "close", "stat"],
  cases: [
    {
      id: "file",
      title: "unlink removes the name of a file; who has it open still reads it",
      needs: ["read"],
      run: async (context) => {
        const path = await context.givenFile("still here");
        await using file = await context.io.openFile(path, "r");
        equal(await context.io.unlink(path), undefined, "the result");
        await expectGone(context, path);
        using buffer = context.io.buffers.take(10);
        await file.readFull(buffer, { position: 0 });
        equal(new TextDecoder().decode(buffer.bytes), "still here", "what is read");
        await rejects(context.io.unlink(path), "ENOENT", {
          errno: -2,
          syscall: "unlink",
          path,
          dest: undefined,
          driver: context.io.driver,
        });
      },
    },
    {
      id: "directory",
      mutants: ["rmdir-is-unlink"],
      title: "rmdir removes an empty directory, and nothing else",
      run: async (context) => {
        const path = context.path();
        await context.io.mkdir(path);
        const inside = `${path}/file`;
        await (await context.io.openFile(inside, "wx")).close();
        await rejects(context.io.rmdir(path), ["ENOTEMPTY", "EEXIST"], { syscall: "rmdir", path });
        await rejects(context.io.rmdir(inside), "ENOTDIR", { errno: -20, syscall: "rmdir", path: inside });
        // What unlink(2) says of a directory differs between systems; it stays in any case.
        await rejects(context.io.unlink(path), ["EISDIR", "EPERM"], { syscall: "unlink", path });
        await context.io.unlink(inside);
        await context.io.rmdir(path);
        await expectGone(context, path);
        await rejects(context.io.rmdir(path), "ENOENT", { syscall: "rmdir", path });
      },
    },
    {
      id: "link-itself",
      title: "unlink of a symbolic link removes the link and not what it leads to",
      needs: ["symlink"],
      run: async (context) => {
        const path = await context.givenFile("kept");
        const link = context.path();
        await context.io.symlink(path, link);
        await context.io.unlink(link);
        await expectGone(context, link);
        equal(await context.textOf(path), "kept", "the file");
      },
    },
    {
      id: "many",
      title: "a hundred names are removed at once, each by its own path",
      run: async (context) => {
        const paths = await Promise.all(Array.from({ length: 100 }, () => context.givenFile("x")));
        const [kept] = paths;
        await Promise.all(paths.slice(1).map((path) => context.io.unlink(path)));
        for (const path of paths.slice(1)) await expectGone(context, path);
        equal(await context.textOf(kept!), "x", "the one that was left alone");
      },
    },
    {
      id: "bad-arguments",
      title: "a path that is none, and misspelt options, are refused before anything is submitted",
      run: async (context) => {
        const { io } = context;
        for (const [path, code] of badPaths) {
          await rejects(io.unlink(path as never), code);
          await rejects(io.rmdir(path as never), code);
          throws(() => io.submit({ opcode: "unlink", path: path as never }), code);
        }
        await rejects(io.rmdir("x", { recursive: true } as never), "ERR_UNKNOWN_OPTION");
        throws(() => io.submit({ opcode: "unlink", path: "x", directory: 1 as never }), "ERR_INVALID_ARG_TYPE");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
  ],
};

export const mkdirClause: Clause = {
  id: "mkdir",
  title: "making directories",
  needs: ["mkdir", "unlink", "stat"],
  cases: [
    {
      id: "makes-one",
      title: "it makes a directory, in which files and directories can be made",
      needs: ["open", "close"],
      run: async (context) => {
        const path = context.path();
        equal(await context.io.mkdir(path), undefined, "the result");
        equal((await context.io.stat(path)).isDirectory(), true, "that it is a directory");
        await (await context.io.openFile(`${path}/file`, "wx")).close();
        await context.io.mkdir(`${path}/deeper`);
        equal((await context.io.stat(`${path}/deeper`)).isDirectory(), true, "that it is a directory too");
      },
    },
    {
      id: "mode",
      mutants: ["mkdir-mode-ignored"],
      title: "mode gives its permission bits, less the umask; without it everybody may what the umask leaves",
      calmOnly: true,
      run: async (context) => {
        const [closed, open] = [context.path(), context.path()];
        await context.io.mkdir(closed, { mode: 0o700 });
        await context.io.mkdir(open);
        const modeOf = async (path: string) => (await context.io.stat(path)).mode & 0o777;
        // A system without such bits shows them all.
        oneOf(await modeOf(closed), [0o700, 0o777], "the mode asked for");
        ok(((await modeOf(open)) & 0o700) === 0o700, "the owner to have every right");
        ok((await modeOf(closed)) !== 0o777 || (await modeOf(open)) === 0o777, "the mode to have been heeded");
      },
    },
    {
      id: "errors",
      title: "a name that is taken is EEXIST, a parent that is missing ENOENT, and one that is a file ENOTDIR",
      run: async (context) => {
        const file = await context.givenFile("x");
        await rejects(context.io.mkdir(file), "EEXIST", {
          errno: -17,
          syscall: "mkdir",
          path: file,
          driver: context.io.driver,
        });
        const orphan = `${context.path()}/child`;
        await rejects(context.io.mkdir(orphan), "ENOENT", { errno: -2, syscall: "mkdir", path: orphan });
        await rejects(context.io.mkdir(`${file}/child`), ["ENOTDIR", "ENOENT"], { syscall: "mkdir" });
      },
    },
    {
      id: "bad-arguments",
      title: "a path or a mode that is none, and misspelt options, are refused before anything is submitted",
      run: async ({ io }) => {
        for (const [path, code] of badPaths) await rejects(io.mkdir(path as never), code);
        for (const mode of [-1, 0o10000, 1.5]) await rejects(io.mkdir("x", { mode }), "ERR_OUT_OF_RANGE");
        await rejects(io.mkdir("x", { mode: "755" } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.mkdir("x", { recursive: true } as never), "ERR_UNKNOWN_OPTION");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
  ],
};

export const renameClause: Clause = {
  id: "rename",
  title: "renaming",
  needs: ["rename", "stat"],
  cases: [
    {
      id: "file",
      title: "a file has the new name and no longer the old one, and is the same file",
      run: async (context) => {
        const from = await context.givenFile("content");
        const to = context.path();
        const { ino } = await context.io.stat(from);
        equal(await context.io.rename(from, to), undefined, "the result");
        await expectGone(context, from);
        equal((await context.io.stat(to)).ino, ino, "the inode");
        equal(await context.textOf(to), "content", "the content");
      },
    },
    {
      id: "replaces",
      title: "a file that has the new name is replaced",
      run: async (context) => {
        const [from, to] = [await context.givenFile("new"), await context.givenFile("old")];
        await context.io.rename(from, to);
        await expectGone(context, from);
        equal(await context.textOf(to), "new", "the content");
      },
    },
    {
      id: "no-replace",
      title: "with replace: false a name that is taken is EEXIST, both files stay, and a free one is given",
      needs: ["renameNoReplace"],
      run: async (context) => {
        const [from, to] = [await context.givenFile("new"), await context.givenFile("old")];
        await rejects(context.io.rename(from, to, { replace: false }), "EEXIST", {
          errno: -17,
          syscall: "rename",
          path: from,
          dest: to,
        });
        equal(await context.textOf(from), "new", "the first file");
        equal(await context.textOf(to), "old", "the second file");
        const free = context.path();
        await context.io.rename(from, free, { replace: false });
        equal(await context.textOf(free), "new", "the file with its new name");
        await context.io.rename(free, to, { replace: true });
        equal(await context.textOf(to), "new", "the file that replaced the other");
      },
    },
    {
      id: "directory",
      title: "a directory takes its files along",
      needs: ["mkdir", "open", "close"],
      run: async (context) => {
        const [from, to] = [context.path(), context.path()];
        await context.io.mkdir(from);
        await (await context.io.openFile(`${from}/file`, "wx")).close();
        await context.io.rename(from, to);
        await expectGone(context, `${from}/file`);
        equal((await context.io.stat(`${to}/file`)).isFile(), true, "that the file is there");
      },
    },
    {
      id: "errors",
      mutants: ["dest-missing"],
      title: "what is not there is ENOENT, and the error says both paths, in words and in its fields",
      run: async (context) => {
        const [from, to] = [context.path(), context.path()];
        const error = await rejects(context.io.rename(from, to), "ENOENT", {
          errno: -2,
          syscall: "rename",
          path: from,
          dest: to,
          driver: context.io.driver,
        });
        ok(error.message.includes(`rename '${from}' -> '${to}'`), "the message to name both paths");
      },
    },
    {
      id: "longest",
      mutants: ["second-path-is-the-first"],
      title: "two paths of the greatest length are taken, and each arrives whole",
      run: async (context) => {
        // Steps on the spot, so that the path is long and the names are short.
        const stretch = (path: string) => {
          const at = path.lastIndexOf("/");
          const steps = "/.".repeat(Math.floor((4095 - path.length) / 2));
          return `${path.slice(0, at)}${steps}${path.slice(at)}`;
        };
        const [from, to] = [await context.givenFile("far"), context.path()];
        if (!from.includes("/")) return;
        await context.io.rename(stretch(from), stretch(to));
        await expectGone(context, from);
        equal(await context.textOf(to), "far", "the content");
      },
    },
    {
      id: "bad-arguments",
      title: "a path that is none, on either side, and misspelt options are refused before anything is submitted",
      run: async ({ io }) => {
        for (const [path, code] of badPaths) {
          await rejects(io.rename(path as never, "x"), code);
          await rejects(io.rename("x", path as never), code);
        }
        await rejects(io.rename("x", "y", { replace: 1 } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.rename("x", "y", { overwrite: false } as never), "ERR_UNKNOWN_OPTION");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
  ],
};

export const linkClause: Clause = {
  id: "link",
  title: "links in the file system",
  needs: ["stat"],
  cases: [
    {
      id: "hardlink",
      title: "a hard link is one more name of the same file, which lives until its last name is gone",
      needs: ["hardlink", "unlink"],
      run: async (context) => {
        const path = await context.givenFile("content");
        const second = context.path();
        equal(await context.io.hardlink(path, second), undefined, "the result");
        const [one, two] = [await context.io.stat(path), await context.io.stat(second)];
        equal(two.ino, one.ino, "the inode");
        equal(two.nlink, 2, "the number of names");
        await context.io.unlink(path);
        equal(await context.textOf(second), "content", "the content under the second name");
      },
    },
    {
      id: "hardlink-errors",
      title: "a hard link to what is not there is ENOENT, over a name that is taken EEXIST; both paths are told",
      needs: ["hardlink"],
      run: async (context) => {
        const [existing, missing, free] = [await context.givenFile("x"), context.path(), context.path()];
        await rejects(context.io.hardlink(missing, free), "ENOENT", {
          errno: -2,
          syscall: "link",
          path: missing,
          dest: free,
        });
        await rejects(context.io.hardlink(existing, existing), "EEXIST", {
          errno: -17,
          syscall: "link",
          path: existing,
          dest: existing,
        });
      },
    },
    {
      id: "symlink",
      title: "a symbolic link leads to its target, whether that is there or not",
      needs: ["symlink"],
      run: async (context) => {
        const path = await context.givenFile("content");
        const [link, nowhere] = [context.path(), context.path()];
        equal(await context.io.symlink(path, link), undefined, "the result");
        equal((await context.io.stat(link, { followLinks: false })).isSymbolicLink(), true, "that it is a link");
        equal((await context.io.stat(link)).ino, (await context.io.stat(path)).ino, "where it leads");
        await context.io.symlink(context.path(), nowhere);
        equal((await context.io.stat(nowhere, { followLinks: false })).isSymbolicLink(), true, "that it is one too");
        await rejects(context.io.stat(nowhere), "ENOENT");
      },
    },
    {
      id: "symlink-errors",
      title: "a symbolic link over a name that is taken is EEXIST, and both paths are told",
      needs: ["symlink"],
      run: async (context) => {
        const path = await context.givenFile("x");
        await rejects(context.io.symlink("target", path), "EEXIST", {
          errno: -17,
          syscall: "symlink",
          path: "target",
          dest: path,
        });
      },
    },
    {
      id: "bytes",
      title: "paths may be given as bytes, and errors show them as text",
      needs: ["symlink", "unlink"],
      run: async (context) => {
        const link = `${context.path()}-\u00e4\u2603`;
        const bytes = new TextEncoder().encode(link);
        await context.io.symlink(new TextEncoder().encode("anywhere"), bytes);
        equal((await context.io.stat(link, { followLinks: false })).isSymbolicLink(), true, "that it is there");
        await context.io.unlink(bytes);
        await rejects(context.io.unlink(bytes), "ENOENT", { path: link });
      },
    },
    {
      id: "bad-arguments",
      title: "a path that is none, on either side, and misspelt options are refused before anything is submitted",
      needs: ["hardlink", "symlink"],
      run: async ({ io }) => {
        for (const [path, code] of badPaths) {
          await rejects(io.hardlink(path as never, "x"), code);
          await rejects(io.hardlink("x", path as never), code);
          await rejects(io.symlink(path as never, "x"), code);
          await rejects(io.symlink("x", path as never), code);
        }
        await rejects(io.symlink("x", "y", { type: "file" } as never), "ERR_UNKNOWN_OPTION");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
  ],
};
