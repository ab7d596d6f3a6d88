/**
 * How long core goes on in microtasks. What completes at once is told at once, and that is where the speed comes from;
 * but microtasks run before timers and other I/O, so a program that awaits one such end after the other would never let
 * the event loop turn. After a budget of rounds or of time, flushes wait for its turn, and so do the ends that need no
 * driver: of operations that were canceled before they were handed over, that were refused, or that core answered
 * itself (docs/decisions/0008-starvation-budget.md).
 */
import type { Clock } from "../base/clock.js";
import type { Counters } from "../base/counters.js";

/** Rounds in microtasks before one waits for the event loop, whatever time they took. */
export const PACE_ROUNDS_MAX = 1024;
/** Milliseconds of such rounds before one waits for the event loop. */
export const PACE_BUDGET_MS = 1;
/** The clock is read once in so many rounds … */
const ROUNDS_PER_CLOCK = 32;
/** … or so many operations, whichever is first: a big batch may eat the budget by itself. */
const OPERATIONS_PER_CLOCK = 256;

export class Pace {
  readonly #clock: Clock;
  readonly #counters: Counters;
  #rounds = 0;
  #operations = 0;
  #startMs = 0;
  #spent = false;
  /** What waits for the event loop's turn. */
  #later: (() => void)[] = [];

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  /** The budget is used up: what comes next waits for the event loop. */
  get spent(): boolean {
    return this.#spent;
  }

  /** The event loop has turned: the budget is new. */
  turned(): void {
    this.#spent = false;
    this.#rounds = 0;
    this.#operations = 0;
  }

  /** One round in which so many operations were handed over or ended. */
  spend(operations: number): void {
    if (this.#rounds === 0) this.#startMs = this.#clock.nowMs();
    this.#rounds++;
    this.#operations += operations;
    if (this.#rounds % ROUNDS_PER_CLOCK !== 0 && this.#operations < OPERATIONS_PER_CLOCK) return;
    this.#operations = 0;
    this.#spent = this.#rounds >= PACE_ROUNDS_MAX || this.#clock.nowMs() - this.#startMs >= PACE_BUDGET_MS;
  }

  /** Runs it in the event loop's next turn, after what was put off before. */
  later(run: () => void): void {
    this.#later.push(run);
    if (this.#later.length > 1) return;
    this.#counters.turnsAwaited++;
    this.#clock.turn(() => {
      this.turned();
      const due = this.#later;
      this.#later = [];
      for (const each of due) each();
    });
  }

  /** Tells somebody of an end that needed no driver: now, or in the next turn when the budget is used up. */
  tell(run: () => void): void {
    this.spend(1);
    if (this.#spent) this.later(run);
    else run();
  }

  /** A promise that never rejects, or one that waits for the next turn first when the budget is used up. */
  paced<T>(promise: Promise<T>): Promise<T> {
    if (!this.#spent) return promise;
    return new Promise((resolve) => this.later(() => resolve(promise)));
  }
}
