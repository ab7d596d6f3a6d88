/**
 * Submissions that stand: one of them delivers connections or bytes again and again, also while nobody waits for any.
 * They are left standing for a moment, because whoever took the last result mostly comes back for the next. But what
 * nobody waits for keeps neither the process nor its resource alive, so after that they are ended, to be made anew when
 * somebody waits again.
 */
import type { Clock } from "../base/clock.js";

/** Milliseconds between two looks: one that nobody waited for in a whole interval is ended. */
const LOOK_INTERVAL_MS = 50;

/** The owner of such a submission. */
export interface Standing {
  /**
   * Ends the submission, unless somebody waits for it or has since the last look. False when it need not be looked at
   * again.
   */
  look(): boolean;
}

export class StandingSubmissions {
  readonly #clock: Clock;
  readonly #left = new Set<Standing>();
  #timer: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody took a result, and nobody waits for the next one. */
  watch(standing: Standing): void {
    this.#left.add(standing);
    this.#timer ??= this.#clock.after(LOOK_INTERVAL_MS, this.#look);
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    for (const standing of [...this.#left]) if (!standing.look()) this.#left.delete(standing);
    if (this.#left.size > 0) this.#timer = this.#clock.after(LOOK_INTERVAL_MS, this.#look);
  };
}
