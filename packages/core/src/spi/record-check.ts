/**
 * The one place where a driver made of JavaScript looks at what core has written, before it works with it. The twin for
 * native engines is `native/baton/record_check.h`: a mistake has the same end on every driver, and on none of them does
 * it become damage to memory.
 */

import { BAD_RECORD, ERRNO } from "../base/errno.js";
import type { SharedMemory } from "./driver.js";
import { type AreaContent, type OpcodeDefinition, opcodeTable } from "./opcode.js";
import {
  ADDRESS_BYTES,
  ADOPT_ANSWER_BYTES,
  AUXILIARY_MAX,
  BEGUN_BYTES,
  CONTROL,
  MESSAGE_VECTOR_AT,
  MODE_WORD,
  OPEN_ANSWER_BYTES,
  PIPE_BYTES,
  POSITION_MAX,
  STAT_BYTES,
  SUBMISSION_SHIFT,
  SUBMIT_FLAG,
  TRANSFER_BYTES_MAX,
  VECTOR_ENTRY_BYTES,
  VECTOR_MAX,
  VECTOR_WORD,
  WORD,
} from "./record.js";
import { readWide } from "./wide.js";

/** What is asked of the driver's memory. */
export interface BufferLengths {
  /** Bytes of a buffer; −1 when there is none with this number. */
  lengthOf(number: number): number;
}

/** A buffer that core has provided, and how much of it may be filled. */
export interface ProvidedBuffer {
  readonly number: number;
  readonly bytes: number;
}

export class RecordCheck {
  readonly #records: Int32Array;
  readonly #arenaBytes: Uint8Array;
  readonly #arenaWords: Int32Array;
  readonly #control: Int32Array;
  readonly #provided: Int32Array;
  readonly #slots: number;
  readonly #memory: BufferLengths;

  constructor(shared: SharedMemory, memory: BufferLengths) {
    this.#records = new Int32Array(shared.records);
    this.#arenaBytes = new Uint8Array(shared.arena);
    this.#arenaWords = new Int32Array(shared.arena);
    this.#control = new Int32Array(shared.control);
    this.#provided = new Int32Array(shared.provided);
    this.#slots = this.#records.length >> SUBMISSION_SHIFT;
    this.#memory = memory;
  }

  /**
   * Whether a submission names a slot that is there and in which nothing is in flight. There is nobody to answer
   * otherwise, so it is counted as passed over.
   */
  expectFree(slot: number, isInFlight: boolean): boolean {
    if (slot >= 0 && slot < this.#slots && !isInFlight) return true;
    this.#control[CONTROL.passedOver]!++;
    return false;
  }

  /**
   * 0, or what the operation of a slot is answered with: `BAD_RECORD` for memory that is not there, an errno for what
   * means nothing.
   */
  check(slot: number): number {
    const base = slot << SUBMISSION_SHIFT;
    const operation = this.#word(base, WORD.operation);
    const definition: OpcodeDefinition | undefined = opcodeTable[operation & 0xff];
    if (definition === undefined) return -ERRNO.EINVAL;
    if (!mayHaveFlags(operation & ~0xff, definition)) return -ERRNO.ENOTSUP;
    // No operation has generation 0, and core uses no more bits than fit beside a slot.
    if (this.#word(base, WORD.generation) <= 0) return BAD_RECORD;
    if (!this.#hasMeaning(base, definition)) return -ERRNO.EINVAL;
    const { area = "none" } = definition;
    if (area !== "none") return this.#isArea(base, area) ? 0 : BAD_RECORD;
    if (definition.buffer === "none" || (operation & SUBMIT_FLAG.providedBuffer) !== 0) return 0;
    const number = this.#word(base, WORD.buffer);
    const offset = this.#unsigned(base, WORD.bufferOffset);
    return this.#isPart(number, offset, this.#unsigned(base, WORD.length)) ? 0 : BAD_RECORD;
  }

  /**
   * Takes what core has provided since the last time: up to `room` buffers that are not provided already. What cannot be
   * filled is passed over.
   */
  takeProvided(room: number, isProvided: (number: number) => boolean, take: (buffer: ProvidedBuffer) => void): void {
    const control = this.#control;
    const count = control[CONTROL.providedCount]! >>> 0;
    if (count === 0) return;
    const bytes = control[CONTROL.providedBytes]! >>> 0;
    const readable = Math.min(count, this.#provided.length);
    control[CONTROL.passedOver]! += count - readable;
    let left = room;
    for (const number of this.#provided.subarray(0, readable)) {
      const length = number <= AUXILIARY_MAX ? this.#memory.lengthOf(number) : -1;
      if (left > 0 && length > 0 && bytes <= length && !isProvided(number)) {
        left--;
        take({ number, bytes: bytes || length });
      } else {
        control[CONTROL.passedOver]!++;
      }
    }
    control[CONTROL.providedCount] = 0;
  }

  #word(base: number, word: number): number {
    return this.#records[base + word]!;
  }

  #unsigned(base: number, word: number): number {
    return this.#word(base, word) >>> 0;
  }

  /** Its position, length, mode and first argument are among those that mean something. */
  #hasMeaning(base: number, { positionMin, lengthMax, modeMax, argument0Max }: OpcodeDefinition): boolean {
    if (positionMin !== undefined) {
      const position = readWide(this.#records, base + WORD.positionLow);
      if (position < positionMin || position > POSITION_MAX) return false;
    }
    if (lengthMax !== undefined && this.#unsigned(base, WORD.length) > lengthMax) return false;
    if (modeMax !== undefined && this.#unsigned(base, MODE_WORD) > modeMax) return false;
    return argument0Max === undefined || this.#unsigned(base, WORD.argument0) <= argument0Max;
  }

  /** The part of a buffer lies within a buffer that there is. */
  #isPart(number: number, offset: number, length: number): boolean {
    return offset + length <= this.#memory.lengthOf(number);
  }

  /** The arena area of a record is there, long enough, and holds what the operation counts on. */
  #isArea(base: number, content: AreaContent): boolean {
    const offset = this.#unsigned(base, WORD.arenaOffset);
    const areaBytes = this.#unsigned(base, WORD.arenaLength);
    const length = this.#unsigned(base, WORD.length);
    const second = this.#unsigned(base, WORD.argument1);
    const count = this.#unsigned(base, WORD.vectorCount);
    const bytes = neededBytes(content, length, second, count);
    if (bytes > areaBytes || offset % 4 !== 0 || offset + areaBytes > this.#arenaBytes.length) return false;
    switch (content) {
      case "path":
      case "opened-path":
      case "stat-path":
        return this.#arenaBytes[offset + length] === 0;
      case "two-paths":
        return this.#arenaBytes[offset + length] === 0 && this.#arenaBytes[offset + length + 1 + second] === 0;
      case "vector":
        return this.#areParts(offset, count);
      case "message":
        return this.#areParts(offset + MESSAGE_VECTOR_AT, count);
      default:
        return true;
    }
  }

  /** The parts of a vector lie within buffers, and are not more than one operation moves. */
  #areParts(offset: number, count: number): boolean {
    if (count > VECTOR_MAX) return false;
    const words = this.#arenaWords;
    let bytes = 0;
    for (let index = 0; index < count; index++) {
      const word = (offset + index * VECTOR_ENTRY_BYTES) >> 2;
      const length = words[word + VECTOR_WORD.length]! >>> 0;
      if (!this.#isPart(words[word + VECTOR_WORD.buffer]!, words[word + VECTOR_WORD.offset]! >>> 0, length))
        return false;
      bytes += length;
    }
    return bytes <= TRANSFER_BYTES_MAX;
  }
}

/** By opcode: the flags that it can have. */
const knownFlags: readonly number[] = opcodeTable.map((row: OpcodeDefinition) =>
  row.flags.reduce((all, name) => all | SUBMIT_FLAG[name], 0),
);

/** A flag is never passed over in silence: what an operation cannot honour, it is refused for. */
function mayHaveFlags(flags: number, { number, buffer }: OpcodeDefinition): boolean {
  if ((flags & ~knownFlags[number]!) !== 0) return false;
  if ((flags & SUBMIT_FLAG.multishot) === 0) return true;
  // What ends only when it is canceled has nothing that could come after it, and would fill one buffer again and again.
  return (flags & SUBMIT_FLAG.link) === 0 && (buffer === "none" || (flags & SUBMIT_FLAG.providedBuffer) !== 0);
}

/** Bytes of its arena area that an operation finds or leaves something in. */
function neededBytes(content: AreaContent, length: number, second: number, count: number): number {
  switch (content) {
    case "none":
      return 0;
    case "path":
      return length + 1;
    case "opened-path":
      return Math.max(length + 1, OPEN_ANSWER_BYTES, BEGUN_BYTES);
    case "stat-path":
      return Math.max(length + 1, STAT_BYTES);
    case "two-paths":
      return length + 1 + second + 1;
    case "address":
      return ADDRESS_BYTES;
    case "vector":
      return count * VECTOR_ENTRY_BYTES;
    case "message":
      return MESSAGE_VECTOR_AT + count * VECTOR_ENTRY_BYTES;
    case "handles":
      return PIPE_BYTES;
    case "adopted":
      return ADOPT_ANSWER_BYTES;
  }
}
