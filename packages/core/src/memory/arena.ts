/**
 * The arena: memory shared with the driver for what is neither a record nor a buffer — paths, addresses, vectors,
 * answers. An area belongs to one operation from its launch to its final completion, however long that takes; so what
 * waits for long must not hold what others need:
 *
 * - There is a small place for each operation that can be in flight. Addresses, messages, answers and most paths fit, so
 *   they never wait.
 * - What is longer comes out of shared chunks, cut into areas of one size as they are needed, and cut anew, into any
 *   size, once nothing in them is lent. Nothing is moved.
 * - Each opcode that can need a long area has a chunk of its own beside them: when all else is held by others, its
 *   operations go on, some at a time.
 *
 * Pages that were never used cost address space and no memory.
 */
import { type OpcodeDefinition, opcodeTable } from "../spi/opcode.js";

/** Most bytes of an area that has a small place: the longest message and address fit. */
export const ARENA_SMALL_BYTES = 256;
const areaSizes = [512, 2048, 8192, 16_384] as const;

/** The longest area there is, in bytes: the longest vector fits. A chunk is as long. */
export const ARENA_AREA_BYTES_MAX = 16_384;
const CHUNK_SHIFT = 14;

/** The area may be longer than a small place: it holds paths, or parts of a vector. A received message has one part. */
function needsLongArea({ area, buffer }: OpcodeDefinition): boolean {
  switch (area) {
    case "path":
    case "opened-path":
    case "stat-path":
    case "two-paths":
    case "vector":
      return true;
    case "message":
      return buffer === "kernel-reads";
    default:
      return false;
  }
}

const longOpcodes: readonly number[] = opcodeTable.filter(needsLongArea).map(({ number }) => number);

/** How the arena is parted: shared chunks, a chunk for each of some opcodes, small places. */
export interface ArenaLayout {
  readonly sharedChunks: number;
  readonly smallCount: number;
}

/** The parts of an arena that shares `sharedBytes` and has so many small places. */
export function arenaLayout(sharedBytes: number, smallCount: number): ArenaLayout & { readonly bytes: number } {
  const sharedChunks = sharedBytes >> CHUNK_SHIFT;
  const chunks = sharedChunks + longOpcodes.length;
  return { sharedChunks, smallCount, bytes: (chunks << CHUNK_SHIFT) + smallCount * ARENA_SMALL_BYTES };
}

export class Arena {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #shared: Chunks;
  /** By opcode, where it has one. */
  readonly #own: readonly (Chunks | undefined)[];
  readonly #sharedEnd: number;
  readonly #smallStart: number;
  readonly #smallCount: number;
  readonly #smallFree: number[] = [];
  /** Small places that were ever lent. */
  #smallUsed = 0;
  #lent = 0;

  constructor(buffer: ArrayBuffer, { sharedChunks, smallCount }: ArenaLayout) {
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.#view = new DataView(buffer);
    this.#shared = new Chunks(0, sharedChunks);
    const own: (Chunks | undefined)[] = [];
    for (const [index, opcode] of longOpcodes.entries()) own[opcode] = new Chunks(sharedChunks + index, 1);
    this.#own = own;
    this.#sharedEnd = sharedChunks << CHUNK_SHIFT;
    this.#smallStart = (sharedChunks + longOpcodes.length) << CHUNK_SHIFT;
    this.#smallCount = smallCount;
  }

  /** Areas given out and not yet taken back. */
  get lent(): number {
    return this.#lent;
  }

  /** Offset in bytes of an area of at least `length` bytes for an operation with this opcode; −1 when there is none. */
  allocate(length: number, opcode: number): number {
    const offset = length <= ARENA_SMALL_BYTES ? this.#takeSmall() : this.#takeLong(length, opcode);
    if (offset >= 0) this.#lent++;
    return offset;
  }

  /** Takes an area back; `length` and `opcode` as it was asked for with. */
  release(offset: number, length: number, opcode: number): void {
    this.#lent--;
    if (offset >= this.#smallStart) this.#smallFree.push(offset);
    else if (offset < this.#sharedEnd) this.#shared.release(offset, length);
    else this.#own[opcode]!.release(offset, length);
  }

  /** Most of the room for long areas is free: also what may wait for long can have some of it. */
  get hasPlenty(): boolean {
    return this.#shared.isMostlyFree;
  }

  #takeSmall(): number {
    const free = this.#smallFree.pop();
    if (free !== undefined) return free;
    if (this.#smallUsed === this.#smallCount) return -1;
    return this.#smallStart + this.#smallUsed++ * ARENA_SMALL_BYTES;
  }

  #takeLong(length: number, opcode: number): number {
    const offset = this.#shared.allocate(length);
    return offset >= 0 ? offset : (this.#own[opcode]?.allocate(length) ?? -1);
  }

  /** A signed 64-bit number, `index` counted in numbers from `offset`. */
  int64(offset: number, index: number): bigint {
    return this.#view.getBigInt64(offset + index * 8, true);
  }
}

/** Chunks that are cut into areas. */
class Chunks {
  readonly #first: number;
  readonly #count: number;
  readonly #free: number[][] = areaSizes.map(() => []);
  /** By chunk: the size it is cut into, and how many of its areas are lent. */
  readonly #sizeOf: Uint8Array;
  readonly #lentIn: Uint8Array;
  /** Chunks of which nothing was lent when they were noted, and by chunk whether it is noted. */
  readonly #spare: number[] = [];
  readonly #isSpare: Uint8Array;
  #used = 0;
  /** Chunks in which something is lent. */
  #busy = 0;

  /** @param first number of the first chunk in the arena */
  constructor(first: number, count: number) {
    this.#first = first;
    this.#count = count;
    this.#sizeOf = new Uint8Array(count);
    this.#lentIn = new Uint8Array(count);
    this.#isSpare = new Uint8Array(count);
  }

  /** Offset of an area in the arena, −1 when there is none. */
  allocate(length: number): number {
    const size = sizeClass(length);
    const offset = this.#free[size]!.pop() ?? this.#cut(size);
    if (offset >= 0 && this.#lentIn[this.#chunkAt(offset)]!++ === 0) this.#busy++;
    return offset;
  }

  release(offset: number, length: number): void {
    this.#free[sizeClass(length)]!.push(offset);
    const chunk = this.#chunkAt(offset);
    if (--this.#lentIn[chunk]! > 0) return;
    this.#busy--;
    if (this.#isSpare[chunk] === 1) return;
    this.#isSpare[chunk] = 1;
    this.#spare.push(chunk);
  }

  get isMostlyFree(): boolean {
    return this.#busy * 2 <= this.#count;
  }

  #chunkAt(offset: number): number {
    return (offset >> CHUNK_SHIFT) - this.#first;
  }

  /** Cuts a chunk into areas of a size; the offset of the first, −1 when all chunks are in use. */
  #cut(size: number): number {
    const chunk = this.#used < this.#count ? this.#used++ : this.#takeSpare();
    if (chunk === undefined) return -1;
    this.#sizeOf[chunk] = size;
    const start = (this.#first + chunk) << CHUNK_SHIFT;
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
      this.#free[size] = this.#free[size]!.filter((offset) => this.#chunkAt(offset) !== chunk);
      return chunk;
    }
    return undefined;
  }
}

function sizeClass(length: number): number {
  const size = areaSizes.findIndex((bytes) => length <= bytes);
  // Callers check lengths first (a path is at most 4096 bytes), so this is a bug in core.
  if (size < 0) throw new RangeError(`no arena area holds ${length} bytes`);
  return size;
}
