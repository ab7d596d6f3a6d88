/**
 * The pool: buffers in a few sizes, bounded in bytes. Empty is back-pressure: `takeWhenFree` waits its turn. Also the
 * door for foreign memory: `adopt`, `copyFrom`, `unsafeBorrow`.
 */

import type { Clock } from "../base/clock.js";
import { batonError } from "../base/errors.js";
import { rejectWaiter, type Teller } from "../base/rejection.js";
import { checkInteger, checkOptions } from "../base/validate.js";
import type { DriverMemory } from "../spi/driver.js";
import { BUFFER_BYTES_MAX } from "../spi/record.js";
import { adoptWhole, bytesToCopy, checkForeign, notMoved } from "./foreign-memory.js";
import { type BufferLeakListener, createLeakWatch } from "./leak-watch.js";
import {
  type Block,
  type BlockOrigin,
  createOwnedBuffer,
  detachViews,
  type LeakWatch,
  type OwnedBuffer,
} from "./owned-buffer.js";
import { poolEmpty } from "./pool-empty.js";
import { PIECE_SIZES, POOL_SIZES, type PoolBlock, PoolStore } from "./pool-store.js";
import { checkWait, PoolWaiters, type WaitOptions, waitInLine } from "./pool-waiters.js";

/** What a buffer pool has and did; sizes in bytes. */
export interface BufferPoolStats {
  /**
   * Bytes of memory the pool has, and its limit. Both are of the pool's own memory, out and at rest; what was adopted or
   * borrowed is not in it.
   */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Of the bytes, those that are out. */
  readonly bytesOut: number;
  /** Buffers in the pool. */
  readonly home: number;
  /** Buffers out with the program or with operations. */
  readonly out: number;
  /** Buffers the program dropped without releasing them. */
  readonly leaked: number;
  /** Buffers whose memory the program transferred away: it is the program's since, and not counted any more. */
  readonly transferred: number;
  /** Waiters in `takeWhenFree`. */
  readonly waiting: number;
  /** Buffers handed out since the start. */
  readonly taken: number;
}

export interface BufferPoolOptions {
  readonly memory: DriverMemory;
  readonly clock: Clock;
  readonly pace: Teller;
  readonly bytesMax: number;
  /** Notice buffers that were dropped without release. */
  readonly leakDetection: boolean;
  /** Keep where each buffer was taken, for the report. Costs some microseconds per take. */
  readonly leakStacks: boolean;
  readonly onLeak: BufferLeakListener;
}

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
  readonly #pace: Teller;
  readonly #bytesMax: number;
  readonly #store: PoolStore;
  /** What is kept for whoever receives, whatever else is out. */
  #reserve: PoolStore | undefined = undefined;
  readonly #waiters: PoolWaiters;
  readonly #watch: LeakWatch | undefined;
  /** Why the last `take` got nothing, where the limit was not the reason. */
  #refusal: unknown = undefined;
  #out = 0;
  #leaked = 0;
  #transferred = 0;
  #taken = 0;
  #onHome: ((block: Block) => void) | undefined = undefined;
  #closed = false;
  #standingBytes = 0;

  constructor(options: BufferPoolOptions) {
    const { memory, bytesMax, leakStacks, onLeak } = options;
    this.#memory = memory;
    this.#clock = options.clock;
    this.#pace = options.pace;
    this.#bytesMax = bytesMax;
    if (options.leakDetection) {
      this.#watch = createLeakWatch({
        leakStacks,
        lost: (leak) => {
          this.#leaked++;
          onLeak(leak);
        },
        unseen: (block) => this.#unseen(block),
      });
    }
    const watch = this.#watch;
    const sizes = [...PIECE_SIZES, ...POOL_SIZES];
    this.#store = new PoolStore({
      memory,
      bytesMax,
      sizes,
      watch,
      home: (block) => this.#cameHome(this.#store, block),
    });
    this.#waiters = new PoolWaiters(POOL_SIZES.length + 1, {
      take: (length) => this.tryTake(length),
      refusal: (length) => this.#store.refusal ?? (length > this.#waitableBytes ? this.#empty(length) : undefined),
    });
  }

  /** Alignment of the first byte of every buffer that `take` gives, in bytes: 4096 with a native driver. */
  get alignmentBytes(): number {
    return this.#memory.alignmentBytes;
  }

  /**
   * A buffer of `length` bytes, now. The caller holds it until it is lent or released. Its content is zero, or what
   * this backend had in it before. Throws `ERR_POOL_EMPTY` when the pool is at its limit, or when those who wait in
   * `takeWhenFree` were passed so often that it is their turn; `ERR_OUT_OF_RANGE`.
   */
  take(length: number): OwnedBuffer {
    this.#expectOpen("buffers.take");
    checkInteger("buffers.take", "length", length, 1, Math.min(this.#bytesMax, BUFFER_BYTES_MAX));
    const buffer = this.#takeInTurn(length);
    if (buffer === undefined) throw this.#empty(length);
    return buffer;
  }

  /**
   * A buffer of `length` bytes, as soon as there is one: first come, first served within a size of the pool, and no
   * size waits for ever because of another. Rejects with `ABORT_ERR` or `ERR_TIMEOUT`, and then takes nothing. A waiter
   * with `timeoutMs` keeps the process alive until it is answered.
   */
  takeWhenFree(length: number, options: WaitOptions = {}): Promise<OwnedBuffer> {
    const where = "buffers.takeWhenFree";
    let promise: Promise<OwnedBuffer> | undefined;
    promise = new Promise<OwnedBuffer>((resolve, fail) => {
      const reject = (error: unknown) => rejectWaiter({ promise, resolve, reject: fail }, error);
      try {
        this.#expectOpen(where);
        checkInteger(where, "length", length, 1, Math.min(this.#bytesMax, BUFFER_BYTES_MAX));
        const wait = checkWait(where, options);
        const now = this.#takeInTurn(length);
        if (now !== undefined) this.#pace.tell(() => resolve(now));
        // There will never be one.
        else if (this.#refusal !== undefined || length > this.#waitableBytes) throw this.#empty(length);
        else waitInLine(this.#waiters, lineOf(length), this.#clock, { length, resolve, reject, ...wait });
      } catch (error) {
        this.#pace.tell(() => fail(error));
      }
    });
    return promise;
  }

  /** Takes one at once, unless it is the turn of others. */
  #takeInTurn(length: number): OwnedBuffer | undefined {
    const inTurn = this.#waiters.mayPass(lineOf(length));
    const buffer = inTurn ? this.tryTake(length) : undefined;
    if (buffer !== undefined) this.#waiters.passed();
    else this.#refusal = inTurn ? this.#store.refusal : undefined;
    return buffer;
  }

  /** Nobody waits for a longer one: it would never come. */
  get #waitableBytes(): number {
    return this.#store.bytesMax - this.#standingBytes;
  }

  #empty(length: number): Error {
    return poolEmpty(length, { ...this.stats(), waitableBytes: this.#waitableBytes, cause: this.#refusal });
  }

  /**
   * Takes foreign memory in: afterwards every view of `source` is detached and the content is in the buffer that is
   * returned. A native driver copies it into memory that it can keep alive by itself. A view that covers only a part
   * of its ArrayBuffer is refused (`ERR_BUFFER_POOLED`), or with `partial: "copy"` copied and left alone. It does not
   * count towards the limit of the pool. Throws `ERR_BUFFER_RESIZABLE`, `ERR_BUFFER_SHARED`, `ERR_BUFFER_DETACHED`,
   * `ERR_BUFFER_FIXED`, and `ERR_OUT_OF_RANGE` for more than `BUFFER_BYTES_MAX` bytes (4 GiB − 1); what is refused is left
   * alone.
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
    const slab = adoptWhole(this.#memory, buffer);
    if (buffer.byteLength !== 0) {
      this.#memory.free(slab.firstNumber);
      // Some runtimes copy what they cannot move, without a word.
      throw notMoved();
    }
    return this.#foreign(slab.firstNumber, slab.buffers[0]!, 0, length, false);
  }

  /** A new buffer with a copy of `source`; text is encoded as UTF-8. The source is left alone. */
  copyFrom(source: string | ArrayBuffer | ArrayBufferView): OwnedBuffer {
    const bytes = bytesToCopy(source);
    const buffer = this.take(bytes.length);
    buffer.bytes.set(bytes);
    return buffer;
  }

  /**
   * The escape hatch: lends foreign memory as it is. Nothing is detached and `bytes` always works, so the program
   * can write while the kernel reads. The caller vouches that the memory is neither freed, transferred nor resized
   * before `release()`; the memory is kept reachable until then. At most `BUFFER_BYTES_MAX` bytes at once (4 GiB − 1;
   * `ERR_OUT_OF_RANGE`); of longer memory borrow parts.
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
    this.#waiters.rejectAll(() =>
      batonError("ERR_BACKEND_CLOSED", "buffers.takeWhenFree: the backend was closed meanwhile."),
    );
  }

  #expectOpen(where: string): void {
    if (this.#closed) throw batonError("ERR_BACKEND_CLOSED", `${where}: the backend is closed.`);
  }

  /** Core's: it was the system, and not the limit, that had no memory for the last buffer. */
  get refused(): boolean {
    return (this.#reserve?.refusal ?? this.#store.refusal) !== undefined;
  }

  /** Core's: somebody waits for a buffer. */
  get isAwaited(): boolean {
    return this.#waiters.count > 0;
  }

  stats(): BufferPoolStats {
    const store = this.#store;
    const reserve = this.#reserve;
    return {
      bytes: store.bytes + (reserve?.bytes ?? 0),
      bytesMax: this.#bytesMax,
      bytesOut: store.outBytes + (reserve?.outBytes ?? 0),
      home: store.homeCount + (reserve?.homeCount ?? 0),
      out: this.#out,
      leaked: this.#leaked,
      transferred: this.#transferred,
      waiting: this.#waiters.count,
      taken: this.#taken,
    };
  }

  /** Core's: called when a buffer came home, so that what waits for one can go on. */
  set onHome(callback: ((block: Block) => void) | undefined) {
    this.#onHome = callback;
  }

  /** Like `take`, but answers `undefined` when the pool is at its limit, and waits for nobody's turn. */
  tryTake(length: number): OwnedBuffer | undefined {
    return this.tryTakePiece(length < POOL_SIZES[0]! ? POOL_SIZES[0]! : length, length);
  }

  // --- for core: receiving when the pool is short -------------------------------------------------------------------

  /** Bytes that are out, of the pool's own. */
  get bytesOut(): number {
    return this.#store.outBytes;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** The same, without the alignment: `sizeBytes` may be less than a page. The buffer has `length` bytes. */
  tryTakePiece(sizeBytes: number, length: number = sizeBytes): OwnedBuffer | undefined {
    const block = this.#store.take(sizeBytes);
    return block === undefined ? undefined : this.#handOut(block, length);
  }

  /**
   * Takes `bytes` of the limit aside, for buffers of `pieceBytes` that only `takeReserved` gives. Up to `standingBytes`
   * are with the driver for as long as nothing arrives: nobody can wait for them.
   */
  setReserve(bytes: number, pieceBytes: number, standingBytes: number): void {
    this.#standingBytes = standingBytes;
    const store: PoolStore = new PoolStore({
      memory: this.#memory,
      bytesMax: bytes,
      sizes: [pieceBytes],
      watch: this.#watch,
      home: (block) => this.#cameHome(store, block),
    });
    this.#reserve = store;
    this.#store.giveUp(bytes);
    this.#waiters.serve();
  }

  /** A buffer out of the reserve; `undefined` when none is left. */
  takeReserved(length: number): OwnedBuffer | undefined {
    const block = this.#reserve?.take(length);
    return block === undefined ? undefined : this.#handOut(block, length);
  }

  // --- out and home -------------------------------------------------------------------------------------------------

  #handOut(block: PoolBlock, length: number): OwnedBuffer {
    this.#out++;
    this.#taken++;
    return createOwnedBuffer(block, length);
  }

  #cameHome(store: PoolStore, given: Block): void {
    // Only blocks of a store are made with this way home.
    const block = given as PoolBlock;
    this.#out--;
    if (this.#endViews(block)) store.put(block);
    else store.retire(block);
    this.#afterHome(block);
  }

  #afterHome(block: Block): void {
    if (this.#waiters.count > 0) this.#waiters.serve();
    this.#onHome?.(block);
  }

  /** Ends the views that the program has of a block. False when it has transferred the memory away. */
  #endViews(block: Block): boolean {
    if (block.origin.unsafe) return true;
    // A dropped buffer's ArrayBuffer is gone with its last view.
    if (!block.exposed) return block.buffer.byteLength !== 0;
    try {
      detachViews(block);
      return true;
    } catch {
      this.#transferred++;
      return false;
    }
  }

  /** A dropped buffer that the program cannot see any more. */
  #unseen(block: Block): void {
    if (block.buffer.byteLength === 0) {
      try {
        const fresh = this.#memory.renew?.(block.number);
        if (fresh !== undefined) block.buffer = fresh;
      } catch {
        // Without one it cannot be used again.
      }
    }
    block.origin.home(block);
  }

  /** An `OwnedBuffer` over memory that is not the pool's and goes when it is released. */
  #foreign(number: number, buffer: ArrayBuffer, offset: number, length: number, unsafe: boolean): OwnedBuffer {
    this.#out++;
    this.#taken++;
    const origin: BlockOrigin = {
      memory: this.#memory,
      blockBytes: length,
      unsafe,
      offset,
      watch: this.#watch,
      home: (block) => {
        this.#out--;
        this.#endViews(block);
        this.#memory.free(number);
      },
    };
    const block: Block = { number, buffer, exposed: false, origin };
    return createOwnedBuffer(block, length);
  }
}

/** In which line a waiter stands: one for each size, and one for all that are larger. */
function lineOf(length: number): number {
  const line = POOL_SIZES.findIndex((bytes) => length <= bytes);
  return line < 0 ? POOL_SIZES.length : line;
}
