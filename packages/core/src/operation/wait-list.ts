/**
 * Operations that wait for something in core, first come, first served. One that ends while it waits is passed over; its
 * slot may be another operation's by then, so the generation is kept with it. Memory stays in proportion to the
 * operations that still wait, however many came and went.
 */

import type { Entry } from "./entry.js";

/** Places that are not worth tidying up. */
const TIDY_MIN = 64;

export class WaitList {
  #entries: Entry[] = [];
  #generations: number[] = [];
  #head = 0;
  /** With so many places taken, those of operations that have ended are looked for. */
  #tidyAt = TIDY_MIN;

  /** True when nobody was put in since the last was taken out; those that ended meanwhile count until then. */
  get isEmpty(): boolean {
    return this.#head === this.#entries.length;
  }

  /** Puts an operation behind the others. It waits for as long as it is `queued` and `held`. */
  push(entry: Entry): void {
    if (this.#entries.length >= this.#tidyAt) this.#tidy();
    this.#entries.push(entry);
    this.#generations.push(entry.generation);
  }

  /** The one that waits longest, without taking it out. */
  first(): Entry | undefined {
    while (this.#head < this.#entries.length) {
      if (this.#waits(this.#head)) return this.#entries[this.#head];
      this.#head++;
    }
    this.#clear();
    return undefined;
  }

  /** Takes out the one that waits longest. */
  shift(): Entry | undefined {
    const entry = this.first();
    if (entry !== undefined) this.#head++;
    return entry;
  }

  /** How many wait. Looks at each. */
  count(): number {
    let count = 0;
    for (let at = this.#head; at < this.#entries.length; at++) if (this.#waits(at)) count++;
    return count;
  }

  #waits(at: number): boolean {
    const entry = this.#entries[at]!;
    return entry.isQueued(this.#generations[at]!) && entry.held;
  }

  #clear(): void {
    this.#entries = [];
    this.#generations = [];
    this.#head = 0;
    this.#tidyAt = TIDY_MIN;
  }

  #tidy(): void {
    const entries: Entry[] = [];
    const generations: number[] = [];
    for (let at = this.#head; at < this.#entries.length; at++) {
      if (!this.#waits(at)) continue;
      entries.push(this.#entries[at]!);
      generations.push(this.#generations[at]!);
    }
    this.#entries = entries;
    this.#generations = generations;
    this.#head = 0;
    this.#tidyAt = Math.max(TIDY_MIN, entries.length * 2);
  }
}
