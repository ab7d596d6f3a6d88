/**
 * How much of the pool a receive may have: whole buffers while there is plenty, smaller ones the more of the pool is out.
 * A peer that never reads keeps what was received from it in a send that goes nowhere; with many such peers that is the
 * whole pool, unless each has little of it.
 */
import type { BufferPool } from "./buffer-pool.js";

/** Up to these parts of the pool out, a receive gets so many bytes at most. Beyond the last it gets the reserve's. */
const SHARES: readonly { readonly outMax: number; readonly bytes: number }[] = [
  { outMax: 5 / 8, bytes: 4096 },
  { outMax: 13 / 16, bytes: 1024 },
];
/** The pool is short when more than this part is out, and again plentiful when less than that is. */
const SHORT_ABOVE = 1 / 2;
const PLENTY_BELOW = 3 / 8;
/** What is kept for receives whatever else is out: this part of the pool, in pieces of so many bytes. */
const RESERVE_PART = 1 / 8;
const RESERVE_PIECE_BYTES = 256;
/** At most this part of the pool stays with the driver while nothing arrives. */
export const STANDING_PART_MAX: number = 1 / 4;
/** A smaller pool has no reserve: it is all in a few buffers. */
const RESERVED_POOL_BYTES_MIN = 65_536;
/** Chunks that wait for the program in one loop before its receive is paused: so many, and this part of the pool. */
const LOOP_CHUNKS_MAX = 16;
const LOOP_PART = 1 / 256;

export class ReceiveShare {
  readonly #pool: BufferPool;
  readonly #bufferBytes: number;
  #short = false;
  #reserveBytes: number | undefined = undefined;

  constructor(pool: BufferPool, bufferBytes: number) {
    this.#pool = pool;
    this.#bufferBytes = bufferBytes;
  }

  /** So much of the pool is out that receives get less than a whole buffer. Looks anew with `look`. */
  get short(): boolean {
    return this.#short;
  }

  /** Bytes that are set aside; 0 before the first receive that needs some. */
  get reserveBytes(): number {
    return this.#reserveBytes ?? 0;
  }

  /** Length of a piece of the reserve, bytes. */
  get pieceBytes(): number {
    return Math.min(this.#bufferBytes, RESERVE_PIECE_BYTES);
  }

  /** Chunks that may wait in one loop. */
  get loopChunksMax(): number {
    if (this.#short) return 1;
    const chunks = Math.floor((this.#pool.bytesMax * LOOP_PART) / this.#bufferBytes);
    return Math.max(1, Math.min(LOOP_CHUNKS_MAX, chunks));
  }

  /** True when the pool has become short just now. */
  look(): boolean {
    const { bytesOut, bytesMax } = this.#pool;
    if (this.#short) {
      this.#short = bytesOut >= bytesMax * PLENTY_BELOW;
      return false;
    }
    this.#short = bytesOut + this.#bufferBytes > bytesMax * SHORT_ABOVE;
    return this.#short;
  }

  /** Length of the next buffer for a receive, bytes; 0 for a piece of the reserve. */
  nextBytes(): number {
    if (!this.#short) return this.#bufferBytes;
    const { bytesOut, bytesMax } = this.#pool;
    const share = SHARES.find(({ outMax }) => bytesOut <= bytesMax * outMax);
    return share === undefined ? 0 : Math.min(this.#bufferBytes, share.bytes);
  }

  /** Sets the reserve aside, the first time; beside it the driver has up to `standingBytes`. */
  reserve(standingBytes: number): void {
    if (this.#reserveBytes !== undefined) return;
    const { bytesMax } = this.#pool;
    const standing = Math.min(standingBytes, Math.floor(bytesMax * STANDING_PART_MAX));
    const pieces = bytesMax < RESERVED_POOL_BYTES_MIN ? 0 : Math.floor((bytesMax * RESERVE_PART) / RESERVE_PIECE_BYTES);
    this.#reserveBytes = pieces * RESERVE_PIECE_BYTES;
    this.#pool.setReserve(this.#reserveBytes, RESERVE_PIECE_BYTES, standing);
  }
}
