/** One of each operation on paths. */
import type { Backend, OperationOptions, Request } from "@baton-io/core";
import type { Need } from "../conformance/case.js";
import type { CaseContext } from "../conformance/context.js";
import { equal } from "../conformance/expect.js";
import { endsByItself, putAway, type Specimen } from "./specimen.js";

/** What one call of the operation works on: something that is there, and a name that is not. */
interface Names {
  readonly there: string;
  readonly free: string;
}

/** More than any trait asks for. */
const NAMES = 16;

/**
 * An operation on paths. Each call has names of its own, because one that was canceled may have been done all the
 * same; `undo` puts back what a call has changed, so that the same request can be submitted again.
 */
function onPaths(
  id: string,
  title: string,
  parts: {
    readonly needs: readonly Need[];
    /** What has to be there beforehand. */
    readonly there: "file" | "directory";
    call(io: Backend, names: Names, options: OperationOptions | undefined): Promise<unknown>;
    request(names: Names, options: OperationOptions | undefined): Request;
    undo(io: Backend, names: Names): Promise<unknown>;
  },
): Specimen {
  return {
    id,
    title,
    needs: parts.needs,
    waits: false,
    finishes: true,
    takesOptions: true,
    submittable: true,
    onResource: false,
    buffer: "none",
    prepare: async (context) => {
      const { io } = context;
      const supply: Names[] = [];
      while (supply.length < NAMES) {
        const there = parts.there === "file" ? await context.givenFile("content") : await givenDirectory(context);
        supply.push({ there, free: context.path() });
      }
      let current = 0;
      const next = () => supply[++current % NAMES]!;
      return {
        call: (options) => parts.call(io, next(), options),
        request: (options) => parts.request(next(), options),
        finish: endsByItself,
        check: async (result) => {
          equal(result, undefined, "the result");
          await parts.undo(io, supply[current % NAMES]!);
        },
        [Symbol.asyncDispose]: putAway(),
      };
    },
  };
}

async function givenDirectory(context: CaseContext): Promise<string> {
  const path = context.path();
  await context.io.mkdir(path);
  return path;
}

export const pathSpecimens: readonly Specimen[] = [
  onPaths("unlink", "removing a name", {
    needs: ["unlink", "open", "close"],
    there: "file",
    call: (io, { there }, options) => io.unlink(there, options),
    request: ({ there: path }, options) => ({ opcode: "unlink", path, ...options }),
    undo: async (io, { there }) => (await io.openFile(there, "wx")).close(),
  }),
  onPaths("rmdir", "removing a directory", {
    needs: ["unlink", "mkdir"],
    there: "directory",
    call: (io, { there }, options) => io.rmdir(there, options),
    request: ({ there: path }, options) => ({ opcode: "unlink", path, directory: true, ...options }),
    undo: (io, { there }) => io.mkdir(there),
  }),
  onPaths("rename", "renaming a file", {
    needs: ["rename"],
    there: "file",
    call: (io, { there, free }, options) => io.rename(there, free, options),
    request: ({ there: from, free: to }, options) => ({ opcode: "rename", from, to, ...options }),
    undo: (io, { there, free }) => io.rename(free, there),
  }),
  onPaths("mkdir", "making a directory", {
    needs: ["mkdir", "unlink"],
    there: "file",
    call: (io, { free }, options) => io.mkdir(free, options),
    request: ({ free: path }, options) => ({ opcode: "mkdir", path, ...options }),
    undo: (io, { free }) => io.rmdir(free),
  }),
  onPaths("hardlink", "giving a file one more name", {
    needs: ["hardlink", "unlink"],
    there: "file",
    call: (io, { there, free }, options) => io.hardlink(there, free, options),
    request: ({ there: existing, free: path }, options) => ({ opcode: "hardlink", existing, path, ...options }),
    undo: (io, { free }) => io.unlink(free),
  }),
  onPaths("symlink", "making a symbolic link", {
    needs: ["symlink", "unlink"],
    there: "file",
    call: (io, { there, free }, options) => io.symlink(there, free, options),
    request: ({ there: target, free: path }, options) => ({ opcode: "symlink", target, path, ...options }),
    undo: (io, { free }) => io.unlink(free),
  }),
];
