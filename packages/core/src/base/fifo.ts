/**
 * What waits for its turn, first in, first out. An array's own `shift` moves all that is left once there is very much
 * of it, and so does taking one out of the middle; here both take the same time however long the queue is. For drivers
 * too.
 */

/** Used-up entries at the front are dropped together, this many at a time: fewer are not worth the copy. */
const COMPACT_MIN = 32;

/** A value stands in it once at most. */
export class Fifo<T extends object> {
  #items: (T | undefined)[] = [];
  /** Where the first one is, or may be. */
  #head = 0;
  /** Values taken out of the middle; their entries are skipped, and dropped when there are too many. */
  #removed: Set<T> | undefined = undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Whose turn it is; it stays. */
  get first(): T | undefined {
    if (this.#length === 0) return undefined;
    let item = this.#items[this.#head];
    while (item !== undefined && this.#removed?.delete(item) === true) {
      this.#items[this.#head++] = undefined;
      item = this.#items[this.#head];
    }
    return item;
  }

  push(value: T): void {
    this.#items.push(value);
    this.#length++;
  }

  /** Takes the first one out. */
  shift(): T | undefined {
    const value = this.first;
    if (value === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    if (--this.#length === 0) this.clear();
    else if (this.#head >= COMPACT_MIN && this.#head * 2 >= this.#items.length) this.#compact();
    return value;
  }

  /** Puts another in the place of the first one. */
  replaceFirst(value: T): void {
    if (this.first !== undefined) this.#items[this.#head] = value;
  }

  /** Takes one out that is in it, wherever it stands. */
  remove(value: T): void {
    if (this.first === value) return void this.shift();
    this.#removed ??= new Set();
    this.#removed.add(value);
    this.#length--;
    if (this.#removed.size >= COMPACT_MIN && this.#removed.size > this.#length) this.#compact();
  }

  /** All that are in it, in order; they stay. */
  *[Symbol.iterator](): Generator<T, void, void> {
    for (let index = this.#head; index < this.#items.length; index++) {
      const item = this.#items[index];
      if (item !== undefined && this.#removed?.has(item) !== true) yield item;
    }
  }

  /** Takes all out, in order. */
  takeAll(): T[] {
    this.#compact();
    const all = this.#items as T[];
    this.clear();
    return all;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#length = 0;
    this.#removed = undefined;
  }

  #compact(): void {
    const removed = this.#removed;
    this.#items = this.#items.slice(this.#head).filter((item) => item !== undefined && removed?.has(item) !== true);
    this.#head = 0;
    this.#removed = undefined;
  }
}
