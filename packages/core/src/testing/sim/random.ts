/**
 * The one source of chance in a simulation: xoshiro128**, seeded through splitmix32. The same seed gives the same
 * numbers on every runtime. Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators".
 */

/** A stream of pseudo-random numbers. Not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed a non-negative integer, up to 2**53 − 1 */
  constructor(seed: number) {
    const spread = splitmix32((seed >>> 0) ^ Math.imul(Math.floor(seed / 0x1_0000_0000), 0x9e37_79b1));
    this.#a = spread();
    this.#b = spread();
    this.#c = spread();
    // All four words must not be zero.
    this.#d = spread() | 1;
  }

  /** The next number: an integer from 0 to 2**32 − 1. */
  next(): number {
    const b = this.#b;
    const c = this.#c ^ this.#a;
    const d = this.#d ^ b;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    this.#b = b ^ c;
    this.#a ^= d;
    this.#c = c ^ (b << 9);
    this.#d = rotate(d, 11);
    return result;
  }

  /** An integer from 0 to `count` − 1; `count` is at most 2**32. */
  below(count: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * count);
  }

  /** An integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** True with the given probability. Draws no number where the answer is certain. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    return probability >= 1 || this.next() < probability * 0x1_0000_0000;
  }

  /** One of the items, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** A stream of its own, so that what one part draws does not move the others. */
  fork(): Random {
    return new Random(this.next());
  }
}

function splitmix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
