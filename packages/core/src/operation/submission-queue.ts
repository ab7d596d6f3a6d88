/**
 * Operations that the driver has not taken yet, by slot and generation. A full driver is back-pressure: what it did not
 * take stays here, in its place. Cancels overtake everything, because the operation that blocks the driver may be the
 * one to cancel. The rest goes in the order in which it came, but for the latest: as long as it does not keep the
 * others waiting for too long, it goes first. When more than a portion waits, operations of peers that say little have
 * a line of their own, with half of each fill. An operation that ends while it is queued leaves an id behind that is
 * skipped, and its slot is free at once.
 */
import { Fifo } from "../base/fifo.js";
import type { Entry } from "./entry.js";
import type { OperationTable } from "./operation-table.js";

/**
 * Fills in a row in which the fresh ones, those that came since the last fill, go ahead of those that wait. Mostly they
 * belong to what has just completed, and find their connection still in the processor's caches. The fill after that
 * is for those that have waited longest, so each of them has its turn.
 */
export const AHEAD_MAX = 3;

const INITIAL_CAPACITY = 1024;
/** An id is a slot and a generation. */
const ID_WORDS = 2;

interface OperationId {
  readonly slot: number;
  readonly generation: number;
}

export class SubmissionQueue {
  readonly #table: OperationTable;
  #ring = new Int32Array(INITIAL_CAPACITY * ID_WORDS);
  #capacity = INITIAL_CAPACITY;
  #head = 0;
  #count = 0;
  /** How many, from the front, were there at the last fill; the ones behind them are fresh. */
  #waitingCount = 0;
  /** Fills in a row that fresh ones went ahead of them. */
  #aheadCount = 0;
  /** Where in the window of the last fill the fresh ones begin that went ahead. */
  #aheadFrom = 0;
  /** Cancels in the window of the last fill, and cancels and urgent ones. */
  #cancelsTaken = 0;
  #fastTaken = 0;
  readonly #cancels: number[] = [];
  readonly #urgent: number[] = [];
  readonly #quiet: Fifo<OperationId> = new Fifo();

  constructor(table: OperationTable) {
    this.#table = table;
  }

  /** Ids in the queue, those of operations that have ended included. */
  get length(): number {
    return this.#count + this.#quiet.length + (this.#cancels.length + this.#urgent.length) / ID_WORDS;
  }

  push({ slot, generation }: Entry): void {
    if (this.#count === this.#capacity) this.#makeRoom();
    this.#set(this.#head + this.#count++, slot, generation);
  }

  /** A cancel goes before everything else, so that a full driver need not look for it behind what it refuses. */
  pushCancel({ slot, generation }: Entry): void {
    this.#cancels.push(slot, generation);
  }

  /** Goes before everything but cancels: handles that core closes by itself. */
  pushUrgent({ slot, generation }: Entry): void {
    this.#urgent.push(slot, generation);
  }

  /** Has half of each fill for as long as others wait, all of it otherwise. Not for chains. */
  pushQuiet({ slot, generation }: Entry): void {
    this.#quiet.push({ slot, generation });
  }

  /**
   * Moves up to `atMost` slots into the window, cancels first; returns how many. A chain is never torn: it goes whole,
   * with the next window if need be.
   */
  fill(window: Int32Array, atMost: number): number {
    let filled = 0;
    if (this.#cancels.length > 0) filled = this.#move(this.#cancels, window, filled);
    this.#cancelsTaken = filled;
    if (this.#urgent.length > 0) filled = this.#move(this.#urgent, window, filled);
    this.#fastTaken = filled;
    const limit = Math.min(atMost, window.length);
    if (this.#quiet.length > 0) filled = this.#putQuiet(this.#count > 0 ? Math.ceil(limit / 2) : limit, window, filled);
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
      const entry = this.#entryAt(this.#head);
      if (entry !== undefined) {
        const togetherCount = entry.chain?.togetherCountFrom(entry) ?? 0;
        if (filled + togetherCount > end) {
          if (filled > 0 || togetherCount > window.length) break;
          end = togetherCount;
        }
        window[filled++] = entry.slot;
      }
      this.#head = (this.#head + 1) & (this.#capacity - 1);
      this.#count--;
    }
    return filled;
  }

  /** Moves quiet ones until the window holds `limit`. */
  #putQuiet(limit: number, window: Int32Array, start: number): number {
    let filled = start;
    while (filled < limit) {
      const place = this.#quiet.shift();
      if (place === undefined) break;
      const entry = this.#queued(place.slot, place.generation);
      if (entry !== undefined) window[filled++] = entry.slot;
    }
    return filled;
  }

  /** Moves the last `count`, in their order. */
  #putLast(count: number, window: Int32Array, start: number): number {
    const end = this.#head + this.#count;
    let filled = start;
    this.#count -= count;
    for (let at = end - count; at < end; at++) {
      const entry = this.#entryAt(at);
      if (entry !== undefined) window[filled++] = entry.slot;
    }
    return filled;
  }

  /** A fast lane goes ahead whole: one that has ended leaves no gap for the slower lanes to slip into. */
  #move(ids: number[], window: Int32Array, start: number): number {
    let filled = start;
    let moved = 0;
    for (; moved < ids.length && filled < window.length; moved += ID_WORDS) {
      const entry = this.#queued(ids[moved]!, ids[moved + 1]!);
      if (entry !== undefined) window[filled++] = entry.slot;
    }
    ids.splice(0, moved);
    return filled;
  }

  /** The operation whose id stands at this index of the ring, unless it has ended while it was queued. */
  #entryAt(at: number): Entry | undefined {
    const word = (at & (this.#capacity - 1)) * ID_WORDS;
    return this.#queued(this.#ring[word]!, this.#ring[word + 1]!);
  }

  #queued(slot: number, generation: number): Entry | undefined {
    const entry = this.#table.entries[slot]!;
    return entry.isQueued(generation) ? entry : undefined;
  }

  #set(at: number, slot: number, generation: number): void {
    const word = (at & (this.#capacity - 1)) * ID_WORDS;
    this.#ring[word] = slot;
    this.#ring[word + 1] = generation;
  }

  /** Puts the window's entries from `accepted` to `count` back where they came from, in order. */
  putBack(window: Int32Array, accepted: number, count: number): void {
    const { entries } = this.#table;
    const aheadFrom = Math.min(this.#aheadFrom, count);
    for (let index = Math.max(accepted, aheadFrom); index < count; index++) this.push(entries[window[index]!]!);
    for (let index = aheadFrom - 1; index >= Math.max(accepted, this.#fastTaken); index--) {
      // Not all of them were taken from here, so there may be no room.
      if (this.#count === this.#capacity) this.#makeRoom();
      const { slot, generation } = entries[window[index]!]!;
      this.#head = (this.#head - 1) & (this.#capacity - 1);
      this.#set(this.#head, slot, generation);
      this.#count++;
    }
    this.#waitingCount = this.#count;
    // They overtake everything again, but not each other.
    this.#putBackFast(this.#urgent, window, Math.max(accepted, this.#cancelsTaken), Math.min(this.#fastTaken, count));
    this.#putBackFast(this.#cancels, window, accepted, Math.min(this.#cancelsTaken, count));
  }

  /** Puts the window's entries from `first` to `end` back before the others of their fast lane. */
  #putBackFast(ids: number[], window: Int32Array, first: number, end: number): void {
    if (first >= end) return;
    const back: number[] = [];
    for (let index = first; index < end; index++) {
      const { slot, generation } = this.#table.entries[window[index]!]!;
      back.push(slot, generation);
    }
    ids.unshift(...back);
  }

  /** Drops the ids of operations that have ended, and grows unless that has made room for as many again. */
  #makeRoom(): void {
    const live: number[] = [];
    let waiting = 0;
    for (let index = 0; index < this.#count; index++) {
      const entry = this.#entryAt(this.#head + index);
      if (entry === undefined) continue;
      if (index < this.#waitingCount) waiting++;
      live.push(entry.slot, entry.generation);
    }
    this.#head = 0;
    this.#count = live.length / ID_WORDS;
    this.#waitingCount = waiting;
    if (this.#count > this.#capacity / 2) {
      this.#capacity *= 2;
      this.#ring = new Int32Array(this.#capacity * ID_WORDS);
    }
    this.#ring.set(live);
  }
}
