/**
 * Who may go to the driver: at most `operationsMax` operations of callers are on their way to it or with it. The others
 * are accepted all the same and wait here, in order, with their buffers lent; each can be canceled, aborted or time out
 * meanwhile, which gives its buffer back at once. So a full backend means back-pressure and not an error. Core's own
 * operations, without which nothing would ever end (cancels, closes, bytes that have to get where they were going), do
 * not wait and are not counted.
 */
import type { Counters } from "../base/counters.js";
import type { Entry } from "./entry.js";
import { WaitList } from "./wait-list.js";

/** What `io.inspect().admission` shows. */
export interface AdmissionStats {
  /** Operations of callers that are with the driver or on their way to it. */
  readonly inFlight: number;
  /** Most of these: `operationsMax`. */
  readonly inFlightMax: number;
  /** Operations that wait until one of those has ended. */
  readonly waiting: number;
}

export class Admission {
  readonly #inFlightMax: number;
  readonly #counters: Counters;
  /** Sends an operation that has waited on its way. */
  readonly #go: (entry: Entry) => void;
  readonly #waiting = new WaitList();
  #inFlight = 0;

  constructor(inFlightMax: number, counters: Counters, go: (entry: Entry) => void) {
    this.#inFlightMax = inFlightMax;
    this.#counters = counters;
    this.#go = go;
  }

  /** True when the operation may go now; otherwise it waits, and goes when its turn comes. */
  admit(entry: Entry): boolean {
    // Nobody waits while there is room.
    if (this.#inFlight < this.#inFlightMax) {
      this.#inFlight++;
      entry.admitted = true;
      return true;
    }
    this.#counters.admissionsWaited++;
    entry.held = true;
    this.#waiting.push(entry);
    return false;
  }

  /** True when there is room for so many. */
  hasRoom(count: number): boolean {
    return this.#inFlight + count <= this.#inFlightMax;
  }

  /** An operation that was admitted has ended: the next one goes. */
  leave(entry: Entry): void {
    entry.admitted = false;
    this.#inFlight--;
    while (!this.#waiting.isEmpty && this.#inFlight < this.#inFlightMax) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inFlight++;
      next.admitted = true;
      next.held = false;
      this.#go(next);
    }
  }

  stats(): AdmissionStats {
    return { inFlight: this.#inFlight, inFlightMax: this.#inFlightMax, waiting: this.#waiting.count() };
  }
}
