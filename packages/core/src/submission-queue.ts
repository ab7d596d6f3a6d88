/**
 * Operations that the driver has not taken yet, as slot numbers in order. A full driver is back-pressure: what it did
 * not take stays here, in its place. Cancels overtake everything, because the operation that blocks the driver may be
 * the one to cancel.
 */
import { STATE } from "./lifecycle.js";
import type { Entry, OperationTable } from "./operation-table.js";

const INITIAL_CAPACITY = 1024;

export class SubmissionQueue {
  readonly #table: OperationTable;
  /** Called for an operation that ended while it was queued: its slot can be freed now. */
  readonly #onTombstone: (entry: Entry) => void;
  #ring = new Int32Array(INITIAL_CAPACITY);
  #head = 0;
  #count = 0;
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

  /** Moves up to `window.length` slots into the window, cancels first; returns how many. */
  fill(window: Int32Array): number {
    let filled = 0;
    if (this.#cancels.length > 0) filled = this.#move(this.#cancels, window, filled);
    if (this.#urgent.length > 0) filled = this.#move(this.#urgent, window, filled);
    const mask = this.#ring.length - 1;
    while (filled < window.length && this.#count > 0) {
      const slot = this.#ring[this.#head]!;
      // A chain is never torn: it goes whole, with the next window if need be.
      if (filled + this.#table.entries[slot]!.togetherCount > window.length) break;
      this.#head = (this.#head + 1) & mask;
      this.#count--;
      filled = this.#put(window, filled, slot);
    }
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

  /** Puts the window's entries from `accepted` to `count` back at the front, in order. */
  putBack(window: Int32Array, accepted: number, count: number): void {
    for (let index = count - 1; index >= accepted; index--) {
      // Not all of them were taken from here, so there may be no room.
      if (this.#count === this.#ring.length) this.#grow();
      this.#head = (this.#head - 1) & (this.#ring.length - 1);
      this.#ring[this.#head] = window[index]!;
      this.#count++;
    }
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
