/**
 * The pool: buffers in a few sizes, cut from slabs of the driver's memory, bounded in bytes. Empty is back-pressure:
 * `takeWhenFree` waits its turn. Also the door for foreign memory: `adopt`, `copyFrom`, `unsafeBorrow`.
 */
import { addAbortListener, removeAbortListener } from "./abort-listeners.js";
import type { Clock } from "./clock.js";
import type { DriverMemory } from "./driver.js";
import { batonError } from "./errors.js";
import {
  type Block,
  createOwnedBuffer,
  detachViews,
  type LeakWatch,
  type OwnedBuffer,
  takeLost,
} from "./owned-buffer.js";
import { checkDurationMs, checkInteger, checkOptions, checkSignal, describe } from "./validate.js";

/** Sizes that are pooled, in bytes. A larger buffer gets a slab of its own, in whole pages. */
export const POOL_SIZES: readonly number[] = [4096, 16_384, 65_536, 262_144, 1_048_576];
const PAGE_BYTES = 4096;
/** A slab of small buffers holds about this many bytes … */
const SLAB_BYTES = 1_048_576;
/** … and at most such a part of a pool's limit, so that the first size asked for does not take all of a small pool. */
const SLABS_PER_POOL_MIN = 16;

/** What a buffer pool has and did; sizes in bytes. */
export interface BufferPoolStats {
  /** Bytes of memory the pool has allocated, and its limit. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Buffers in the pool. */
  readonly home: number;
  /** Buffers out with the program or with operations. */
  readonly out: number;
  /** Buffers the program dropped without releasing them. */
  readonly leaked: number;
  /** Waiters in `takeWhenFree`. */
  readonly waiting: number;
  /** Buffers handed out since the start. */
  readonly taken: number;
}

/** Told when the program drops a buffer without releasing it. */
export type BufferLeakListener = (leak: { readonly bytes: number; readonly stack: string | undefined }) => void;

export interface BufferPoolOptions {
  readonly memory: DriverMemory;
  readonly clock: Clock;
  readonly bytesMax: number;
  /** Notice buffers that were dropped without release. */
  readonly leakDetection: boolean;
  /** Keep where each buffer was taken, for the report. Costs some microseconds per take. */
  readonly leakStacks: boolean;
  readonly onLeak: BufferLeakListener;
}

interface PoolSlab {
  readonly firstNumber: number;
  readonly bytes: number;
  readonly count: number;
  home: number;
}

interface PoolBlock extends Block {
  readonly slab: PoolSlab;
}

interface Waiter {
  readonly length: number;
  readonly resolve: (buffer: OwnedBuffer) => void;
  /** Gives its place up. */
  readonly leave: (error: Error) => void;
}

interface WaitRequest {
  readonly length: number;
  readonly resolve: (buffer: OwnedBuffer) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
}

const takeOptionNames = { signal: true, timeoutMs: true } as const;
const adoptOptionNames = { partial: true } as const;

/**
 * The buffers of one backend.
 *
 * @example
 * const buffer = io.buffers.take(65536);
 * buffer.bytes.set(message);
 * await stream.send(buffer, { length: message.length });
 * buffer.release();
 */
export class BufferPool {
  readonly #memory: DriverMemory;
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #free: PoolBlock[][] = POOL_SIZES.map(() => []);
  readonly #slabs: Set<PoolSlab>[] = POOL_SIZES.map(() => new Set<PoolSlab>());
  readonly #waiters: Waiter[][] = POOL_SIZES.map(() => []);
  readonly #largeWaiters: Waiter[] = [];
  readonly #watch: LeakWatch | undefined;
  #bytes = 0;
  #out = 0;
  #leaked = 0;
  #taken = 0;
  #onHome: (() => void) | undefined = undefined;
  #closed = false;

  constructor(options: BufferPoolOptions) {
    this.#memory = options.memory;
    this.#clock = options.clock;
    this.#bytesMax = options.bytesMax;
    this.#watch = options.leakDetection ? this.#watchLeaks(options.leakStacks, options.onLeak) : undefined;
  }

  /** Alignment of every pool buffer's first byte, in bytes: 4096 with a native driver. */
  get alignmentBytes(): number {
    return this.#memory.alignmentBytes;
  }

  /**
   * A buffer of `length` bytes, now. The caller holds it until it is lent or released. Its content is zero, or what
   * this backend had in it before. Throws `ERR_POOL_EMPTY` when the pool is at its limit, `ERR_OUT_OF_RANGE`.
   */
  take(length: number): OwnedBuffer {
    this.#expectOpen("buffers.take");
    checkInteger("buffers.take", "length", length, 1, this.#bytesMax);
    const buffer = this.tryTake(length);
    if (buffer === undefined) {
      throw batonError(
        "ERR_POOL_EMPTY",
        `buffers.take: no buffer of ${length} bytes is home and the pool is at its limit (${this.#bytes} of ${this.#bytesMax} bytes).`,
      );
    }
    return buffer;
  }

  /**
   * A buffer of `length` bytes, as soon as there is one: first come, first served. Rejects with `ABORT_ERR` or
   * `ERR_TIMEOUT`, and then takes nothing.
   */
  takeWhenFree(
    length: number,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): Promise<OwnedBuffer> {
    const where = "buffers.takeWhenFree";
    return new Promise((resolve, reject) => {
      this.#expectOpen(where);
      checkInteger(where, "length", length, 1, this.#bytesMax);
      checkOptions(where, options, takeOptionNames);
      const { signal, timeoutMs } = options;
      if (timeoutMs !== undefined) checkDurationMs(where, "timeoutMs", timeoutMs);
      if (signal !== undefined && checkSignal(where, signal).aborted) throw aborted(signal);
      const queue = this.#queueFor(length);
      const now = queue.length === 0 ? this.tryTake(length) : undefined;
      if (now !== undefined) resolve(now);
      else this.#wait(queue, { length, resolve, reject, signal, timeoutMs });
    });
  }

  #wait(queue: Waiter[], request: WaitRequest): void {
    const { length, resolve, reject, signal, timeoutMs } = request;
    let timer: unknown;
    const finish = () => {
      if (signal !== undefined) removeAbortListener(signal, onAbort);
      if (timer !== undefined) this.#clock.clear(timer);
    };
    const waiter: Waiter = {
      length,
      resolve: (buffer) => {
        finish();
        resolve(buffer);
      },
      leave: (error) => {
        const index = queue.indexOf(waiter);
        if (index < 0) return;
        queue.splice(index, 1);
        finish();
        reject(error);
      },
    };
    const onAbort = () => waiter.leave(aborted(signal!));
    if (signal !== undefined) addAbortListener(signal, onAbort);
    if (timeoutMs !== undefined) {
      timer = this.#clock.after(timeoutMs, () =>
        waiter.leave(batonError("ERR_TIMEOUT", `buffers.takeWhenFree: no buffer came home within ${timeoutMs} ms.`)),
      );
    }
    queue.push(waiter);
  }

  /**
   * Takes foreign memory in: afterwards every view of `source` is detached and the content is in the buffer that is
   * returned. A native driver copies it into memory that it can keep alive by itself. A view that covers only a part
   * of its ArrayBuffer is refused (`ERR_BUFFER_POOLED`), or with `partial: "copy"` copied and left alone. Throws
   * `ERR_BUFFER_RESIZABLE`, `ERR_BUFFER_SHARED`, `ERR_BUFFER_DETACHED`, `ERR_BUFFER_FIXED`.
   */
  adopt(source: ArrayBuffer | ArrayBufferView, options: { readonly partial?: "refuse" | "copy" } = {}): OwnedBuffer {
    this.#expectOpen("buffers.adopt");
    checkOptions("buffers.adopt", options, adoptOptionNames);
    const { buffer, offset, length } = checkForeign("buffers.adopt", source);
    if (offset !== 0 || length !== buffer.byteLength) {
      if (options.partial === "copy") return this.copyFrom(new Uint8Array(buffer, offset, length));
      throw batonError(
        "ERR_BUFFER_POOLED",
        `buffers.adopt: the view covers ${length} of the ${buffer.byteLength} bytes of its ArrayBuffer.`,
      );
    }
    const slab = this.#adoptWhole(buffer);
    if (buffer.byteLength !== 0) {
      this.#memory.free(slab.firstNumber);
      // Some runtimes copy what they cannot move, without a word.
      throw batonError("ERR_BUFFER_FIXED", "buffers.adopt: the runtime does not let this ArrayBuffer move.");
    }
    return this.#foreign(slab.firstNumber, slab.buffers[0]!, 0, length, false);
  }

  #adoptWhole(buffer: ArrayBuffer): ReturnType<DriverMemory["adopt"]> {
    try {
      return this.#memory.adopt(buffer);
    } catch (cause) {
      if (cause instanceof TypeError || (cause instanceof Error && cause.name === "DataCloneError")) {
        throw batonError("ERR_BUFFER_FIXED", "buffers.adopt: the runtime does not let this ArrayBuffer move.", {
          cause,
        });
      }
      throw cause;
    }
  }

  /** A new buffer with a copy of `source`; text is encoded as UTF-8. The source is left alone. */
  copyFrom(source: string | ArrayBuffer | ArrayBufferView): OwnedBuffer {
    const bytes = bytesOf(source);
    const buffer = this.take(bytes.length);
    buffer.bytes.set(bytes);
    return buffer;
  }

  /**
   * The escape hatch: lends foreign memory as it is. Nothing is detached and `bytes` always works, so the program
   * can write while the kernel reads. The caller vouches that the memory is neither freed, transferred nor resized
   * before `release()`; the memory is kept reachable until then.
   */
  unsafeBorrow(source: ArrayBuffer | ArrayBufferView): OwnedBuffer {
    this.#expectOpen("buffers.unsafeBorrow");
    const { buffer, offset, length } = checkForeign("buffers.unsafeBorrow", source);
    const slab = this.#memory.borrow(buffer, offset, length);
    return this.#foreign(slab.firstNumber, buffer, offset, length, true);
  }

  /** Core's: the backend is closed. Whoever waits is told, nothing is given out any more, what is out can come home. */
  close(): void {
    this.#closed = true;
    const error = () => batonError("ERR_BACKEND_CLOSED", "buffers.takeWhenFree: the backend was closed meanwhile.");
    for (const queue of [...this.#waiters, this.#largeWaiters]) for (const waiter of [...queue]) waiter.leave(error());
  }

  #expectOpen(where: string): void {
    if (this.#closed) throw batonError("ERR_BACKEND_CLOSED", `${where}: the backend is closed.`);
  }

  stats(): BufferPoolStats {
    const waiting = this.#waiters.reduce((sum, queue) => sum + queue.length, this.#largeWaiters.length);
    return {
      bytes: this.#bytes,
      bytesMax: this.#bytesMax,
      home: this.#free.reduce((sum, list) => sum + list.length, 0),
      out: this.#out,
      leaked: this.#leaked,
      waiting,
      taken: this.#taken,
    };
  }

  /** Core's: called when a buffer came home, so that what waits for one can go on. */
  set onHome(callback: (() => void) | undefined) {
    this.#onHome = callback;
  }

  /** Like `take`, but answers `undefined` when the pool is at its limit. */
  tryTake(length: number): OwnedBuffer | undefined {
    const size = sizeClass(length);
    const block = size < 0 ? this.#allocateLarge(length) : (this.#free[size]!.pop() ?? this.#grow(size));
    if (block === undefined) return undefined;
    block.slab.home--;
    this.#memory.protect?.(block.number, true);
    if (block.exposed) {
      try {
        detachViews(block);
      } catch {
        // The program transferred it away after releasing it: the block is lost to us, the taker gets another.
        this.#leaked++;
        return this.tryTake(length);
      }
    }
    this.#out++;
    this.#taken++;
    return createOwnedBuffer(block, length, this.#watch);
  }

  /** Adds a slab to a size class and returns one block of it. */
  #grow(size: number): PoolBlock | undefined {
    const bytes = POOL_SIZES[size]!;
    const slabBytes = Math.min(SLAB_BYTES, this.#bytesMax / SLABS_PER_POOL_MIN);
    const count = Math.max(1, Math.floor(slabBytes / bytes));
    const affordable = Math.min(count, Math.floor((this.#bytesMax - this.#bytes) / bytes));
    if (affordable < 1) return this.#reclaim(bytes) ? this.#grow(size) : undefined;
    const blocks = this.#addSlab(bytes, affordable, (block) => this.#cameHome(size, block as PoolBlock));
    this.#slabs[size]!.add(blocks[0]!.slab);
    const first = blocks.pop()!;
    this.#free[size]!.push(...blocks);
    return first;
  }

  #allocateLarge(length: number): PoolBlock | undefined {
    const bytes = Math.ceil(length / PAGE_BYTES) * PAGE_BYTES;
    if (this.#bytes + bytes > this.#bytesMax && !this.#reclaim(bytes)) return undefined;
    return this.#addSlab(bytes, 1, (block) => {
      this.#out--;
      this.#dropSlab((block as PoolBlock).slab);
      this.#serveWaiters();
      this.#onHome?.();
    })[0];
  }

  #addSlab(bytes: number, count: number, home: (block: Block) => void): PoolBlock[] {
    const allocated = this.#memory.allocate(bytes, count);
    const slab: PoolSlab = { firstNumber: allocated.firstNumber, bytes: bytes * count, count, home: count };
    this.#bytes += slab.bytes;
    return allocated.buffers.map((buffer, index) => ({
      memory: this.#memory,
      number: allocated.firstNumber + index,
      capacity: bytes,
      buffer,
      exposed: false,
      unsafe: false,
      offset: 0,
      home,
      slab,
    }));
  }

  #dropSlab(slab: PoolSlab): void {
    this.#bytes -= slab.bytes;
    this.#memory.free(slab.firstNumber);
  }

  /** Frees slabs that are wholly home until `bytes` more fit; false when that is not enough. */
  #reclaim(bytes: number): boolean {
    for (const [size, slabs] of this.#slabs.entries()) {
      for (const slab of slabs) {
        if (this.#bytes + bytes <= this.#bytesMax) return true;
        if (slab.home !== slab.count) continue;
        slabs.delete(slab);
        this.#free[size] = this.#free[size]!.filter((block) => block.slab !== slab);
        this.#dropSlab(slab);
      }
    }
    return this.#bytes + bytes <= this.#bytesMax;
  }

  #cameHome(size: number, block: PoolBlock): void {
    this.#out--;
    block.slab.home++;
    this.#memory.protect?.(block.number, false);
    this.#free[size]!.push(block);
    this.#serveWaiters();
    this.#onHome?.();
  }

  /** First come, first served within a size; sizes do not wait for each other. */
  #serveWaiters(): void {
    for (const queue of [...this.#waiters, this.#largeWaiters]) {
      while (queue.length > 0) {
        const buffer = this.tryTake(queue[0]!.length);
        if (buffer === undefined) break;
        queue.shift()!.resolve(buffer);
      }
    }
  }

  #queueFor(length: number): Waiter[] {
    const size = sizeClass(length);
    return size < 0 ? this.#largeWaiters : this.#waiters[size]!;
  }

  /** An `OwnedBuffer` over memory that is not the pool's and goes when it is released. */
  #foreign(number: number, buffer: ArrayBuffer, offset: number, length: number, unsafe: boolean): OwnedBuffer {
    this.#out++;
    this.#taken++;
    const block: Block = {
      memory: this.#memory,
      number,
      capacity: length,
      buffer,
      exposed: false,
      unsafe,
      offset,
      home: () => {
        this.#out--;
        this.#memory.free(number);
      },
    };
    return createOwnedBuffer(block, length, this.#watch);
  }

  #watchLeaks(stacks: boolean, onLeak: BufferLeakListener): LeakWatch {
    interface Watched {
      readonly tenure: object;
      readonly stack: string | undefined;
    }
    const registry = new FinalizationRegistry<Watched>(({ tenure, stack }) => {
      const block = takeLost(tenure);
      if (block === undefined) return;
      this.#leaked++;
      // A view may still be alive, and then its memory is in use: it goes when the view goes.
      if (block.exposed) this.#out--;
      else block.home(block);
      onLeak({ bytes: block.capacity, stack });
    });
    return {
      register: (buffer, tenure) => {
        const stack = stacks ? new Error("taken here").stack : undefined;
        registry.register(buffer, { tenure, stack }, tenure);
      },
      unregister: (tenure) => {
        registry.unregister(tenure);
      },
    };
  }
}

/** Index into `POOL_SIZES`, −1 for a buffer that is larger than all of them. */
function sizeClass(length: number): number {
  return POOL_SIZES.findIndex((bytes) => length <= bytes);
}

/** What `copyFrom` copies. */
function bytesOf(source: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  const where = "buffers.copyFrom";
  if (typeof source === "string") return new TextEncoder().encode(source);
  const memory = ArrayBuffer.isView(source) ? source.buffer : source;
  if (!ArrayBuffer.isView(source) && !(source instanceof ArrayBuffer)) {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: source must be text or bytes, not ${describe(source)}.`);
  }
  if (memory.byteLength === 0) throw batonError("ERR_BUFFER_DETACHED", `${where}: the source is detached or empty.`);
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

function checkForeign(
  where: string,
  source: ArrayBuffer | ArrayBufferView,
): { buffer: ArrayBuffer; offset: number; length: number } {
  const view = ArrayBuffer.isView(source) ? source : undefined;
  const buffer: unknown = view?.buffer ?? source;
  if (typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer) {
    throw batonError("ERR_BUFFER_SHARED", `${where}: other threads can write to a SharedArrayBuffer.`);
  }
  if (!(buffer instanceof ArrayBuffer)) {
    throw batonError(
      "ERR_INVALID_ARG_TYPE",
      `${where}: source must be an ArrayBuffer or a view, not ${describe(source)}.`,
    );
  }
  if ("resizable" in buffer && buffer.resizable === true) {
    throw batonError("ERR_BUFFER_RESIZABLE", `${where}: the ArrayBuffer is resizable.`);
  }
  if (buffer.byteLength === 0) {
    throw batonError("ERR_BUFFER_DETACHED", `${where}: the ArrayBuffer is detached or empty.`);
  }
  return { buffer, offset: view?.byteOffset ?? 0, length: view?.byteLength ?? buffer.byteLength };
}

function aborted(signal: AbortSignal): Error {
  return batonError("ABORT_ERR", "buffers.takeWhenFree: aborted.", { cause: signal.reason });
}
