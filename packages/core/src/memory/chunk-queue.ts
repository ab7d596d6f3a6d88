/** Bytes that wait in the pieces they came in, and are taken out in pieces of any other size. For drivers too. */
import { Fifo } from "../base/fifo.js";

export class ChunkQueue {
  readonly #chunks: Fifo<Uint8Array> = new Fifo();
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes behind the others. They are kept, not copied. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  /** Takes the first piece out as it came, or what is left of it. */
  shift(): Uint8Array | undefined {
    const chunk = this.#chunks.shift();
    this.#length -= chunk?.length ?? 0;
    return chunk;
  }

  /** Takes as many bytes out as the target has room for, or all there are; how many. */
  fill(target: Uint8Array): number {
    const chunks = this.#chunks;
    let filled = 0;
    while (filled < target.length && chunks.length > 0) {
      const chunk = chunks.first!;
      const part = chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) chunks.shift();
      else chunks.replaceFirst(chunk.subarray(part.length));
    }
    this.#length -= filled;
    return filled;
  }

  clear(): void {
    this.#chunks.clear();
    this.#length = 0;
  }
}
