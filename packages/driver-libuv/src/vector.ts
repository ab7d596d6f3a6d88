/** Vectors in the arena: the buffers of a vectored or message operation. */
import { type HeapMemory, VECTOR_ENTRY_BYTES, VECTOR_WORD } from "@baton-io/core/driver";

export class Vectors {
  readonly #words: Int32Array;
  readonly #memory: HeapMemory;

  constructor(arena: ArrayBuffer, memory: HeapMemory) {
    this.#words = new Int32Array(arena);
    this.#memory = memory;
  }

  /** The bytes of `count` entries, the first of which stands at `offset` of the arena. */
  views(offset: number, count: number): Uint8Array[] {
    const words = this.#words;
    return Array.from({ length: count }, (_, index) => {
      const word = (offset + index * VECTOR_ENTRY_BYTES) >> 2;
      return this.#memory.view(
        words[word + VECTOR_WORD.buffer]!,
        words[word + VECTOR_WORD.offset]! >>> 0,
        words[word + VECTOR_WORD.length]! >>> 0,
      );
    });
  }

  /** Their bytes in all. */
  bytes(offset: number, count: number): number {
    let sum = 0;
    for (let index = 0; index < count; index++) {
      sum += this.#words[((offset + index * VECTOR_ENTRY_BYTES) >> 2) + VECTOR_WORD.length]! >>> 0;
    }
    return sum;
  }
}

/** Spreads bytes over the parts, one after the other; how many found room. */
export function scatter(parts: readonly Uint8Array[], bytes: Uint8Array): number {
  let done = 0;
  for (const part of parts) {
    if (done === bytes.length) break;
    const piece = bytes.subarray(done, done + part.length);
    part.set(piece);
    done += piece.length;
  }
  return done;
}
