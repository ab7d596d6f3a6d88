/**
 * A fingerprint of everything that happened: FNV-1a with 64 bits over the events of a simulation, kept as two halves
 * of 32 bits because that is several times faster than a BigInt. Two runs with the same hash took the same way.
 * Source: Fowler, Noll and Vo, draft-eastlake-fnv.
 */

const OFFSET_HIGH = 0xcbf2_9ce4;
const OFFSET_LOW = 0x8422_2325;
/** The prime is 2**40 + 0x1b3. */
const PRIME_LOW = 0x1b3;

/** What an event is, in the hash. */
export const EVENT_KIND = {
  submit: 1,
  complete: 2,
  refuse: 3,
  room: 4,
  timer: 5,
  turn: 6,
  network: 7,
  close: 8,
} as const;
export type EventKind = (typeof EVENT_KIND)[keyof typeof EVENT_KIND];

/** FNV-1a, 64 bits, over words of 32 bits, low byte first. */
export class EventHash {
  #high = OFFSET_HIGH;
  #low = OFFSET_LOW;

  /** Takes one word in. */
  add(word: number): void {
    let high = this.#high;
    let low = this.#low;
    for (let shift = 0; shift < 32; shift += 8) {
      low = (low ^ ((word >>> shift) & 255)) >>> 0;
      // (high, low) × (2**40 + 0x1b3), modulo 2**64: the products stay below 2**53.
      const product = low * PRIME_LOW;
      high = (high * PRIME_LOW + Math.floor(product / 0x1_0000_0000) + low * 256) % 0x1_0000_0000;
      low = product >>> 0;
    }
    this.#high = high;
    this.#low = low;
  }

  /** Takes one event in; `timeUs` in whole microseconds. */
  event(kind: EventKind, slot: number, generation: number, opcode: number, result: number, timeUs: number): void {
    this.add((kind << 8) | opcode);
    this.add(slot);
    this.add(generation);
    this.add(result);
    this.add(timeUs >>> 0);
    this.add(Math.floor(timeUs / 0x1_0000_0000));
  }

  /** 16 hexadecimal digits. */
  get text(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

function hex(half: number): string {
  return half.toString(16).padStart(8, "0");
}
