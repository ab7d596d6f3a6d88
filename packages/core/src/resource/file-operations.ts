/** Operations on files and paths: each is checked and begun here; `File`, the backend and `submit` start them. */

import { ERRNO } from "../base/errno.js";
import { checkBoolean, checkInteger, checkOptions, encodePath } from "../base/validate.js";
import type { Lendable } from "../memory/owned-buffer.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { OperationKind } from "../operation/entry.js";
import { type Entry, extrasOf } from "../operation/entry.js";
import type { Lane } from "../operation/lane.js";
import { defineKind } from "../operation/operation-kind.js";
import type { OwnPosition } from "../operation/own-position.js";
import type { ResourceState } from "../operation/resource-state.js";
import { STAT_BYTES, WORD } from "../spi/record.js";
import { writeWide } from "../spi/wide.js";
import { decodeFileStat, type FileStat } from "./file-stat.js";
import type { RequestTable } from "./request-table.js";
import {
  operationOptionNames,
  type PositionedOptions,
  positionedOptionNames,
  prepareTransfer,
  type TransferPlan,
} from "./transfer.js";

/** A file as its operations know it. */
export interface FileCore {
  readonly dispatcher: Dispatcher;
  readonly state: ResourceState;
  /** Where the file's own position is kept; `undefined` for what cannot seek, as a pipe or a terminal. */
  readonly position: OwnPosition | undefined;
  /**
   * Reads and writes at the file's own position, one after the other. They share one position where there is one, so
   * they share one lane; what cannot seek has two directions that do not wait for each other.
   */
  readonly readLane: Lane;
  readonly writeLane: Lane;
}

export interface ReadResult<B> {
  /** Bytes read; 0 at the end of the file. */
  readonly bytesRead: number;
  /** The buffer, home again. */
  readonly buffer: B;
}

export interface WriteResult<B> {
  readonly bytesWritten: number;
  /** The buffer, home again. */
  readonly buffer: B;
}

export interface StatOptions extends OperationOptions {
  /** Follow a symbolic link at the end of the path; default true. */
  readonly followLinks?: boolean;
}

const statOptionNames = { followLinks: true, ...operationOptionNames } as const;

/** The largest file position and length: what a JavaScript number holds exactly. */
export const POSITION_MAX: number = Number.MAX_SAFE_INTEGER;

// --- reading and writing ------------------------------------------------------------------------------------------

const readKind = defineKind("read", {
  finish: (entry, result): ReadResult<unknown> => ({ bytesRead: result, buffer: entry.buffer }),
  salvage: salvageRead,
  details: handleDetails,
});

/** Keeps what was read and nobody was told of, where it is not in the file any more. */
export function salvageRead(entry: Entry, bytes: number): void {
  if (entry.position === undefined) entry.lane?.salvage(entry, bytes);
}

const writeKind = defineKind("write", {
  finish: (entry, result): WriteResult<unknown> => ({ bytesWritten: result, buffer: entry.buffer }),
  details: handleDetails,
});

export function handleDetails(entry: Entry): { path: string } {
  return { path: (entry.subject as ResourceState).label };
}

/** The four ways to move bytes between a buffer and a file. */
export const FILE_TRANSFER: Readonly<Record<"read" | "readFull" | "write" | "writeFull", TransferPlan>> = {
  read: plan("file.read", readKind, true, false),
  readFull: plan("file.readFull", readKind, true, true),
  write: plan("file.write", writeKind, false, false),
  writeFull: plan("file.writeFull", writeKind, false, true),
};

function plan(where: string, kind: OperationKind, exclusive: boolean, whole: boolean): TransferPlan {
  return { where, kind, exclusive, whole, optionNames: positionedOptionNames };
}

export function prepareFileTransfer(
  core: FileCore,
  transfer: TransferPlan,
  buffer: Lendable,
  options: PositionedOptions,
): Entry {
  const { dispatcher, state } = core;
  // Options that are null are refused below, with what else is wrong with them.
  const position = options?.position;
  if (position !== undefined) checkInteger(transfer.where, "position", position, 0, POSITION_MAX);
  const lane = position === undefined ? laneFor(core, transfer.exclusive) : undefined;
  const entry = prepareTransfer(dispatcher, state, transfer, buffer, options, lane);
  entry.subject = state;
  placeTransfer(core, entry, position);
  return entry;
}

/** The lane of transfers at the file's own position. */
export function laneFor({ readLane, writeLane }: FileCore, reads: boolean): Lane {
  return reads ? readLane : writeLane;
}

/** Says where in the file a transfer goes: where its caller wants, or else where the own position is at its turn. */
export function placeTransfer(core: FileCore, entry: Entry, position: number | undefined): void {
  if (position === undefined) {
    entry.position = core.position;
    writeWide(core.dispatcher.records, entry.base + WORD.positionLow, -1);
    return;
  }
  // Some systems and devices would pass over the position in silence. Source: pread(2).
  if (core.position === undefined) extrasOf(entry).refusal = -ERRNO.ESPIPE;
  entry.movesPosition = true;
  writeWide(core.dispatcher.records, entry.base + WORD.positionLow, position);
}

// --- operations on the handle alone -------------------------------------------------------------------------------

/** The kinds that need nothing but a handle. */
export const FILE_KIND: Readonly<Record<"fsync" | "fdatasync" | "truncate", OperationKind>> = {
  fsync: defineKind("fsync", { details: handleDetails }),
  fdatasync: defineKind("fdatasync", { details: handleDetails }),
  truncate: defineKind("truncate", { details: handleDetails }),
};

export function prepareOnFile(
  { dispatcher, state }: FileCore,
  where: string,
  kind: OperationKind,
  options: OperationOptions,
): Entry {
  state.expectOpen(where);
  checkOptions(where, options, operationOptionNames);
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(kind, state);
  entry.subject = state;
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/** Those as data; `On` names the file. */
export type HandleRequest<On> =
  | ({ readonly opcode: "fsync" | "fdatasync" } & On & OperationOptions)
  | ({ readonly opcode: "truncate"; readonly length: number } & On & OperationOptions);

/** Begins what a request asks for, by its `opcode`, on the file that was named. */
export const HANDLE_REQUESTS: RequestTable<FileCore, HandleRequest<unknown>> = {
  fsync: (core, { opcode, ...options }) => prepareOnFile(core, "submit", FILE_KIND[opcode], options),
  fdatasync: (core, { opcode, ...options }) => prepareOnFile(core, "submit", FILE_KIND[opcode], options),
  truncate: (core, { opcode: _, length, ...options }) => prepareTruncate(core, length, options),
};

export function prepareTruncate(core: FileCore, length: number, options: OperationOptions): Entry {
  const where = "file.truncate";
  checkInteger(where, "length", length, 0, POSITION_MAX);
  const entry = prepareOnFile(core, where, FILE_KIND.truncate, options);
  writeWide(core.dispatcher.records, entry.base + WORD.positionLow, length);
  return entry;
}

// --- metadata -----------------------------------------------------------------------------------------------------

interface StatSubject {
  readonly path: string;
  readonly dispatcher: Dispatcher;
}

export const statKind: OperationKind = defineKind("stat", {
  finish: (entry): FileStat => {
    const { dispatcher } = entry.subject as StatSubject;
    return decodeFileStat(dispatcher.arena, dispatcher.records[entry.base + WORD.arenaOffset]!);
  },
  details: (entry) => ({ path: (entry.subject as StatSubject).path }),
});

/** What `argument0` of a stat says. */
export const STAT_HOW = { handle: 0, path: 1, link: 2 } as const;

export function prepareFileStat({ dispatcher, state }: FileCore, options: OperationOptions): Entry {
  const where = "file.stat";
  state.expectOpen(where);
  checkOptions(where, options, operationOptionNames);
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(statKind, state);
  askOfHandle(dispatcher, entry, state);
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/** Makes an operation of the kind `statKind` ask for the metadata of an open file. */
export function askOfHandle(dispatcher: Dispatcher, entry: Entry, state: ResourceState): void {
  entry.subject = { path: state.label, dispatcher } satisfies StatSubject;
  dispatcher.records[entry.base + WORD.argument0] = STAT_HOW.handle;
  attachPath(dispatcher, entry, new Uint8Array(0), STAT_BYTES);
}

export function preparePathStat(dispatcher: Dispatcher, path: string | Uint8Array, options: StatOptions): Entry {
  const where = "stat";
  const bytes = encodePath(where, path);
  checkOptions(where, options, statOptionNames);
  const follow = options.followLinks === undefined || checkBoolean(where, "followLinks", options.followLinks);
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(statKind, undefined);
  entry.subject = { path: displayPath(path), dispatcher } satisfies StatSubject;
  dispatcher.records[entry.base + WORD.argument0] = follow ? STAT_HOW.path : STAT_HOW.link;
  attachPath(dispatcher, entry, bytes, STAT_BYTES);
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/** Gives an operation an arena area for a path, NUL-terminated, that also holds an answer of `answerBytes`. */
export function attachPath(dispatcher: Dispatcher, entry: Entry, path: Uint8Array, answerBytes: number): void {
  const { arena, records } = dispatcher;
  records[entry.base + WORD.length] = path.length;
  entry.areaBytes = Math.max(answerBytes, path.length + 1);
  entry.writeArea = (offset) => {
    arena.bytes.set(path, offset);
    arena.bytes[offset + path.length] = 0;
  };
}

/** A path as errors and the inspector show it. */
export function displayPath(path: string | Uint8Array): string {
  return typeof path === "string" ? path : new TextDecoder().decode(path);
}
