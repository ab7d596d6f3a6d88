/**
 * The arena: memory shared with the driver for what is neither a record nor a buffer — paths, addresses, answers.
 * An area belongs to one operation from submission to final completion. Five sizes; chunks of the largest are cut into
 * areas of one size as they are needed, and cut anew, into any size, once nothing in them is lent. Nothing is moved.
 */

const areaSizes = [128, 512, 2048, 8192, 16_384] as const;

/** The longest area there is, in bytes: the longest vector fits. A chunk is as long. */
export const ARENA_AREA_BYTES_MAX = 16_384;
const CHUNK_SHIFT = 14;

export class Arena {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #free: number[][] = areaSizes.map(() => []);
  readonly #chunkCount: number;
  /** By chunk: the size it is cut into, and how many of its areas are lent. */
  readonly #sizeOf: Uint8Array;
  readonly #lentIn: Uint8Array;
  /** Chunks of which nothing was lent when they were noted, and by chunk whether it is noted. */
  readonly #spare: number[] = [];
  readonly #isSpare: Uint8Array;
  #chunksUsed = 0;
  #lent = 0;

  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.#view = new DataView(buffer);
    this.#chunkCount = buffer.byteLength >> CHUNK_SHIFT;
    this.#sizeOf = new Uint8Array(this.#chunkCount);
    this.#lentIn = new Uint8Array(this.#chunkCount);
    this.#isSpare = new Uint8Array(this.#chunkCount);
  }

  /** Areas given out and not yet taken back. */
  get lent(): number {
    return this.#lent;
  }

  /** Offset in bytes of an area of at least `length` bytes; −1 when the arena is full. */
  allocate(length: number): number {
    const size = sizeClass(length);
    const offset = this.#free[size]!.pop() ?? this.#cut(size);
    if (offset < 0) return -1;
    this.#lent++;
    this.#lentIn[offset >> CHUNK_SHIFT]!++;
    return offset;
  }

  /** Takes an area back; `length` as it was asked for. */
  release(offset: number, length: number): void {
    this.#free[sizeClass(length)]!.push(offset);
    this.#lent--;
    const chunk = offset >> CHUNK_SHIFT;
    if (--this.#lentIn[chunk]! > 0 || this.#isSpare[chunk] === 1) return;
    this.#isSpare[chunk] = 1;
    this.#spare.push(chunk);
  }

  /** Cuts a chunk into areas of a size; the offset of the first, −1 when all chunks are in use. */
  #cut(size: number): number {
    const chunk = this.#chunksUsed < this.#chunkCount ? this.#chunksUsed++ : this.#takeSpare();
    if (chunk === undefined) return -1;
    this.#sizeOf[chunk] = size;
    const start = chunk << CHUNK_SHIFT;
    const bytes = areaSizes[size]!;
    for (let at = ARENA_AREA_BYTES_MAX - bytes; at > 0; at -= bytes) this.#free[size]!.push(start + at);
    return start;
  }

  /** A chunk of which nothing is lent, with its areas taken out of the list they are in. */
  #takeSpare(): number | undefined {
    for (let chunk = this.#spare.pop(); chunk !== undefined; chunk = this.#spare.pop()) {
      this.#isSpare[chunk] = 0;
      if (this.#lentIn[chunk] !== 0) continue;
      const size = this.#sizeOf[chunk]!;
      this.#free[size] = this.#free[size]!.filter((offset) => offset >> CHUNK_SHIFT !== chunk);
      return chunk;
    }
    return undefined;
  }

  /** A signed 64-bit number, `index` counted in numbers from `offset`. */
  int64(offset: number, index: number): bigint {
    return this.#view.getBigInt64(offset + index * 8, true);
  }
}

function sizeClass(length: number): number {
  const size = areaSizes.findIndex((bytes) => length <= bytes);
  // Callers check lengths first (a path is at most 4096 bytes), so this is a bug in core.
  if (size < 0) throw new RangeError(`no arena area holds ${length} bytes`);
  return size;
}
