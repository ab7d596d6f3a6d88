/**
 * Pauses accepting while the system lacks what a connection needs: descriptors, memory. Trying again at once would keep
 * the processor busy and change nothing, so it pauses, longer each time, and the connections wait in the kernel's
 * backlog meanwhile. Source: accept(2), errors.
 */
import type { Clock } from "../base/clock.js";
import { ERRNO } from "../base/errno.js";
import type { BatonError } from "../base/errors.js";

/** Milliseconds before accepting is tried again: doubled each time, up to the last, until a connection comes. */
const PAUSE_MS_MIN = 10;
const PAUSE_MS_MAX = 1000;

const shortages: ReadonlySet<number> = new Set([-ERRNO.EMFILE, -ERRNO.ENFILE, -ERRNO.ENOBUFS, -ERRNO.ENOMEM]);

/** True for an error of accepting that is about the system and not about one connection. */
export function isShortage({ errno }: BatonError): boolean {
  return errno !== undefined && shortages.has(errno);
}

export class AcceptPause {
  readonly #clock: Clock;
  readonly #goOn: () => void;
  #timer: unknown;
  #pauseMs = 0;

  /** `goOn` is called when a pause is over. */
  constructor(clock: Clock, goOn: () => void) {
    this.#clock = clock;
    this.#goOn = goOn;
  }

  /** Nothing is accepted now. */
  get active(): boolean {
    return this.#timer !== undefined;
  }

  /** There was a pause, and no connection since. */
  get doubtful(): boolean {
    return this.#pauseMs > 0;
  }

  /** Pauses. True for the first pause since a connection came. */
  begin(): boolean {
    if (this.active) return false;
    const isFirst = this.#pauseMs === 0;
    this.#pauseMs = isFirst ? PAUSE_MS_MIN : Math.min(PAUSE_MS_MAX, this.#pauseMs * 2);
    // The callers who wait keep the process running, as they do while an accept is in flight.
    this.#timer = this.#clock.retryAfter(this.#pauseMs, () => {
      this.#timer = undefined;
      this.#goOn();
    });
    return isFirst;
  }

  /** A connection has come: the shortage is over. */
  end(): void {
    this.#pauseMs = 0;
  }

  /** The listener closes, or nobody waits any more. */
  stop(): void {
    this.#clock.clear(this.#timer);
    this.#timer = undefined;
  }
}
