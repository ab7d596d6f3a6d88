/** Opening files. */

import { checkBoolean, checkInteger, checkOptions, encodePath } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { type OpenFlags, parseOpenFlags } from "../spi/open-flags.js";
import { AUXILIARY_SHIFT, BEGUN_BYTES, OPEN_ANSWER_BYTES, OPEN_FLAG, WORD } from "../spi/record.js";
import { closeHandle } from "./closing.js";
import { createFile } from "./create-file.js";
import type { File } from "./file.js";
import { attachPath, displayPath } from "./file-operations.js";
import type { ResourceTracker } from "./resource-tracker.js";
import { operationOptionNames } from "./transfer.js";

export interface OpenOptions extends OperationOptions {
  /** Permission bits of a file that is created; default 0o666, less the process's umask. */
  readonly mode?: number;
  /** Make the file when it is not there, whatever the flags: with `"r+"`, open or create without emptying. O_CREAT. */
  readonly create?: boolean;
  /** Past the page cache (O_DIRECT): buffers of the pool are aligned for it; positions and lengths must be too. */
  readonly direct?: boolean;
  /**
   * Do not wait for the other end of a FIFO (O_NONBLOCK): opened for reading it is open at once, opened for writing
   * without a reader it rejects with `ENXIO`. It changes nothing for reads and writes.
   */
  readonly nonBlock?: boolean;
  /** Reject with `ELOOP` when the path ends in a symbolic link (O_NOFOLLOW). */
  readonly noFollow?: boolean;
  /** Reject with `ENOTDIR` when it is anything but a directory (O_DIRECTORY). */
  readonly directory?: boolean;
  /** A file without a name in the directory that the path names, gone with its last user (O_TMPFILE); open to write. */
  readonly temporary?: boolean;
  /** Only a place in the tree (O_PATH): it can be asked for its metadata, not read or written. */
  readonly pathOnly?: boolean;
  /** Reading does not change when the file was last read (O_NOATIME); for its owner only, else `EPERM`. */
  readonly noAccessTime?: boolean;
}

/** The options that are one bit each. */
const bitOptions = {
  create: OPEN_FLAG.create,
  direct: OPEN_FLAG.direct,
  nonBlock: OPEN_FLAG.nonBlock,
  noFollow: OPEN_FLAG.noFollow,
  directory: OPEN_FLAG.directory,
  temporary: OPEN_FLAG.temporary,
  pathOnly: OPEN_FLAG.pathOnly,
  noAccessTime: OPEN_FLAG.noAccessTime,
} as const;

const bitOptionNames = Object.keys(bitOptions) as (keyof typeof bitOptions)[];

const openOptionNames = {
  mode: true,
  create: true,
  direct: true,
  nonBlock: true,
  noFollow: true,
  directory: true,
  temporary: true,
  pathOnly: true,
  noAccessTime: true,
  ...operationOptionNames,
} as const;

interface OpenSubject {
  readonly path: string;
  readonly tracker: ResourceTracker;
  readonly dispatcher: Dispatcher;
  readonly appends: boolean;
}

const openKind = defineKind("open", {
  finish: (entry, result, flags): File => {
    const { path, tracker, dispatcher, appends } = entry.subject as OpenSubject;
    const position = Number(dispatcher.arena.int64(dispatcher.records[entry.base + WORD.arenaOffset]!, 0));
    const generation = flags >>> AUXILIARY_SHIFT;
    return createFile(dispatcher, tracker, { index: result, generation, label: path, position, appends });
  },
  salvage: (entry, result, flags) => {
    closeHandle((entry.subject as OpenSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);
  },
  giveUp: (entry) => {
    const { dispatcher } = entry.subject as OpenSubject;
    const index = dispatcher.records[entry.base + WORD.handleIndex]!;
    if (index >= 0) closeHandle(dispatcher, index, dispatcher.records[entry.base + WORD.handleGeneration]!);
  },
  details: (entry) => ({ path: (entry.subject as OpenSubject).path }),
});

export function prepareOpen(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  path: string | Uint8Array,
  flags: OpenFlags,
  options: OpenOptions,
): Entry {
  const where = "openFile";
  const bytes = encodePath(where, path);
  let bits: number = parseOpenFlags(where, flags, dispatcher.session.openConstants);
  checkOptions(where, options, openOptionNames);
  const mode = options.mode === undefined ? 0o666 : checkInteger(where, "mode", options.mode, 0, 0o7777);
  for (const name of bitOptionNames) {
    const value = options[name];
    if (value !== undefined && checkBoolean(where, name, value)) bits |= bitOptions[name];
  }
  if ((bits & OPEN_FLAG.direct) !== 0) dispatcher.requests.expectFeature(where, "directIo");
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(openKind, undefined);
  const appends = (bits & OPEN_FLAG.append) !== 0;
  entry.subject = { path: displayPath(path), tracker, dispatcher, appends } satisfies OpenSubject;
  dispatcher.records[entry.base + WORD.argument0] = bits;
  dispatcher.records[entry.base + WORD.argument1] = mode;
  attachPath(dispatcher, entry, bytes, Math.max(BEGUN_BYTES, OPEN_ANSWER_BYTES));
  dispatcher.canceler.attach(entry, early);
  return entry;
}
