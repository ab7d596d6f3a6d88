/** Operations on paths: removing, renaming, making directories and links. Each is checked and begun here. */

import type { ErrorDetails } from "../base/errors.js";
import { checkBoolean, checkInteger, checkOptions, encodePath, type OptionNames } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry, OperationKind } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { WORD } from "../spi/record.js";
import { attachPath, displayPath } from "./file-operations.js";
import type { RequestTable } from "./request-table.js";
import { operationOptionNames } from "./transfer.js";

/** A path as text (UTF-8) or as the bytes it has in the file system. */
export type Path = string | Uint8Array;

export interface RenameOptions extends OperationOptions {
  /**
   * Whether something that has the new name already is replaced; default true, as rename(2) does. With false it is
   * `EEXIST`, and nobody can come between the look and the change; needs the feature `renameNoReplace`.
   */
  readonly replace?: boolean;
}

export interface MakeDirectoryOptions extends OperationOptions {
  /** Permission bits; default 0o777, less the process's umask. */
  readonly mode?: number;
}

/** Operations on names, as data. */
export type PathRequest =
  | ({ readonly opcode: "unlink"; readonly path: Path; readonly directory?: boolean } & OperationOptions)
  | ({ readonly opcode: "rename"; readonly from: Path; readonly to: Path } & RenameOptions)
  | ({ readonly opcode: "mkdir"; readonly path: Path } & MakeDirectoryOptions)
  | ({ readonly opcode: "hardlink"; readonly existing: Path; readonly path: Path } & OperationOptions)
  | ({ readonly opcode: "symlink"; readonly target: Path; readonly path: Path } & OperationOptions);

interface PathSubject {
  readonly path: string;
  readonly dest?: string;
}

function pathDetails(entry: Entry): ErrorDetails {
  return entry.subject as PathSubject;
}

const unlinkKind = defineKind("unlink", { details: pathDetails });
/** The removal of a name by core itself: nobody is told what became of it. */
export const ownUnlinkKind: OperationKind = defineKind("unlink", {});
const removeDirectoryKind = defineKind("unlink", { syscall: "rmdir", details: pathDetails });
const renameKind = defineKind("rename", { details: pathDetails });
const makeDirectoryKind = defineKind("mkdir", { details: pathDetails });
const hardlinkKind = defineKind("hardlink", { details: pathDetails });
const symlinkKind = defineKind("symlink", { details: pathDetails });

const renameOptionNames: OptionNames = { replace: true, ...operationOptionNames };
const makeDirectoryOptionNames: OptionNames = { mode: true, ...operationOptionNames };

/** What `argument0` of an unlink and of a rename says. */
const UNLINK_DIRECTORY = 1;
const RENAME_NO_REPLACE = 1;

/** Begins the removal of a name, or with `what: "directory"` of an empty directory. */
export function prepareUnlink(
  dispatcher: Dispatcher,
  what: "file" | "directory",
  path: Path,
  options: OperationOptions,
): Entry {
  const where = what === "file" ? "unlink" : "rmdir";
  const kind = what === "file" ? unlinkKind : removeDirectoryKind;
  const bytes = encodePath(where, path);
  checkOptions(where, options, operationOptionNames);
  const entry = beginOnPath(dispatcher, where, kind, { path: displayPath(path) }, options, (begun) =>
    attachPath(dispatcher, begun, bytes, 0),
  );
  dispatcher.records[entry.base + WORD.argument0] = what === "file" ? 0 : UNLINK_DIRECTORY;
  return entry;
}

export function prepareMakeDirectory(dispatcher: Dispatcher, path: Path, options: MakeDirectoryOptions): Entry {
  const where = "mkdir";
  const bytes = encodePath(where, path);
  checkOptions(where, options, makeDirectoryOptionNames);
  const mode = options.mode === undefined ? 0o777 : checkInteger(where, "mode", options.mode, 0, 0o7777);
  const entry = beginOnPath(dispatcher, where, makeDirectoryKind, { path: displayPath(path) }, options, (begun) =>
    attachPath(dispatcher, begun, bytes, 0),
  );
  dispatcher.records[entry.base + WORD.argument1] = mode;
  return entry;
}

export function prepareRename(dispatcher: Dispatcher, from: Path, to: Path, options: RenameOptions): Entry {
  const where = "rename";
  const paths = encodeTwo(where, from, to);
  checkOptions(where, options, renameOptionNames);
  const replace = options.replace === undefined || checkBoolean(where, "replace", options.replace);
  if (!replace) dispatcher.requests.expectFeature(where, "renameNoReplace");
  const entry = beginOnTwoPaths(dispatcher, where, renameKind, paths, options);
  dispatcher.records[entry.base + WORD.argument0] = replace ? 0 : RENAME_NO_REPLACE;
  return entry;
}

/** Begins one more name for a file, or a link that says where to look. */
export function prepareLink(
  dispatcher: Dispatcher,
  what: "hardlink" | "symlink",
  target: Path,
  path: Path,
  options: OperationOptions,
): Entry {
  const paths = encodeTwo(what, target, path);
  checkOptions(what, options, operationOptionNames);
  return beginOnTwoPaths(dispatcher, what, what === "hardlink" ? hardlinkKind : symlinkKind, paths, options);
}

/** Begins what a request asks for, by its `opcode`. */
export const PATH_REQUESTS: RequestTable<Dispatcher, PathRequest> = {
  unlink: (dispatcher, { opcode: _, path, directory = false, ...options }) => {
    const what = checkBoolean("submit", "directory", directory) ? "directory" : "file";
    return prepareUnlink(dispatcher, what, path, options);
  },
  rename: (dispatcher, { opcode: _, from, to, ...options }) => prepareRename(dispatcher, from, to, options),
  mkdir: (dispatcher, { opcode: _, path, ...options }) => prepareMakeDirectory(dispatcher, path, options),
  hardlink: (dispatcher, { opcode, existing, path, ...options }) =>
    prepareLink(dispatcher, opcode, existing, path, options),
  symlink: (dispatcher, { opcode, target, path, ...options }) => prepareLink(dispatcher, opcode, target, path, options),
};

// --- what they share ----------------------------------------------------------------------------------------------

interface TwoPaths {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  readonly subject: PathSubject;
}

function encodeTwo(where: string, first: Path, second: Path): TwoPaths {
  return {
    first: encodePath(where, first),
    second: encodePath(where, second),
    subject: { path: displayPath(first), dest: displayPath(second) },
  };
}

function beginOnTwoPaths(
  dispatcher: Dispatcher,
  where: string,
  kind: OperationKind,
  { first, second, subject }: TwoPaths,
  options: OperationOptions,
): Entry {
  return beginOnPath(dispatcher, where, kind, subject, options, (entry) => {
    const { arena, records } = dispatcher;
    records[entry.base + WORD.length] = first.length;
    records[entry.base + WORD.argument1] = second.length;
    entry.areaBytes = first.length + second.length + 2;
    entry.writeArea = (offset) => {
      arena.bytes.set(first, offset);
      arena.bytes[offset + first.length] = 0;
      arena.bytes.set(second, offset + first.length + 1);
      arena.bytes[offset + first.length + 1 + second.length] = 0;
    };
  });
}

function beginOnPath(
  dispatcher: Dispatcher,
  where: string,
  kind: OperationKind,
  subject: PathSubject,
  options: OperationOptions,
  writePaths: (entry: Entry) => void,
): Entry {
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(kind, undefined);
  entry.subject = subject;
  writePaths(entry);
  dispatcher.canceler.attach(entry, early);
  return entry;
}
