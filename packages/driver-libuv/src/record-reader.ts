/** A submission record with names: what one operation is asked to do. */
import { readWide, SUBMISSION_SHIFT, SUBMIT_FLAG, WORD } from "@baton-io/core/driver";
import type { OperationId } from "./deliver.js";
import type { HandleId } from "./handles.js";

/** One submission, copied out of its record. */
export interface Submission extends OperationId {
  readonly opcode: number;
  /** `SUBMIT_FLAG` bits. */
  readonly flags: number;
  readonly providedBuffer: boolean;
  readonly handle: HandleId;
  readonly buffer: number;
  readonly bufferOffset: number;
  readonly length: number;
  readonly arenaOffset: number;
  readonly arenaLength: number;
  /** File position, length or microseconds. */
  readonly position: number;
  readonly argument0: number;
  readonly argument1: number;
  /** Entries of its vector. */
  readonly vectorCount: number;
  /** Ends it with `-ECANCELED`; `undefined` when the runtime has no way to. */
  cancel: (() => void) | undefined;
}

export function readSubmission(records: Int32Array, slot: number): Submission {
  const base = slot << SUBMISSION_SHIFT;
  const operation = records[base + WORD.operation]!;
  return {
    slot,
    generation: records[base + WORD.generation]!,
    opcode: operation & 0xff,
    flags: operation & ~0xff,
    providedBuffer: (operation & SUBMIT_FLAG.providedBuffer) !== 0,
    handle: { index: records[base + WORD.handleIndex]!, generation: records[base + WORD.handleGeneration]! },
    buffer: records[base + WORD.buffer]!,
    bufferOffset: records[base + WORD.bufferOffset]! >>> 0,
    length: records[base + WORD.length]! >>> 0,
    arenaOffset: records[base + WORD.arenaOffset]!,
    arenaLength: records[base + WORD.arenaLength]!,
    position: readWide(records, base + WORD.positionLow),
    argument0: records[base + WORD.argument0]!,
    argument1: records[base + WORD.argument1]!,
    vectorCount: records[base + WORD.vectorCount]!,
    cancel: undefined,
  };
}
