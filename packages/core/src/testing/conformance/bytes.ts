/** Bytes that can be told from each other. */

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A prime: no power of two is a multiple of it, so blocks of the usual sizes all differ. */
const PERIOD_BYTES = 65_521;

/** Bytes in which nothing can be lost, doubled or swapped unseen. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < Math.min(length, PERIOD_BYTES); index++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
  }
  for (let filled = PERIOD_BYTES; filled < length; filled *= 2) bytes.copyWithin(filled, 0, filled);
  return bytes;
}

/** A sequence of numbers below `limit` that is the same for the same seed. */
export function sequence(seed: number): (limit: number) => number {
  let state = seed >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
