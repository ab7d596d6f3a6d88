/** One operation as the simulated kernel sees it, from submission to final completion. */
import { OPCODE } from "../../opcode.js";
import { SUBMISSION_SHIFT, SUBMISSION_WORDS, SUBMIT_FLAG, WORD } from "../../record.js";
import type { Description } from "./handles.js";
import type { TimelineEvent } from "./timeline.js";

/** Operations that wait for the same thing. */
export type WaitList = Ticket[];

/** Wakes everybody who waits: each gets another attempt, in its own time. */
export function wakeAll(list: WaitList): void {
  if (list.length === 0) return;
  for (const ticket of list.splice(0)) {
    ticket.waitsIn = undefined;
    ticket.onWake();
  }
}

export class Ticket {
  readonly slot: number;
  readonly generation: number;
  readonly opcode: number;
  readonly multishot: boolean;
  readonly bufferSelect: boolean;
  /** Some other flag is set. */
  readonly hasUnknownFlags: boolean;
  /** The record as it was submitted: it must not change while the operation is in flight. */
  readonly record: Int32Array;
  /** Called when what it waits for may be there. */
  readonly onWake: () => void;
  /** Its final completion exists; it may not have been handed over yet. */
  ended = false;
  /** A cancel has said that it does not reach it, and it will end soon all the same. */
  doomed = false;
  /** It takes longer than anybody waits, and cannot be cancelled. */
  stuck = false;
  /** Its next attempt. */
  event: TimelineEvent | undefined = undefined;
  /** Where it waits. */
  waitsIn: WaitList | undefined = undefined;
  /** The open file or socket, which lives as long as the operation. */
  description: Description | undefined = undefined;
  /** What the last attempt brought beside its result. */
  payload: Uint8Array<ArrayBuffer> | undefined = undefined;
  picked = -1;
  auxiliary = 0;
  /** When a timer is due. */
  dueUs = 0;

  constructor(records: Int32Array, slot: number, onWake: (ticket: Ticket) => void) {
    const base = slot << SUBMISSION_SHIFT;
    this.record = records.slice(base, base + SUBMISSION_WORDS);
    const operation = this.record[WORD.operation]!;
    this.slot = slot;
    this.generation = this.record[WORD.generation]!;
    this.opcode = operation & 0xff;
    this.multishot = (operation & SUBMIT_FLAG.multishot) !== 0;
    this.bufferSelect = (operation & SUBMIT_FLAG.bufferSelect) !== 0;
    this.hasUnknownFlags = (operation & ~(0xff | SUBMIT_FLAG.multishot | SUBMIT_FLAG.bufferSelect)) !== 0;
    this.onWake = () => onWake(this);
  }

  /** One word of the record. */
  word(index: number): number {
    return this.record[index]!;
  }

  /** File position, length or microseconds. */
  get position(): number {
    return this.record[WORD.positionHigh]! * 0x1_0000_0000 + (this.record[WORD.positionLow]! >>> 0);
  }

  /** The kernel writes into the operation's buffer. */
  get writesBuffer(): boolean {
    return (this.opcode === OPCODE.read || this.opcode === OPCODE.receive) && !this.bufferSelect;
  }

  /** As it is called in a violation. */
  get text(): string {
    return `operation ${this.slot}:${this.generation} (opcode ${this.opcode})`;
  }

  /** Waits in `list` until somebody wakes it. */
  waitIn(list: WaitList): void {
    this.waitsIn = list;
    list.push(this);
  }

  /** Waits no longer. */
  stopWaiting(): void {
    if (this.waitsIn === undefined) return;
    this.waitsIn.splice(this.waitsIn.indexOf(this), 1);
    this.waitsIn = undefined;
  }
}
