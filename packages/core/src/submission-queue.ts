/**
 * Operations that the driver has not taken yet, as slot numbers. A full driver is back-pressure: what it did not take
 * stays here, in its place. Cancels overtake everything, because the operation that blocks the driver may be the one to
 * cancel. The rest goes in the order in which it came, but for the latest: as long as it does not keep the others
 * waiting for too long, it goes first.
 */
import { STATE } from "./lifecycle.js";
import type { Entry, OperationTable } from "./operation-table.js";

/**
 * Fills in a row in which the fresh ones, those that came since the last fill, go ahead of those that wait. Mostly they
 * belong to what has just completed, and find their connection still in the processor's caches. The fill after that
 * is for those that have waited longest, so each of them has its turn.
 */
export const AHEAD_MAX = 3;

const INITIAL_CAPACITY = 1024;

export class SubmissionQueue {
  readonly #table: OperationTable;
  /** Called for an operation that ended while it was queued: its slot can be freed now. */
  readonly #onTombstone: (entry: Entry) => void;
  #ring = new Int32Array(INITIAL_CAPACITY);
  #head = 0;
  #count = 0;
  /** So many, from the front, were there at the last fill; the ones behind them are fresh. */
  #waitingCount = 0;
  /** Fills in a row that fresh ones went ahead of them. */
  #aheadCount = 0;
  /** Where in the window of the last fill the fresh ones begin that went ahead. */
  #aheadFrom = 0;
  #cancels: number[] = [];
  #urgent: number[] = [];

  constructor(table: OperationTable, onTombstone: (entry: Entry) => void) {
    this.#table = table;
    this.#onTombstone = onTombstone;
  }

  /** Entries waiting, tombstones included. */
  get length(): number {
    return this.#count + this.#cancels.length + this.#urgent.length;
  }

  push(slot: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#count++) & (this.#ring.length - 1)] = slot;
  }

  /** A cancel goes before everything else, so that a full driver need not look for it behind what it refuses. */
  pushCancel(slot: number): void {
    this.#cancels.push(slot);
  }

  /** Goes before everything but cancels: handles that core closes by itself. */
  pushUrgent(slot: number): void {
    this.#urgent.push(slot);
  }

  /**
   * Moves up to `atMost` slots into the window, cancels first; returns how many. A chain is never torn: it goes whole,
   * with the next window if need be.
   */
  fill(window: Int32Array, atMost: number): number {
    let filled = 0;
    if (this.#cancels.length > 0) filled = this.#move(this.#cancels, window, filled);
    if (this.#urgent.length > 0) filled = this.#move(this.#urgent, window, filled);
    const limit = Math.min(atMost, window.length);
    const fresh = this.#count - this.#waitingCount;
    if (this.#waitingCount > 0 && fresh > 0 && filled + fresh <= limit && this.#aheadCount < AHEAD_MAX) {
      this.#aheadCount++;
      this.#aheadFrom = filled;
      filled = this.#putLast(fresh, window, filled);
    } else {
      this.#aheadCount = 0;
      this.#aheadFrom = window.length;
      filled = this.#putFirst(limit, window, filled);
    }
    this.#waitingCount = this.#count;
    return filled;
  }

  /** Moves from the front until the window holds `limit`; a chain at the front may be longer. */
  #putFirst(limit: number, window: Int32Array, start: number): number {
    let filled = start;
    let end = limit;
    while (filled < end && this.#count > 0) {
      const slot = this.#ring[this.#head]!;
      const { togetherCount } = this.#table.entries[slot]!;
      if (filled + togetherCount > end) {
        if (filled > 0 || togetherCount > window.length) break;
        end = togetherCount;
      }
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      this.#count--;
      filled = this.#put(window, filled, slot);
    }
    return filled;
  }

  /** Moves the last `count`, in their order. */
  #putLast(count: number, window: Int32Array, start: number): number {
    const mask = this.#ring.length - 1;
    const end = this.#head + this.#count;
    let filled = start;
    this.#count -= count;
    for (let at = end - count; at < end; at++) filled = this.#put(window, filled, this.#ring[at & mask]!);
    return filled;
  }

  /** A fast lane goes ahead whole: a tombstone in it leaves no gap for the slower lanes to slip into. */
  #move(slots: number[], window: Int32Array, start: number): number {
    let filled = start;
    let moved = 0;
    while (moved < slots.length && filled < window.length) filled = this.#put(window, filled, slots[moved++]!);
    slots.splice(0, moved);
    return filled;
  }

  /** The slot goes into the window, unless its operation has ended while it was queued. */
  #put(window: Int32Array, filled: number, slot: number): number {
    const entry = this.#table.entries[slot]!;
    if (entry.state === STATE.queued) {
      window[filled] = slot;
      return filled + 1;
    }
    this.#onTombstone(entry);
    return filled;
  }

  /** Puts the window's entries from `accepted` to `count` back where they came from, in order. */
  putBack(window: Int32Array, accepted: number, count: number): void {
    const aheadFrom = Math.min(this.#aheadFrom, count);
    for (let index = Math.max(accepted, aheadFrom); index < count; index++) this.push(window[index]!);
    for (let index = aheadFrom - 1; index >= accepted; index--) {
      // Not all of them were taken from here, so there may be no room.
      if (this.#count === this.#ring.length) this.#grow();
      this.#head = (this.#head - 1) & (this.#ring.length - 1);
      this.#ring[this.#head] = window[index]!;
      this.#count++;
    }
    this.#waitingCount = this.#count;
  }

  #grow(): void {
    const grown = new Int32Array(this.#ring.length * 2);
    for (let index = 0; index < this.#count; index++) {
      grown[index] = this.#ring[(this.#head + index) & (this.#ring.length - 1)]!;
    }
    this.#ring = grown;
    this.#head = 0;
  }
}
