/** Completions that are ready and wait to be handed over, in order or, where the profile says so, not. */
import { AUXILIARY_SHIFT, COMPLETION_FLAG, COMPLETION_SHIFT, COMPLETION_WORD } from "@baton-io/core/driver";
import type { FaultDice } from "./faults.js";
import type { Ticket } from "./ticket.js";

/** One completion. */
export interface Completion {
  readonly ticket: Ticket;
  readonly result: number;
  /** More completions of the same operation follow. */
  readonly more: boolean;
  /** Generation of the handle that the result names, or number of the buffer that was taken. */
  readonly auxiliary: number;
  /** Number of the provided buffer that it carries, −1 for none. */
  readonly provided: number;
  readonly payload: Uint8Array<ArrayBuffer> | undefined;
  /** The driver ended it because its time was up. */
  readonly timedOut: boolean;
  /** What the operation has begun is kept under a handle. */
  readonly begun: boolean;
  /** The second one for the same operation: a planted bug. */
  readonly duplicate: boolean;
}

export class CompletionQueue {
  readonly #words: Int32Array;
  readonly #dice: FaultDice;
  readonly #ready: Completion[] = [];

  constructor(words: Int32Array, dice: FaultDice) {
    this.#words = words;
    this.#dice = dice;
  }

  get length(): number {
    return this.#ready.length;
  }

  push(completion: Completion): void {
    this.#ready.push(completion);
  }

  /** Takes the next one out. Completions of one operation keep their order. */
  take(): Completion {
    const ready = this.#ready;
    if (ready.length === 1 || !this.#dice.happens("shuffle")) return ready.shift()!;
    const { ticket } = ready[this.#dice.random.below(ready.length)]!;
    const index = ready.findIndex((completion) => completion.ticket === ticket);
    return ready.splice(index, 1)[0]!;
  }

  /** Writes a completion as record `index` of the shared memory. */
  write(index: number, { ticket, result, more, auxiliary, provided, timedOut, begun }: Completion): void {
    const base = index << COMPLETION_SHIFT;
    this.#words[base + COMPLETION_WORD.slot] = ticket.slot;
    this.#words[base + COMPLETION_WORD.generation] = ticket.generation;
    this.#words[base + COMPLETION_WORD.result] = result;
    this.#words[base + COMPLETION_WORD.flags] =
      ((provided >= 0 ? provided : auxiliary) << AUXILIARY_SHIFT) |
      (more ? COMPLETION_FLAG.more : 0) |
      (provided >= 0 ? COMPLETION_FLAG.providedBuffer : 0) |
      (timedOut ? COMPLETION_FLAG.timedOut : 0) |
      (begun ? COMPLETION_FLAG.begun : 0);
  }
}
