/** Reading into several buffers and writing from several, in one operation each. */

import type { ErrorDetails } from "../base/errors.js";
import { checkInteger, checkOptions, type OptionNames } from "../base/validate.js";
import type { Lendable, ReleasedBuffer } from "../memory/owned-buffer.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Entry, OperationKind } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { lendVector, readVector, writeVector } from "../operation/vector.js";
import { VECTOR_ENTRY_BYTES, WORD } from "../spi/record.js";
import { type FileCore, laneFor, POSITION_MAX, placeTransfer, salvageRead } from "./file-operations.js";
import { operationOptionNames } from "./transfer.js";

/** Where in the file a vectored operation reads or writes, and how it may end early. */
export interface VectorOptions extends OperationOptions {
  /** Where in the file, bytes; default: the file's own position, which then moves on. */
  readonly position?: number;
}

export interface ReadVectorResult<B extends readonly unknown[]> {
  /** Bytes read, over all buffers; 0 at the end of the file. */
  readonly bytesRead: number;
  /** The buffers as they were given, home again. */
  readonly buffers: B;
}

export interface WriteVectorResult<B extends readonly unknown[]> {
  /** Bytes written, over all buffers. */
  readonly bytesWritten: number;
  /** The buffers as they were given, home again. */
  readonly buffers: B;
}

/** A list of which the compiler knows no buffer to be released. */
export type AllUnreleased<B extends readonly unknown[]> =
  true extends IsReleased<B[number]> ? { readonly error: "one of these buffers was released" } : unknown;

/** `true` among its members when one of a union of buffers is known to be released. */
export type IsReleased<B> = B extends ReleasedBuffer ? true : false;

interface VectorSubject {
  readonly path: string;
  readonly buffers: readonly Lendable[];
}

function vectorDetails(entry: Entry): ErrorDetails {
  const { path, buffers } = entry.subject as VectorSubject;
  return { path, buffers };
}

interface VectorPlan {
  readonly where: string;
  readonly kind: OperationKind;
  /** The buffers are written by the kernel. */
  readonly exclusive: boolean;
}

/** The two ways to move bytes between several buffers and a file. */
export const FILE_VECTOR: Readonly<Record<"readv" | "writev", VectorPlan>> = {
  readv: {
    where: "file.readv",
    exclusive: true,
    kind: defineKind("readv", {
      finish: (entry, result): ReadVectorResult<readonly Lendable[]> => ({
        bytesRead: result,
        buffers: (entry.subject as VectorSubject).buffers,
      }),
      salvage: salvageRead,
      details: vectorDetails,
    }),
  },
  writev: {
    where: "file.writev",
    exclusive: false,
    kind: defineKind("writev", {
      finish: (entry, result): WriteVectorResult<readonly Lendable[]> => ({
        bytesWritten: result,
        buffers: (entry.subject as VectorSubject).buffers,
      }),
      details: vectorDetails,
    }),
  },
};

const vectorOptionNames: OptionNames = { position: true, ...operationOptionNames };

/**
 * Checks, lends all of the buffers, begins. What is refused leaves nothing lent; a signal that is aborted already is
 * thrown with the buffers.
 */
export function prepareFileVector(
  core: FileCore,
  { where, kind, exclusive }: VectorPlan,
  given: readonly Lendable[],
  options: VectorOptions,
): Entry {
  const { dispatcher, state } = core;
  state.expectOpen(where);
  const buffers = readVector(where, dispatcher.session.memory, given);
  checkOptions(where, options, vectorOptionNames);
  const { position } = options;
  if (position !== undefined) checkInteger(where, "position", position, 0, POSITION_MAX);
  const early = dispatcher.canceler.check(where, options, given);
  const entry = dispatcher.requests.begin(kind, state);
  entry.subject = { path: state.label, buffers: given } satisfies VectorSubject;
  try {
    lendVector(entry, buffers, exclusive);
  } catch (error) {
    dispatcher.requests.drop(entry);
    throw error;
  }
  const parts = entry.vector!;
  placeTransfer(core, entry, position);
  dispatcher.records[entry.base + WORD.vectorCount] = parts.length;
  entry.areaBytes = Math.max(1, parts.length) * VECTOR_ENTRY_BYTES;
  entry.writeArea = (offset) => writeVector(dispatcher.arena.words, offset, parts);
  if (position === undefined) entry.lane = laneFor(core, exclusive);
  // What moves no bytes ends when its turn comes; here that is at once.
  else if (entry.lendEnd === 0) entry.lane = dispatcher.createLane();
  dispatcher.canceler.attach(entry, early);
  return entry;
}
