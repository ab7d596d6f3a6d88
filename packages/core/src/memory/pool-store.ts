/**
 * The memory of a pool: buffers of a few sizes, cut from slabs of the driver's memory, bounded in bytes. What is at rest
 * in one size makes room for another: a slab that is wholly at rest is freed, and of the others single buffers give
 * their pages back and are kept as *empty*, which costs addresses and no memory.
 */

import { batonError } from "../base/errors.js";
import type { DriverMemory } from "../spi/driver.js";
import type { Block, BlockOrigin, LeakWatch } from "./owned-buffer.js";

/** Sizes that `take` pools, in bytes. A larger buffer gets a slab of its own, in whole pages. */
export const POOL_SIZES: readonly number[] = [4096, 16_384, 65_536, 262_144, 1_048_576];
/** Smaller ones, for what is received when the pool is short. They do not start at a page. */
export const PIECE_SIZES: readonly number[] = [256, 1024];
const PAGE_BYTES = 4096;
/** A slab of small buffers holds about this many bytes … */
const SLAB_BYTES = 1_048_576;
/** … and at most such a part of a store's limit, so that the first size asked for does not take all of a small one. */
const SLABS_PER_STORE_MIN = 16;

/** A block of a pool. */
export interface PoolBlock extends Block {
  readonly origin: PoolSlab;
}

interface PoolSlab extends BlockOrigin {
  readonly firstNumber: number;
  /** `undefined` for that of a buffer of no size, which is freed when it comes home. */
  readonly size: SizeClass | undefined;
  readonly count: number;
  /** Blocks that nobody has, empty ones included. */
  atRest: number;
  /** Blocks whose bytes are counted. */
  counted: number;
}

interface SizeClass {
  readonly bytes: number;
  home: PoolBlock[];
  /** Blocks that have given their pages back. */
  empty: PoolBlock[];
  /** Slabs of several blocks. */
  readonly slabs: Set<PoolSlab>;
}

export class PoolStore {
  readonly #memory: DriverMemory;
  readonly #watch: LeakWatch | undefined;
  readonly #home: (block: Block) => void;
  readonly #sizes: readonly SizeClass[];
  #bytesMax: number;
  #bytes = 0;
  #outBytes = 0;
  #refusal: unknown = undefined;

  /** @param home what a block of this store is given back by */
  constructor(parts: {
    memory: DriverMemory;
    bytesMax: number;
    /** Bytes of the sizes, ascending; a larger buffer gets a slab of its own, in whole pages. */
    sizes: readonly number[];
    watch: LeakWatch | undefined;
    home: (block: Block) => void;
  }) {
    this.#memory = parts.memory;
    this.#bytesMax = parts.bytesMax;
    this.#watch = parts.watch;
    this.#home = parts.home;
    this.#sizes = parts.sizes.map((bytes) => ({ bytes, home: [], empty: [], slabs: new Set() }));
  }

  /** Bytes of memory it has: what is out, and what is at rest and not empty. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of what is out. */
  get outBytes(): number {
    return this.#outBytes;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Lowers the limit: some of it is somebody else's now. */
  giveUp(bytes: number): void {
    this.#bytesMax -= bytes;
    this.#makeRoom(0);
  }

  /** Blocks that could be taken at no cost. */
  get homeCount(): number {
    return this.#sizes.reduce((sum, size) => sum + size.home.length, 0);
  }

  /** Why the system, and not the limit, was the reason of the last `take` that got nothing. */
  get refusal(): unknown {
    return this.#refusal;
  }

  /** A block of at least `length` bytes; `undefined` when the limit, or the system, allows none. */
  take(length: number): PoolBlock | undefined {
    this.#refusal = undefined;
    const size = this.#sizeFor(length);
    // Near the limit the size may not fit, and the length may.
    const block = size?.home.pop() ?? (size !== undefined ? this.#grow(size) : undefined) ?? this.#addLarge(length);
    if (block === undefined) return undefined;
    if (this.#memory.protect?.(block.number, true) === false) {
      this.#refusal = batonError("ERR_POOL_EMPTY", "The system has no mapping left for a buffer with guard pages.");
      this.#rest(block);
      return undefined;
    }
    block.origin.atRest--;
    this.#outBytes += block.origin.blockBytes;
    return block;
  }

  /** Takes a block back. No view of it is left. */
  put(block: PoolBlock): void {
    this.#outBytes -= block.origin.blockBytes;
    block.origin.atRest++;
    this.#memory.protect?.(block.number, false);
    this.#rest(block);
  }

  /** A block will not come back: its memory went elsewhere, or with its last view. */
  retire(block: PoolBlock): void {
    const { origin: slab, number } = block;
    this.#outBytes -= slab.blockBytes;
    slab.atRest++;
    if (slab.count === 1) return this.#drop(slab);
    // The rest of its slab is still of use. Nobody has its number any more, so it counts as at rest for good.
    this.#uncount(slab);
    if (!block.exposed) this.#memory.discard?.(number);
  }

  #sizeFor(length: number): SizeClass | undefined {
    for (const size of this.#sizes) if (length <= size.bytes) return size;
    return undefined;
  }

  #rest(block: PoolBlock): void {
    const { size } = block.origin;
    if (size === undefined) this.#drop(block.origin);
    else size.home.push(block);
  }

  #grow(size: SizeClass): PoolBlock | undefined {
    if (!this.#makeRoom(size.bytes)) return undefined;
    const empty = size.empty.pop();
    if (empty !== undefined) {
      empty.origin.counted++;
      this.#bytes += size.bytes;
      return empty;
    }
    const blocks = this.#addSlab(size, size.bytes, this.#countFor(size.bytes));
    const block = blocks?.pop();
    if (block === undefined) return undefined;
    if (block.origin.count > 1) size.slabs.add(block.origin);
    for (const other of blocks!) size.home.push(other);
    return block;
  }

  /** How many blocks a new slab has. Where none can give its pages back by itself, each is a slab of its own. */
  #countFor(bytes: number): number {
    if (this.#memory.discard === undefined) return 1;
    const wanted = Math.floor(Math.min(SLAB_BYTES, this.#bytesMax / SLABS_PER_STORE_MIN) / bytes);
    return Math.max(1, Math.min(wanted, Math.floor((this.#bytesMax - this.#bytes) / bytes)));
  }

  #addLarge(length: number): PoolBlock | undefined {
    const bytes = Math.ceil(length / PAGE_BYTES) * PAGE_BYTES;
    if (this.#refusal !== undefined) return undefined;
    return this.#makeRoom(bytes) ? this.#addSlab(undefined, bytes, 1)?.[0] : undefined;
  }

  #addSlab(size: SizeClass | undefined, blockBytes: number, count: number): PoolBlock[] | undefined {
    this.#refusal = undefined;
    try {
      const { firstNumber, buffers } = this.#memory.allocate(blockBytes, count);
      const slab: PoolSlab = {
        memory: this.#memory,
        blockBytes,
        unsafe: false,
        offset: 0,
        watch: this.#watch,
        home: this.#home,
        firstNumber,
        size,
        count,
        atRest: count,
        counted: count,
      };
      this.#bytes += blockBytes * count;
      return buffers.map((buffer, index) => ({ number: firstNumber + index, buffer, exposed: false, origin: slab }));
    } catch (error) {
      this.#refusal = error;
      return undefined;
    }
  }

  /** Gives back what is at rest until `bytes` more fit; false when they cannot. */
  #makeRoom(bytes: number): boolean {
    this.#refusal = undefined;
    if (this.#fits(bytes)) return true;
    // Most that are refused are refused here, without a search.
    if (this.#outBytes + bytes > this.#bytesMax) return false;
    for (let index = this.#sizes.length - 1; index >= 0; index--) {
      this.#dropSlabs(this.#sizes[index]!, bytes);
      if (this.#fits(bytes)) return true;
    }
    for (let index = this.#sizes.length - 1; index >= 0; index--) {
      this.#emptyBlocks(this.#sizes[index]!, bytes);
      if (this.#fits(bytes)) return true;
    }
    return false;
  }

  #fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax;
  }

  /** Frees slabs that are wholly at rest. */
  #dropSlabs(size: SizeClass, bytes: number): void {
    const gone = new Set<PoolSlab>();
    for (const slab of size.slabs) {
      if (this.#fits(bytes)) break;
      if (slab.atRest !== slab.count) continue;
      gone.add(slab);
      size.slabs.delete(slab);
      this.#drop(slab);
    }
    if (gone.size === 0) return;
    size.home = size.home.filter((block) => !gone.has(block.origin));
    size.empty = size.empty.filter((block) => !gone.has(block.origin));
  }

  /** Frees single blocks, or their pages. */
  #emptyBlocks(size: SizeClass, bytes: number): void {
    const stay: PoolBlock[] = [];
    while (!this.#fits(bytes)) {
      const block = size.home.pop();
      if (block === undefined) break;
      if (block.origin.count === 1) {
        this.#drop(block.origin);
      } else if (this.#memory.discard!(block.number)) {
        this.#uncount(block.origin);
        size.empty.push(block);
      } else {
        stay.push(block);
      }
    }
    for (const block of stay) size.home.push(block);
  }

  #uncount(slab: PoolSlab): void {
    slab.counted--;
    this.#bytes -= slab.blockBytes;
  }

  #drop(slab: PoolSlab): void {
    this.#bytes -= slab.counted * slab.blockBytes;
    this.#memory.free(slab.firstNumber);
  }
}
