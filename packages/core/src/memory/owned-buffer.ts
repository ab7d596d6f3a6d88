/**
 * The baton. An `OwnedBuffer` stands for memory that exactly one side holds at a time: the program (then `bytes`
 * works) or an operation in flight (then it throws, and views taken before are detached). Its memory, the *block*,
 * outlives it: the pool gives the same block to the next taker under a new `OwnedBuffer`, so a stale reference can
 * never reach the new owner's bytes.
 */

import { batonError } from "../base/errors.js";
import { checkInteger } from "../base/validate.js";
import type { DriverMemory } from "../spi/driver.js";

/** Where a buffer is. `returning`: its operation was abandoned, it goes back to its pool by itself. */
export type BufferState = "owned" | "lent" | "returning" | "released";

/**
 * The memory behind one buffer. A pool has thousands: what does not differ from block to block stands in their origin.
 */
export interface Block {
  /** What submission records call it. */
  readonly number: number;
  /** The live ArrayBuffer; replaced by every detach. */
  buffer: ArrayBuffer;
  /** `bytes` was handed out since the last detach, so views may exist. */
  exposed: boolean;
  readonly origin: BlockOrigin;
}

/** Where blocks come from. */
export interface BlockOrigin {
  readonly memory: DriverMemory;
  /** Bytes of each block. */
  readonly blockBytes: number;
  /** Borrowed memory: never detached, always readable, at the caller's risk. */
  readonly unsafe: boolean;
  /** Where the block starts in its ArrayBuffer; not 0 only for borrowed memory. */
  readonly offset: number;
  readonly watch: LeakWatch | undefined;
  /** Takes a block back: no operation and no `OwnedBuffer` uses it any more. */
  readonly home: (block: Block) => void;
}

/** What holds a lend: an operation, as far as a buffer needs to know it. */
export interface Holder {
  readonly id: number;
  lendStart: number;
  lendEnd: number;
  lendExclusive: boolean;
}

/** One stay of a block with the program, from take to release; shared by a buffer and its slices. */
interface Tenure {
  readonly block: Block;
  released: boolean;
  /** Release as soon as the last lend ends. */
  releaseWhenHome: boolean;
  lends: number;
  exclusiveLends: number;
  /** A set once there is more than one. */
  holders: Holder | Set<Holder> | undefined;
}

/** How leaks are noticed: see `BufferPool`. */
export interface LeakWatch {
  register(buffer: OwnedBuffer, tenure: object): void;
  unregister(tenure: object): void;
}

// The friends of this class, set by its static block: core may do what programs may not.
let lendFriend: (buffer: OwnedBuffer, holder: Holder, start: number, length: number, exclusive: boolean) => number;
let giveBackFriend: (buffer: OwnedBuffer, holder: Holder) => void;
let expectReturnFriend: (buffer: OwnedBuffer) => void;
let blockFriend: (buffer: OwnedBuffer) => Block;
let isOwnedBuffer: (value: unknown) => value is OwnedBuffer;
let createFriend: (block: Block, length: number) => OwnedBuffer;
let isLostFriend: (tenure: object) => Block | undefined;

declare const stateMark: unique symbol;

/** A buffer as an operation in flight shows it: no way to its bytes, and no operation takes it. */
export interface LentBuffer {
  readonly [stateMark]?: "lent";
  readonly length: number;
  readonly state: BufferState;
  readonly lentTo: number | undefined;
}

/** What is left of a buffer after `release()`. */
export interface ReleasedBuffer {
  readonly [stateMark]: { readonly released: true };
  readonly length: number;
  readonly state: BufferState;
}

/** A part of a buffer that can be lent by itself. It cannot be released: its buffer is. */
export type BufferSlice = Pick<OwnedBuffer, "bytes" | "length" | "state" | "lentTo" | "slice">;

/** What an operation takes: a buffer, or a part of one. */
export type Lendable = OwnedBuffer | BufferSlice;

/** A `Lendable` that the compiler does not know to be released. */
export type Unreleased<B> = B extends ReleasedBuffer ? { readonly error: "this buffer was released" } : unknown;

/**
 * A buffer of which exactly one side holds the bytes.
 *
 * Take it from `io.buffers`; hand it to an operation; get it back with the result, or as `error.buffer`; release it.
 * In between, `bytes` throws `ERR_BUFFER_LENT`, and every view taken before is detached (its length is 0).
 *
 * @example
 * using buffer = io.buffers.take(4096);
 * const { bytesRead } = await file.read(buffer, { position: 0 });
 * console.log(buffer.bytes.subarray(0, bytesRead));
 */
export class OwnedBuffer {
  readonly #tenure: Tenure;
  readonly #start: number;
  readonly #length: number;
  /** For a slice, its buffer: so that the buffer is not taken for lost while a slice of it is used. */
  readonly #root: OwnedBuffer | undefined;
  #view: Uint8Array<ArrayBuffer> | undefined = undefined;

  private constructor(tenure: Tenure, start: number, length: number, root: OwnedBuffer | undefined) {
    this.#tenure = tenure;
    this.#start = start;
    this.#length = length;
    this.#root = root;
  }

  /** Length in bytes, as it was taken. */
  get length(): number {
    return this.#length;
  }

  /** Where the buffer is. */
  get state(): BufferState {
    const tenure = this.#tenure;
    if (tenure.released) return "released";
    if (tenure.lends === 0) return "owned";
    return tenure.releaseWhenHome ? "returning" : "lent";
  }

  /** Id of an operation that holds it, or `undefined`. */
  get lentTo(): number | undefined {
    return anyHolder(this.#tenure)?.id;
  }

  /**
   * The bytes. They stay valid until the buffer, or a part of it, is lent or released; then this view is detached
   * and a new one is given when the buffer is home. Throws `ERR_BUFFER_LENT`, `ERR_BUFFER_RELEASED`,
   * `ERR_BUFFER_DETACHED`.
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    const tenure = this.#tenure;
    const block = tenure.block;
    if (tenure.released || (tenure.lends !== 0 && !block.origin.unsafe)) throw this.#untouchable("bytes");
    let view = this.#view;
    if (view === undefined || view.buffer !== block.buffer || view.length !== this.#length) {
      if (!isWhole(block)) throw detachedByProgram("bytes");
      view = new Uint8Array(block.buffer, block.origin.offset + this.#start, this.#length);
      this.#view = view;
    }
    if (!block.exposed) expose(block);
    return view;
  }

  /**
   * A part of the buffer, `start` to `end` in bytes, that can be lent by itself: parts that do not overlap may be
   * lent exclusively at the same time. Throws `ERR_BUFFER_RELEASED`, `ERR_OUT_OF_RANGE`.
   */
  slice(start: number, end: number = this.#length): BufferSlice {
    if (this.#tenure.released) throw this.#untouchable("slice");
    checkInteger("buffer.slice", "start", start, 0, this.#length);
    checkInteger("buffer.slice", "end", end, start, this.#length);
    return new OwnedBuffer(this.#tenure, this.#start + start, end - start, this.#root ?? this);
  }

  /**
   * Gives the buffer up. Throws `ERR_BUFFER_LENT` while an operation holds it, `ERR_BUFFER_RELEASED_TWICE` the
   * second time.
   */
  release(): ReleasedBuffer {
    const tenure = this.#tenure;
    if (this.#root !== undefined) {
      throw batonError("ERR_INVALID_ARG_VALUE", "release: this is a slice; release the buffer it is part of.");
    }
    if (tenure.released) throw batonError("ERR_BUFFER_RELEASED_TWICE", "release: the buffer was released before.");
    if (tenure.lends !== 0) throw this.#untouchable("release");
    leave(tenure);
    return this as unknown as ReleasedBuffer;
  }

  /** Releases the buffer now, or, while it is lent, as soon as it is home. Does nothing the second time. */
  [Symbol.dispose](): void {
    const tenure = this.#tenure;
    if (tenure.released || this.#root !== undefined) return;
    if (tenure.lends === 0) this.release();
    else tenure.releaseWhenHome = true;
  }

  #untouchable(where: string): Error {
    const tenure = this.#tenure;
    if (tenure.released) return batonError("ERR_BUFFER_RELEASED", `${where}: the buffer was released.`);
    return batonError("ERR_BUFFER_LENT", `${where}: the buffer is lent to operation ${anyHolder(tenure)?.id}.`);
  }

  static {
    lendFriend = (buffer, holder, start, length, exclusive) => {
      const tenure = buffer.#tenure;
      const block = tenure.block;
      if (tenure.released) throw buffer.#untouchable("submit");
      const from = buffer.#start + start;
      const conflict = tenure.lends !== 0 && (exclusive || tenure.exclusiveLends !== 0);
      if (conflict && overlapsConflicting(tenure, from, from + length, exclusive)) throw buffer.#untouchable("submit");
      if (block.origin.unsafe) expectWhole(block);
      else if (block.exposed) detachViews(block);
      holder.lendStart = from;
      holder.lendEnd = from + length;
      holder.lendExclusive = exclusive;
      addHolder(tenure, holder);
      if (exclusive) tenure.exclusiveLends++;
      return from;
    };
    giveBackFriend = (buffer, holder) => {
      const tenure = buffer.#tenure;
      if (holder.lendExclusive) tenure.exclusiveLends--;
      removeHolder(tenure, holder);
      if (tenure.lends === 0 && tenure.releaseWhenHome) leave(tenure);
    };
    expectReturnFriend = (buffer) => {
      buffer.#tenure.releaseWhenHome = true;
    };
    blockFriend = (buffer) => buffer.#tenure.block;
    isOwnedBuffer = (value): value is OwnedBuffer => typeof value === "object" && value !== null && #tenure in value;
    createFriend = (block, length) => {
      const tenure: Tenure = {
        block,
        released: false,
        releaseWhenHome: false,
        lends: 0,
        exclusiveLends: 0,
        holders: undefined,
      };
      const buffer = new OwnedBuffer(tenure, 0, length, undefined);
      block.origin.watch?.register(buffer, tenure);
      return buffer;
    };
    isLostFriend = (value) => {
      const tenure = value as Tenure;
      if (tenure.released || tenure.lends !== 0) return undefined;
      tenure.released = true;
      return tenure.block;
    };
  }
}

function leave(tenure: Tenure): void {
  const { block } = tenure;
  block.origin.watch?.unregister(tenure);
  tenure.released = true;
  block.origin.home(block);
}

function anyHolder({ holders }: Tenure): Holder | undefined {
  return holders instanceof Set ? holders.values().next().value : holders;
}

/** One holder is the rule and costs no set; several are kept in a set. */
function addHolder(tenure: Tenure, holder: Holder): void {
  const { holders } = tenure;
  if (holders === undefined) tenure.holders = holder;
  else if (holders instanceof Set) holders.add(holder);
  else tenure.holders = new Set([holders, holder]);
  tenure.lends++;
}

function removeHolder(tenure: Tenure, holder: Holder): void {
  if (tenure.holders === holder) tenure.holders = undefined;
  else (tenure.holders as Set<Holder>).delete(holder);
  tenure.lends--;
}

function overlapsConflicting(tenure: Tenure, start: number, end: number, exclusive: boolean): boolean {
  const conflicts = (holder: Holder) =>
    (exclusive || holder.lendExclusive) && start < holder.lendEnd && holder.lendStart < end;
  const { holders } = tenure;
  if (!(holders instanceof Set)) return holders !== undefined && conflicts(holders);
  for (const holder of holders) if (conflicts(holder)) return true;
  return false;
}

/** All its memory is there: the program has neither transferred nor resized it. */
function isWhole({ buffer, origin }: Block): boolean {
  return buffer.byteLength !== 0 && buffer.byteLength >= origin.offset + origin.blockBytes;
}

function expectWhole(block: Block): void {
  if (!isWhole(block)) throw detachedByProgram("submit");
}

/** The program gets a view of the block. */
function expose(block: Block): void {
  block.exposed = true;
  const { memory, unsafe } = block.origin;
  const { exposures } = memory;
  if (exposures !== undefined && !unsafe) exposures[block.number] = 1;
}

/** Makes every view of the block useless and proves it: a view that lives on could write under the kernel's hands. */
export function detachViews(block: Block): void {
  const old = block.buffer;
  expectWhole(block);
  block.buffer = block.origin.memory.detach(block.number, old);
  if (old.byteLength !== 0 || block.buffer.byteLength === 0) {
    throw batonError("ERR_DETACH_FAILED", `submit: buffer ${block.number} still has live views.`);
  }
  unexpose(block);
}

/** There is no view of the block any more. */
export function unexpose(block: Block): void {
  block.exposed = false;
  const { exposures } = block.origin.memory;
  if (exposures !== undefined) exposures[block.number] = 0;
}

function detachedByProgram(where: string): Error {
  return batonError("ERR_BUFFER_DETACHED", `${where}: the memory of this buffer was transferred away or resized.`);
}

/**
 * Releases a buffer, and tells the compiler: using it afterwards does not compile.
 *
 * @example release(buffer); buffer.bytes // error
 */
export function release<B extends OwnedBuffer>(buffer: B): asserts buffer is B & ReleasedBuffer {
  buffer.release();
}

/** Lends `length` bytes from `start` of a buffer to an operation; returns where they start in the block. */
export const lendBuffer: typeof lendFriend = lendFriend!;
/** Ends a lend. */
export const giveBackBuffer: typeof giveBackFriend = giveBackFriend!;
/** The buffer shall be released when it comes home: its caller gave it up. */
export const expectReturn: typeof expectReturnFriend = expectReturnFriend!;
/** The block behind a buffer. */
export const blockOf: typeof blockFriend = blockFriend!;
/** True for what `OwnedBuffer` made, slices included. */
export const isLendable: (value: unknown) => value is OwnedBuffer = isOwnedBuffer!;
/** Makes the `OwnedBuffer` for a block. */
export const createOwnedBuffer: typeof createFriend = createFriend!;
/** For the leak watch: the block of a tenure that nobody can release any more, or `undefined`. */
export const takeLost: typeof isLostFriend = isLostFriend!;

/**
 * The buffer that was given, when it is one and of this memory. Throws `ERR_BUFFER_FOREIGN` for anything else; `index`
 * is its place in a list.
 */
export function expectOwn(where: string, given: unknown, memory: DriverMemory, index?: number): OwnedBuffer {
  if (isLendable(given) && blockOf(given).origin.memory === memory) return given;
  const name = index === undefined ? "buffer" : `buffers[${index}]`;
  const wrong = isLendable(given) ? "belongs to another backend" : "must be an OwnedBuffer or a slice of one";
  throw batonError("ERR_BUFFER_FOREIGN", `${where}: ${name} ${wrong}.`);
}
