/** The space of a file on its device, and what the kernel is told of how it will be used. */

import { batonError } from "../base/errors.js";
import { checkInteger, checkOptions, describe, type OptionNames } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { ADVICE, ALLOCATE_FLAG, MODE_WORD, WORD } from "../spi/record.js";
import { writeWide } from "../spi/wide.js";
import { type FileCore, handleDetails, POSITION_MAX } from "./file-operations.js";
import type { RequestTable } from "./request-table.js";
import { operationOptionNames } from "./transfer.js";

/** A range of a file, in bytes. */
export interface FileRange extends OperationOptions {
  /** Where it starts; default 0. */
  readonly position?: number;
  /** How long it is. */
  readonly length: number;
}

/**
 * What `allocate` does with a range:
 * - `"grow"`: reserves space for all of it, and makes the file as long as the range's end;
 * - `"keep-size"`: reserves space and leaves the length as it is;
 * - `"zero"`: the range reads as zero from then on and its space is reserved; the file grows to its end;
 * - `"zero-keep-size"`: the same, and the length stays;
 * - `"punch-hole"`: gives the space back; the range reads as zero and the length stays.
 */
export type AllocateMode = "grow" | "keep-size" | "zero" | "zero-keep-size" | "punch-hole";

export interface AllocateOptions extends FileRange {
  /** Default `"grow"`. Not every file system can do every mode: then it is `ENOTSUP`. */
  readonly mode?: AllocateMode;
}

/** How a range is going to be used. */
export type Advice = "normal" | "random" | "sequential" | "will-need" | "dont-need" | "no-reuse";

export interface AdviseOptions extends OperationOptions {
  /** Where the range starts, bytes; default 0. */
  readonly position?: number;
  /** How long it is, bytes; default: to the end of the file. */
  readonly length?: number;
}

/** What is asked of a file's space, as data; `On` names the file. */
export type SpaceRequest<On> =
  | ({ readonly opcode: "allocate" } & On & AllocateOptions)
  | ({ readonly opcode: "advise"; readonly advice: Advice } & On & AdviseOptions);

const allocateKind = defineKind("allocate", { details: handleDetails });
const adviseKind = defineKind("advise", { details: handleDetails });

const allocateBits: Readonly<Record<AllocateMode, number>> = {
  grow: 0,
  "keep-size": ALLOCATE_FLAG.keepSize,
  zero: ALLOCATE_FLAG.zeroRange,
  "zero-keep-size": ALLOCATE_FLAG.zeroRange | ALLOCATE_FLAG.keepSize,
  "punch-hole": ALLOCATE_FLAG.punchHole,
};

const adviceNumbers: Readonly<Record<Advice, number>> = {
  normal: ADVICE.normal,
  random: ADVICE.random,
  sequential: ADVICE.sequential,
  "will-need": ADVICE.willNeed,
  "dont-need": ADVICE.dontNeed,
  "no-reuse": ADVICE.noReuse,
};

const rangeOptionNames: OptionNames = { position: true, length: true, ...operationOptionNames };
const allocateOptionNames: OptionNames = { mode: true, ...rangeOptionNames };

export function prepareAllocate({ dispatcher, state }: FileCore, options: AllocateOptions): Entry {
  const where = "file.allocate";
  state.expectOpen(where);
  checkOptions(where, options, allocateOptionNames);
  const position = checkInteger(where, "position", options.position ?? 0, 0, POSITION_MAX - 1);
  const length = checkInteger(where, "length", options.length, 1, POSITION_MAX - position);
  const bits = lookUp(where, "mode", options.mode === undefined ? "grow" : options.mode, allocateBits);
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(allocateKind, state);
  entry.subject = state;
  dispatcher.records[entry.base + MODE_WORD] = bits;
  writeRange(dispatcher, entry, position, length);
  dispatcher.canceler.attach(entry, early);
  return entry;
}

export function prepareAdvise({ dispatcher, state }: FileCore, advice: Advice, options: AdviseOptions): Entry {
  const where = "file.advise";
  state.expectOpen(where);
  const number = lookUp(where, "advice", advice, adviceNumbers);
  checkOptions(where, options, rangeOptionNames);
  const position = checkInteger(where, "position", options.position ?? 0, 0, POSITION_MAX);
  const length = checkInteger(where, "length", options.length ?? 0, 0, POSITION_MAX - position);
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(adviseKind, state);
  entry.subject = state;
  dispatcher.records[entry.base + MODE_WORD] = number;
  writeRange(dispatcher, entry, position, length);
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/** Begins what a request asks for, by its `opcode`, on the file that was named. */
export const SPACE_REQUESTS: RequestTable<FileCore, SpaceRequest<unknown>> = {
  allocate: (core, { opcode: _, ...options }) => prepareAllocate(core, options),
  advise: (core, { opcode: _, advice, ...options }) => prepareAdvise(core, advice, options),
};

function writeRange(dispatcher: FileCore["dispatcher"], entry: Entry, position: number, length: number): void {
  writeWide(dispatcher.records, entry.base + WORD.positionLow, position);
  writeWide(dispatcher.records, entry.base + WORD.argument0, length);
}

function lookUp<Name extends string>(
  where: string,
  what: string,
  name: Name,
  numbers: Readonly<Record<Name, number>>,
): number {
  if (typeof name === "string" && Object.hasOwn(numbers, name)) return numbers[name];
  const given = typeof name === "string" ? `"${name}"` : describe(name);
  const names = Object.keys(numbers).join(", ");
  throw batonError("ERR_INVALID_ARG_VALUE", `${where}: ${what} must be one of ${names}, not ${given}.`);
}
