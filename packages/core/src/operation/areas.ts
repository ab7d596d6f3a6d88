/**
 * The areas of operations in the arena: each gets its own just before it goes to the driver, and gives it back when it
 * has ended. Where the arena has no room for it, it waits, behind others with its opcode and no others.
 */
import { ARENA_SMALL_BYTES, type Arena } from "../memory/arena.js";
import { WORD } from "../spi/record.js";
import type { Entry } from "./entry.js";
import { WaitList } from "./wait-list.js";

export class Areas {
  readonly #arena: Arena;
  readonly #records: Int32Array;
  /** Sends an operation that has waited on its way. */
  readonly #go: (entry: Entry) => void;
  /** Operations that wait, by opcode; only of those that somebody waits with. */
  readonly #waiting = new Map<number, WaitList>();

  constructor(arena: Arena, records: Int32Array, go: (entry: Entry) => void) {
    this.#arena = arena;
    this.#records = records;
    this.#go = go;
  }

  /** True when the operation has its area; otherwise it waits, and goes when there is room for it. */
  enter(entry: Entry): boolean {
    const { opcode } = entry.kind!;
    if ((entry.areaBytes <= ARENA_SMALL_BYTES || !this.#waiting.has(opcode)) && this.#take(entry)) return true;
    entry.held = true;
    let list = this.#waiting.get(opcode);
    if (list === undefined) {
      list = new WaitList();
      this.#waiting.set(opcode, list);
    }
    list.push(entry);
    return false;
  }

  /** Areas for all of them at once, for those that have to start together. False when that cannot be. */
  takeAll(entries: readonly Entry[]): boolean {
    const taken: Entry[] = [];
    for (const entry of entries) {
      if (entry.areaBytes === 0) continue;
      if (this.#waiting.has(entry.kind!.opcode) || !this.#take(entry)) {
        for (const other of taken) this.release(other);
        return false;
      }
      taken.push(entry);
    }
    return true;
  }

  /** Takes the area of an operation back, if it has one; those that wait for room go. */
  release(entry: Entry): void {
    const offset = this.#records[entry.base + WORD.arenaOffset]!;
    if (offset < 0) return;
    this.#arena.release(offset, this.#records[entry.base + WORD.arenaLength]!, entry.kind!.opcode);
    this.#records[entry.base + WORD.arenaOffset] = -1;
    if (this.#waiting.size > 0) this.#serve();
  }

  #take(entry: Entry): boolean {
    const offset = this.#arena.allocate(entry.areaBytes, entry.kind!.opcode);
    if (offset < 0) return false;
    this.#records[entry.base + WORD.arenaOffset] = offset;
    this.#records[entry.base + WORD.arenaLength] = entry.areaBytes;
    entry.writeArea?.(offset);
    return true;
  }

  #serve(): void {
    for (const [opcode, list] of [...this.#waiting]) {
      for (let entry = list.first(); entry !== undefined && this.#take(entry); entry = list.first()) {
        list.shift();
        entry.held = false;
        this.#go(entry);
      }
      // Behind the others, so that none is always served before them.
      this.#waiting.delete(opcode);
      if (list.first() !== undefined) this.#waiting.set(opcode, list);
    }
  }
}
