/** The low level under every method: an operation as an object, with its state, its promise and its cancel. */

import { batonError } from "../base/errors.js";
import type { LentBuffer } from "../memory/owned-buffer.js";
import type { Dispatcher } from "./dispatcher.js";
import type { CancelOutcome, Entry } from "./entry.js";
import { extrasOf } from "./entry.js";
import { STATE, type StateName, stateName } from "./lifecycle.js";

export type { CancelOutcome } from "./entry.js";

/** How an operation ended, or `"pending"`. */
export type Outcome = "pending" | "ok" | "error" | "canceled";

/**
 * An operation that was submitted. Its buffer, if it carries one, is lent until `done` settles.
 *
 * @example
 * const operation = io.submit({ opcode: "receive", stream, buffer });
 * setTimeout(() => operation.cancel(), 100);
 * const { bytesReceived } = await operation.done;
 */
export class Operation<T> {
  /** Unique in its backend: slot and generation. */
  readonly id: number;
  /**
   * Settles once, when the driver has let go of the buffer: with the result, or with an error that carries the
   * buffer as `error.buffer`.
   */
  readonly done: Promise<T>;
  /** The buffer while it is lent; get it back from the result. */
  readonly buffer: LentBuffer | undefined;
  /** The buffers of a vectored operation while they are lent. */
  readonly buffers: readonly LentBuffer[] | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #entry: Entry;
  readonly #generation: number;
  #outcome: Outcome = "pending";

  /** Core's: use `io.submit`. Starts the operation that was begun. */
  constructor(dispatcher: Dispatcher, entry: Entry, onSettled: () => void) {
    this.id = entry.id;
    this.buffer = entry.buffer;
    this.buffers = entry.vector?.map(({ buffer }) => buffer);
    this.#dispatcher = dispatcher;
    this.#entry = entry;
    this.#generation = entry.generation;
    extrasOf(entry).onSettled = (outcome) => {
      this.#outcome = outcome;
      onSettled();
    };
    // Last: it may end at once.
    this.done = dispatcher.start(entry);
  }

  /** Where it is: `queued → submitted → (more)* → completed`, with `canceling` and `orphaned` between. */
  get state(): Exclude<StateName, "free"> {
    const entry = this.#entry;
    if (entry.generation !== this.#generation || entry.state === STATE.free) return "completed";
    return stateName(entry.state) as Exclude<StateName, "free">;
  }

  /** How it ended. */
  get outcome(): Outcome {
    return this.#outcome;
  }

  /**
   * Asks for an early end, and tells what became of it once the operation has ended:
   * `"canceled"`: it ended early; `done` rejects with `ERR_OPERATION_CANCELED` and the buffer.
   * `"completed"`: it ended by itself first; `done` tells how. Nothing is lost: data that won the race is in `done`.
   * `"too-late"`: it had ended before the call.
   * Whoever asks need not look at `done`: its rejection then counts as handled.
   */
  cancel(): Promise<CancelOutcome> {
    if (!this.#isInFlight) return Promise.resolve("too-late");
    return this.#dispatcher.canceler.requestAnswer(this.#entry);
  }

  /**
   * Gives the operation up: `done` rejects now with `ERR_OPERATION_ABANDONED`. The driver is asked to end it;
   * when it has, the buffer goes back to its pool and what was opened is closed. Do not use the buffer again. Nobody
   * has to catch the rejection.
   */
  abandon(): void {
    if (!this.#isInFlight) return;
    const error = batonError("ERR_OPERATION_ABANDONED", `${this.#entry.kind?.syscall}: abandoned.`);
    this.#dispatcher.endings.abandon(this.#entry, error, "cancel");
  }

  get #isInFlight(): boolean {
    // Settled without the driver's word, when the backend was closed.
    if (this.#outcome !== "pending") return false;
    const { state, generation } = this.#entry;
    return (
      generation === this.#generation && state !== STATE.free && state !== STATE.completed && state !== STATE.orphaned
    );
  }
}
