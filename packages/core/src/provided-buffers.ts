/**
 * Buffers handed to the driver beforehand, for `receive()` without one: the driver picks a buffer when bytes arrive,
 * so an idle connection holds none. When the driver has run out (`-ENOBUFS`), receives pause, and each buffer that is
 * handed over lets one of them go on, first come, first served.
 */
import { type BufferPool, POOL_SIZES } from "./buffer-pool.js";
import type { Clock } from "./clock.js";
import { PROVIDED_MAX } from "./driver.js";
import { STATE } from "./lifecycle.js";
import type { Entry } from "./operation-table.js";
import { blockOf, giveBackBuffer, type Holder, lendBuffer, type OwnedBuffer } from "./owned-buffer.js";
import { AUXILIARY_SHIFT, COMPLETION_FLAG, CONTROL } from "./record.js";

/** A buffer that the driver has; the lend has no operation, so its id is 0. */
interface Provided extends Holder {
  readonly buffer: OwnedBuffer;
}

/**
 * Pauses before receives are tried again although nothing was handed over, ms: doubled each time. It is not needed
 * where a driver is as good as its word; where it had a buffer after all, nobody waits for ever.
 */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 64;

interface Paused {
  readonly entry: Entry;
  readonly generation: number;
}

export class ProvidedBuffers {
  readonly #pool: BufferPool;
  readonly #window: Int32Array;
  readonly #control: Int32Array;
  readonly #bufferBytes: number;
  #countMax: number;
  readonly #clock: Clock;
  readonly #launch: (entry: Entry) => void;
  readonly #provided = new Map<number, Provided>();
  readonly #paused: Paused[] = [];
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
    this.#window = new Int32Array(parts.provided);
    this.#control = new Int32Array(parts.control);
    this.#control[CONTROL.providedBytes] = parts.bufferBytes;
    this.#bufferBytes = parts.bufferBytes;
    const { bytesMax } = this.#pool.stats();
    const blockBytes = POOL_SIZES.find((bytes) => bytes >= parts.bufferBytes) ?? parts.bufferBytes;
    // They stay with the driver while nothing arrives: half of the pool is left for the program.
    const affordable = Math.max(1, Math.floor(bytesMax / 2 / blockBytes));
    this.#countMax = Math.min(parts.countMax, PROVIDED_MAX, affordable);
    this.#clock = parts.clock;
    this.#launch = parts.launch;
  }

  /** Buffers that the driver has. */
  get count(): number {
    return this.#provided.size;
  }

  /** Length of each buffer, bytes. */
  get bufferBytes(): number {
    return this.#bufferBytes;
  }

  /**
   * Hands the driver as many buffers as it may have and the pool can spare; how many. They go with the next flush, and
   * paused receives with them.
   */
  topUp(): number {
    let added = 0;
    for (; this.#provided.size < this.#countMax; added++) {
      const buffer = this.#pool.tryTake(this.#bufferBytes);
      if (buffer === undefined) break;
      const holder: Provided = { id: 0, lendStart: 0, lendEnd: 0, lendExclusive: true, buffer };
      lendBuffer(buffer, holder, 0, this.#bufferBytes, true);
      const { number } = blockOf(buffer);
      this.#provided.set(number, holder);
      this.#window[this.#control[CONTROL.providedCount]!++] = number;
    }
    if (added > 0 && this.#paused.length > 0) this.#resume(added);
    return added;
  }

  /** The buffer that the driver picked, now the caller's; `undefined` when the completion carries none. */
  claim(flags: number): OwnedBuffer | undefined {
    if ((flags & COMPLETION_FLAG.bufferPicked) === 0) return undefined;
    const number = flags >>> AUXILIARY_SHIFT;
    const holder = this.#provided.get(number);
    if (holder === undefined) return undefined;
    this.#provided.delete(number);
    giveBackBuffer(holder.buffer, holder);
    this.#retryMs = RETRY_MS_MIN;
    this.topUp();
    return holder.buffer;
  }

  /** A buffer that came with a completion nobody waits for goes home. */
  returnPicked(flags: number): void {
    this.claim(flags)?.release();
  }

  /** Pauses a receive that found no buffer. */
  whenProvided(entry: Entry): void {
    this.#paused.push({ entry, generation: entry.generation });
    // Where the driver has none, the next that comes home is handed over.
    if (this.topUp() === 0 && this.#provided.size > 0) this.#retryLater();
  }

  /** A buffer came home: it is handed over if somebody waits for it. */
  cameHome(): void {
    if (this.#paused.length > 0) this.topUp();
  }

  #retryLater(): void {
    if (this.#retries) return;
    this.#retries = true;
    this.#clock.retryAfter(this.#retryMs, () => {
      this.#retries = false;
      // No more than could find one.
      this.#resume(this.#provided.size);
    });
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }

  /** Lets `count` paused receives go on. */
  #resume(count: number): void {
    for (let left = count; left > 0 && this.#paused.length > 0; ) {
      const { entry, generation } = this.#paused.shift()!;
      // Ended while it was paused.
      if (entry.generation !== generation || entry.state !== STATE.queued) continue;
      entry.held = false;
      this.#launch(entry);
      left--;
    }
    // What is left may wait for buffers that the others do not need after all.
    if (this.#paused.length > 0 && this.#provided.size > 0) this.#retryLater();
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
