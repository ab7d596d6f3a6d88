/**
 * Buffers handed to the driver beforehand, for `receive()` without one: the driver takes a buffer when bytes arrive,
 * so an idle connection holds none. When the driver has run out (`-ENOBUFS`), receives pause, and each buffer that is
 * handed over lets one of them go on: first those of peers that say little, which are not to be behind all that say as
 * much as they can; otherwise first come, first served.
 *
 * What was received stays with the program until it releases it, so the pool may run short because of peers that never
 * read. How large the buffers are is then a matter of `ReceiveShare`; loops that receive more than was asked for end,
 * and the last is a reserve, of which no connection gets a second piece.
 */

import type { Clock } from "../base/clock.js";
import { Fifo } from "../base/fifo.js";
import type { BufferPool } from "../memory/buffer-pool.js";
import {
  type Block,
  blockOf,
  giveBackBuffer,
  type Holder,
  lendBuffer,
  type OwnedBuffer,
} from "../memory/owned-buffer.js";
import { POOL_SIZES } from "../memory/pool-store.js";
import { ReceiveShare, STANDING_PART_MAX } from "../memory/receive-share.js";
import { PROVIDED_MAX } from "../spi/driver.js";
import { AUXILIARY_SHIFT, COMPLETION_FLAG, CONTROL } from "../spi/record.js";
import type { Entry, OperationHandle } from "./entry.js";

/** A buffer that the driver has; the lend has no operation, so its id is 0. */
interface Provided extends Holder {
  readonly buffer: OwnedBuffer;
  readonly reserved: boolean;
}

/**
 * Pauses before receives are tried again although nothing was handed over, ms: doubled each time. For a driver that had
 * a buffer after all, and for a system that had no memory: nobody tells when it has some again.
 */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 64;

interface Paused {
  readonly entry: Entry;
  readonly generation: number;
}

/** A receive that brings more than was asked for, until it is paused. */
export interface ReceiveLoop {
  pause(): void;
}

/** How receives without a buffer fare; sizes in bytes. */
export interface ReceiveStats {
  /** Buffers that wait with the driver for bytes to arrive, and the most there may be. */
  readonly provided: number;
  readonly providedMax: number;
  /** Length of the next buffer that is handed over: less than `receiveBufferBytes` while the pool is short. */
  readonly bufferBytes: number;
  /** So much of the pool is out that receives get small buffers, and one at a time. */
  readonly short: boolean;
  /** Receives that wait for a buffer. */
  readonly paused: number;
  /** Set aside so that every connection can go on with one small buffer; 0 before the first receive that needs some. */
  readonly reserveBytes: number;
  /** Connections that hold a piece of it. */
  readonly reserveHolders: number;
}

export class ProvidedBuffers {
  readonly #pool: BufferPool;
  readonly #share: ReceiveShare;
  readonly #window: Int32Array;
  readonly #control: Int32Array;
  readonly #bufferBytes: number;
  /** What one of them counts for in the pool. */
  readonly #blockBytes: number;
  #countMax: number;
  readonly #clock: Clock;
  readonly #launch: (entry: Entry) => void;
  readonly #provided = new Map<number, Provided>();
  readonly #loops = new Set<ReceiveLoop>();
  /** Whose piece of the reserve a buffer is, by its number; and how many each has. */
  readonly #pieces = new Map<number, OperationHandle>();
  readonly #holders = new Map<OperationHandle, number>();
  /** Receives that wait for a buffer, in order: of peers that say little, and of all others. */
  readonly #quiet: Fifo<Paused> = new Fifo();
  readonly #busy: Fifo<Paused> = new Fifo();
  /** Those that wait for their connection's piece of the reserve to come home. */
  readonly #held = new Map<OperationHandle, Paused[]>();
  #retries = false;
  #retryMs = RETRY_MS_MIN;

  constructor(parts: {
    pool: BufferPool;
    provided: ArrayBuffer;
    control: ArrayBuffer;
    bufferBytes: number;
    countMax: number;
    clock: Clock;
    launch: (entry: Entry) => void;
  }) {
    this.#pool = parts.pool;
    this.#share = new ReceiveShare(parts.pool, parts.bufferBytes);
    this.#window = new Int32Array(parts.provided);
    this.#control = new Int32Array(parts.control);
    this.#control[CONTROL.providedBytes] = parts.bufferBytes;
    this.#bufferBytes = parts.bufferBytes;
    const blockBytes = POOL_SIZES.find((bytes) => bytes >= parts.bufferBytes) ?? parts.bufferBytes;
    // They stay with the driver while nothing arrives: most of the pool is left for the program.
    const affordable = Math.max(1, Math.floor((this.#pool.bytesMax * STANDING_PART_MAX) / blockBytes));
    this.#blockBytes = blockBytes;
    this.#countMax = Math.min(parts.countMax, PROVIDED_MAX, affordable);
    this.#clock = parts.clock;
    this.#launch = parts.launch;
  }

  /** Most bytes that one buffer has. */
  get bufferBytes(): number {
    return this.#bufferBytes;
  }

  /** The pool is short, or somebody waits for a buffer: who receives shall ask for each chunk by itself. */
  get crowded(): boolean {
    return this.#share.short || this.#anyPaused;
  }

  /** Chunks that may wait for the program in one loop. */
  get loopChunksMax(): number {
    return this.#share.loopChunksMax;
  }

  stats(): ReceiveStats {
    return {
      provided: this.#provided.size,
      providedMax: this.#countMax,
      bufferBytes: this.#share.nextBytes() || this.#share.pieceBytes,
      short: this.#share.short,
      paused: [...this.#quiet, ...this.#busy, ...[...this.#held.values()].flat()].filter(isWaiting).length,
      reserveBytes: this.#share.reserveBytes,
      reserveHolders: this.#holders.size,
    };
  }

  /**
   * Hands the driver as many buffers as it may have and the pool can spare; how many. They go with the next flush, and
   * paused receives with them.
   */
  topUp(): number {
    this.#share.reserve(this.#countMax * this.#blockBytes);
    this.#look();
    if (this.#held.size > 0 && this.#share.nextBytes() > 0) this.#letGoAll();
    let added = 0;
    // A loop that receives more than was asked for would be the first to take what is handed over now.
    while (this.#provided.size < this.#countMax && !(this.#share.short && this.#loops.size > 0)) {
      if (!this.#handOverNext()) break;
      added++;
      this.#look();
    }
    if (added > 0) this.#resume(added);
    return added;
  }

  get #anyPaused(): boolean {
    return this.#quiet.length > 0 || this.#busy.length > 0 || this.#held.size > 0;
  }

  /** Loops are no way to receive in a pool that is short. */
  #look(): void {
    if (this.#share.look()) for (const loop of [...this.#loops]) loop.pause();
  }

  #handOverNext(): boolean {
    const bytes = this.#share.nextBytes();
    return (bytes > 0 && this.#handOver(bytes, false)) || this.#handOver(this.#share.pieceBytes, true);
  }

  #handOver(bytes: number, reserved: boolean): boolean {
    const control = this.#control;
    // All that go with one flush are of one length.
    if (control[CONTROL.providedCount]! > 0 && control[CONTROL.providedBytes] !== bytes) return false;
    const buffer = reserved ? this.#pool.takeReserved(bytes) : this.#pool.tryTakePiece(bytes);
    if (buffer === undefined) return false;
    const holder: Provided = { id: 0, lendStart: 0, lendEnd: 0, lendExclusive: true, buffer, reserved };
    lendBuffer(buffer, holder, 0, bytes, true);
    const { number } = blockOf(buffer);
    this.#provided.set(number, holder);
    control[CONTROL.providedBytes] = bytes;
    this.#window[control[CONTROL.providedCount]!++] = number;
    return true;
  }

  /**
   * The buffer that the driver took, now the caller's; `undefined` when the completion carries none. `receiver` is
   * the connection that has it from here on.
   */
  claim(flags: number, receiver: OperationHandle | undefined): OwnedBuffer | undefined {
    if ((flags & COMPLETION_FLAG.providedBuffer) === 0) return undefined;
    const number = flags >>> AUXILIARY_SHIFT;
    const holder = this.#provided.get(number);
    if (holder === undefined) return undefined;
    this.#provided.delete(number);
    giveBackBuffer(holder.buffer, holder);
    if (holder.reserved && receiver !== undefined) {
      this.#pieces.set(number, receiver);
      this.#holders.set(receiver, (this.#holders.get(receiver) ?? 0) + 1);
    }
    this.#retryMs = RETRY_MS_MIN;
    this.topUp();
    return holder.buffer;
  }

  /** A buffer that came with a completion nobody waits for goes home. */
  returnProvided(flags: number): void {
    this.claim(flags, undefined)?.release();
  }

  /** Length of the buffer that the driver took; `undefined` when the completion carries none. */
  lengthOf(flags: number): number | undefined {
    if ((flags & COMPLETION_FLAG.providedBuffer) === 0) return undefined;
    return this.#provided.get(flags >>> AUXILIARY_SHIFT)?.buffer.length;
  }

  /** Somebody has a piece of the reserve. */
  get mayHoldBack(): boolean {
    return this.#holders.size > 0;
  }

  /** A receive of a connection that has a piece of the reserve, and nothing else is left: it waits. */
  holdsBack({ resource }: Entry): boolean {
    return resource !== undefined && this.#holders.has(resource.handle) && this.#share.nextBytes() === 0;
  }

  /** Pauses a receive that found no buffer. */
  whenProvided(entry: Entry): void {
    this.#pause({ entry, generation: entry.generation });
    // A loop would take what is handed over for this one, as often as it is.
    for (const loop of [...this.#loops]) if (loop !== entry.subject) loop.pause();
    if (this.topUp() === 0) this.#retryLater();
  }

  /** Puts a receive into the line where it waits. */
  #pause(paused: Paused): void {
    const { entry } = paused;
    const handle = entry.resource?.handle;
    if (handle !== undefined && this.holdsBack(entry)) {
      const others = this.#held.get(handle);
      if (others === undefined) this.#held.set(handle, [paused]);
      else others.push(paused);
    } else if (handle?.quiet === true) {
      this.#quiet.push(paused);
    } else {
      this.#busy.push(paused);
    }
  }

  /** A buffer came home: it is handed over if somebody waits for it. */
  cameHome(block: Block): void {
    const isPiece = this.#pieces.size > 0 && this.#pieceCameHome(block.number);
    if (!this.#anyPaused) return;
    // Who waited for its own piece may go by what the driver has.
    if (this.topUp() === 0 && isPiece) this.#resume(this.#provided.size);
  }

  /** A piece of the reserve is nobody's again; whether the block was one. */
  #pieceCameHome(number: number): boolean {
    const receiver = this.#pieces.get(number);
    if (receiver === undefined) return false;
    this.#pieces.delete(number);
    const left = this.#holders.get(receiver)! - 1;
    if (left > 0) {
      this.#holders.set(receiver, left);
      return true;
    }
    this.#holders.delete(receiver);
    const held = this.#held.get(receiver);
    if (held !== undefined) {
      this.#held.delete(receiver);
      for (const paused of held) this.#busy.push(paused);
    }
    return true;
  }

  /** There is more than the reserve again: nobody has to wait for a piece of it. */
  #letGoAll(): void {
    for (const held of this.#held.values()) for (const paused of held) this.#busy.push(paused);
    this.#held.clear();
  }

  /** A loop begins, and takes what arrives until it is paused. */
  enter(loop: ReceiveLoop): void {
    this.#loops.add(loop);
  }

  /** It has ended, or it is paused. */
  leave(loop: ReceiveLoop): void {
    if (this.#loops.delete(loop) && this.#loops.size === 0 && this.#share.short) this.topUp();
  }

  #retryLater(): void {
    // Where the driver has none and the pool is at its limit, the next that comes home is handed over.
    if (this.#retries || (this.#provided.size === 0 && !this.#pool.refused)) return;
    this.#retries = true;
    this.#clock.retryAfter(this.#retryMs, () => {
      this.#retries = false;
      // No more than could find one.
      if (this.topUp() === 0) this.#resume(this.#provided.size);
    });
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }

  /** Lets `count` paused receives go on. */
  #resume(count: number): void {
    for (let left = count; left > 0; ) {
      const paused = this.#quiet.shift() ?? this.#busy.shift();
      if (paused === undefined) break;
      // Ended while it was paused.
      if (!isWaiting(paused)) continue;
      if (this.holdsBack(paused.entry)) {
        this.#pause(paused);
        continue;
      }
      paused.entry.held = false;
      this.#launch(paused.entry);
      left--;
    }
    // What is left may wait for buffers that the others do not need after all.
    if (this.#quiet.length + this.#busy.length > 0) this.#retryLater();
  }

  /** The session is closed: what the driver still had is home. */
  closed(): void {
    // What comes home from here on stays there.
    this.#countMax = 0;
    for (const holder of this.#provided.values()) {
      giveBackBuffer(holder.buffer, holder);
      holder.buffer.release();
    }
    this.#provided.clear();
  }
}

function isWaiting({ entry, generation }: Paused): boolean {
  return entry.isQueued(generation);
}
