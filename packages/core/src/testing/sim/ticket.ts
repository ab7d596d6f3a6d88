/** One operation as the simulated kernel sees it, from submission to final completion. */
import {
  MESSAGE_VECTOR_AT,
  OPCODE,
  type OpcodeDefinition,
  opcodeTable,
  readWide,
  SUBMISSION_SHIFT,
  SUBMISSION_WORDS,
  SUBMIT_FLAG,
  TIMEOUT_US_WORD,
  VECTOR_ENTRY_BYTES,
  VECTOR_WORD,
  WORD,
} from "@baton-io/core/driver";
import type { Description } from "./handles.js";
import type { TimelineEvent } from "./timeline.js";
import type { Waiter, WaitList } from "./wait-list.js";

/** A part of a buffer that an operation carries. */
export interface Part {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

const rows: readonly OpcodeDefinition[] = opcodeTable;

export class Ticket implements Waiter {
  readonly slot: number;
  readonly generation: number;
  readonly opcode: number;
  readonly multishot: boolean;
  readonly providedBuffer: boolean;
  /** The next one of the batch starts when it has ended well. */
  readonly linked: boolean;
  /** Microseconds after which it is canceled; 0 for never. */
  readonly timeoutUs: number;
  /** The parts of buffers that it carries, in order. */
  readonly parts: readonly Part[];
  /** The record as it was submitted: it must not change while the operation is in flight. */
  readonly record: Int32Array;
  /** Called when what it waits for may be there. */
  readonly onWake: () => void;
  /** What it is answered with instead of being attempted; 0 for nothing. */
  readonly refusal: number;
  /** Its final completion exists; it may not have been handed over yet. */
  ended = false;
  /** A cancel has said that it does not reach it, and it will end soon all the same. */
  doomed = false;
  /** It takes longer than anybody waits, and cannot be canceled. */
  stuck = false;
  /** Its next attempt. */
  event: TimelineEvent | undefined = undefined;
  /** Where it waits. */
  readonly #waitsIn: WaitList[] = [];
  /** The open file or socket, which lives as long as the operation; of a splice, where the bytes go. */
  description: Description | undefined = undefined;
  secondDescription: Description | undefined = undefined;
  /** What it has closed, once it has. */
  closes: Description | undefined = undefined;
  /** It has not started: the one before it in its chain has not ended. */
  isBehind = false;
  /** Starts when this one has ended well. */
  behind: Ticket | undefined = undefined;
  /** Its time is up then. */
  timeout: TimelineEvent | undefined = undefined;
  /** It was ended because its time was up. */
  timedOut = false;
  /** What the last attempt brought beside its result. */
  payload: Uint8Array<ArrayBuffer> | undefined = undefined;
  provided = -1;
  auxiliary = 0;
  /** What it has opened so far is kept: `COMPLETION_FLAG.begun`. */
  begun = false;
  /** When a timer is due. */
  dueUs = 0;

  constructor(
    records: Int32Array,
    arenaWords: Int32Array,
    { slot, refusal }: { readonly slot: number; readonly refusal: number },
    onWake: (ticket: Ticket) => void,
  ) {
    const base = slot << SUBMISSION_SHIFT;
    this.record = records.slice(base, base + SUBMISSION_WORDS);
    const operation = this.record[WORD.operation]!;
    this.slot = slot;
    this.generation = this.record[WORD.generation]!;
    this.opcode = operation & 0xff;
    this.multishot = (operation & SUBMIT_FLAG.multishot) !== 0;
    this.providedBuffer = (operation & SUBMIT_FLAG.providedBuffer) !== 0;
    this.linked = (operation & SUBMIT_FLAG.link) !== 0;
    this.timeoutUs = (operation & SUBMIT_FLAG.timeout) !== 0 ? this.record[TIMEOUT_US_WORD]! >>> 0 : 0;
    this.refusal = refusal;
    this.parts = this.providedBuffer ? [] : partsOf(this.record, arenaWords, refusal === 0);
    this.onWake = () => onWake(this);
  }

  /** One word of the record. */
  word(index: number): number {
    return this.record[index]!;
  }

  /** File position, length or microseconds. */
  get position(): number {
    return this.long(WORD.positionLow);
  }

  /** A signed 64-bit number, low word first. */
  long(low: number): number {
    return readWide(this.record, low);
  }

  /** Bytes that it can move at most. */
  get length(): number {
    if (this.parts.length === 0) return this.record[WORD.length]! >>> 0;
    let sum = 0;
    for (const { start, end } of this.parts) sum += end - start;
    return sum;
  }

  /** The kernel writes into the operation's buffers. */
  get writesBuffer(): boolean {
    const { opcode } = this;
    const writes =
      opcode === OPCODE.read ||
      opcode === OPCODE.readv ||
      opcode === OPCODE.receive ||
      opcode === OPCODE.receiveMessage;
    return writes && !this.providedBuffer;
  }

  /** As it is called in a violation. */
  get text(): string {
    return `operation ${this.slot}:${this.generation} (opcode ${this.opcode})`;
  }

  /** Waits in `list` until somebody wakes it. */
  waitIn(list: WaitList): void {
    this.#waitsIn.push(list);
    list.push(this);
  }

  /** It waits for somebody to wake it. */
  get isWaiting(): boolean {
    return this.#waitsIn.length > 0;
  }

  /** Waits no longer. */
  stopWaiting(): void {
    for (const list of this.#waitsIn.splice(0)) {
      const index = list.indexOf(this);
      if (index >= 0) list.splice(index, 1);
    }
  }

  /** Moved all that it was asked to, as far as that matters to what is chained behind it. */
  endsWell(result: number): boolean {
    return rows[this.opcode]?.whole ? result === this.length : result >= 0;
  }
}

/** The parts of buffers that a record names: by itself, or by a vector in the arena, which has been looked at. */
function partsOf(record: Int32Array, arenaWords: Int32Array, isVectorSound: boolean): Part[] {
  const opcode = record[WORD.operation]! & 0xff;
  const arenaOffset = record[WORD.arenaOffset]!;
  switch (opcode) {
    case OPCODE.readv:
    case OPCODE.writev:
      return isVectorSound ? vectorAt(arenaWords, arenaOffset, record[WORD.vectorCount]!) : [];
    case OPCODE.receiveMessage:
    case OPCODE.sendMessage:
      return isVectorSound ? vectorAt(arenaWords, arenaOffset + MESSAGE_VECTOR_AT, record[WORD.vectorCount]!) : [];
  }
  const number = record[WORD.buffer]!;
  if (number < 0) return [];
  const start = record[WORD.bufferOffset]! >>> 0;
  return [{ number, start, end: start + (record[WORD.length]! >>> 0) }];
}

function vectorAt(arenaWords: Int32Array, offset: number, count: number): Part[] {
  return Array.from({ length: count }, (_, index) => {
    const word = (offset + index * VECTOR_ENTRY_BYTES) >> 2;
    const start = arenaWords[word + VECTOR_WORD.offset]! >>> 0;
    const end = start + (arenaWords[word + VECTOR_WORD.length]! >>> 0);
    return { number: arenaWords[word + VECTOR_WORD.buffer]!, start, end };
  });
}
