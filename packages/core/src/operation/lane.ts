/**
 * A lane: operations of one direction of one stream, one at a time, in the order they were asked for. Two receives
 * in flight could be answered in either order and two sends could interleave; in a lane neither can, whichever
 * driver runs. A lane also keeps what won a race against its cancel, for the next receive (P6).
 */
import { carriesMemory, KeptBytes } from "./kept-bytes.js";
import { STATE } from "./lifecycle.js";
import type { Entry } from "./operation-table.js";

/** What a lane needs of the dispatcher. */
export interface LaneHost {
  /** Sends a held operation on its way: its turn has come. */
  launchInTurn(entry: Entry): void;
  /** Ends a held operation with a result made here. */
  settleLocally(entry: Entry, result: number): void;
  /**
   * The memory of an operation's buffers, one after the other, while core may touch it: the driver does not have it.
   */
  memoryOf(entry: Entry): readonly Uint8Array[];
  /** Ends a held operation that has no buffer yet with these bytes, in a new one. */
  settleWithBytes(entry: Entry, bytes: Uint8Array): void;
  /**
   * Called when a lane is free and more than one operation waits, of which `first` is the next: sends those that can go
   * together on their way as one. Answers the operation that stands for all that it has taken out of the lane, or
   * `undefined` when the first goes alone.
   */
  join(lane: Lane, first: Entry): Entry | undefined;
}

/** What waits for the next operation. */
export interface Kept {
  /** Unlike bytes they are neither cut nor joined, and one of no bytes is a message all the same. */
  readonly ofMessages: boolean;
  /** There is something. */
  readonly waiting: boolean;
  /** Ends an operation with the first of it. */
  serve(entry: Entry, host: LaneHost): void;
}

/** Has taken bytes out of a lane that are still anybody's. */
export interface LaneHolder {
  /** Gives them back to the lane: it is somebody else's turn. */
  makeWay(): void;
}

/** There may be very many, so an object is small: what is rare is made when it is needed, and no method is private. */
export class Lane {
  readonly #host: LaneHost;
  #current: Entry | undefined = undefined;
  /** Those that wait are linked to each other, so that each can leave without a search. */
  #first: Entry | undefined = undefined;
  #last: Entry | undefined = undefined;
  #kept: Kept | undefined;
  /** Asked for what it holds before somebody else has a turn. */
  holder: LaneHolder | undefined = undefined;

  /** @param kept what is kept, where that is something else than bytes */
  constructor(host: LaneHost, kept?: Kept) {
    this.#host = host;
    this.#kept = kept;
  }

  /** Bytes that wait for the next receive. */
  get salvagedBytes(): number {
    return this.#kept instanceof KeptBytes ? this.#kept.length : 0;
  }

  /** True when an operation can be launched without asking the lane to hold it. */
  get isFree(): boolean {
    return this.#current === undefined && this.#kept?.waiting !== true;
  }

  /** Some operation waits its turn. */
  get isCrowded(): boolean {
    return this.#first !== undefined;
  }

  /** The operation goes next, or waits its turn. It is in state `queued`. */
  enter(entry: Entry): void {
    entry.lane = this;
    if (this.#current === undefined && this.holder !== undefined && this.holder !== entry.subject)
      this.holder.makeWay();
    if (this.isFree && !isNothing(entry, this.#kept)) {
      this.#current = entry;
      this.#host.launchInTurn(entry);
    } else {
      this.wait(entry, this.#last);
      if (this.#current === undefined) this.serve();
      else this.#current.kind?.crowded?.(this.#current);
    }
  }

  /** The operation has ended, whichever way; the next one goes. */
  leave(entry: Entry): void {
    // Cancelled while it waited.
    if (entry.inLine) return this.takeOut(entry);
    if (this.#current !== entry) return;
    this.#current = undefined;
    if (this.#first !== undefined) this.serve();
  }

  /** One that waits does so no longer, because another stands for it. */
  takeOut(entry: Entry): void {
    const { ahead, behind } = entry;
    if (ahead === undefined) this.#first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    entry.ahead = undefined;
    entry.behind = undefined;
    entry.inLine = false;
  }

  /**
   * The operation that stood for others has ended. `current`: the one of them that goes on, if there is one; `back`:
   * those that have not begun. They wait again, before all others.
   */
  takeBack(current: Entry | undefined, back: readonly Entry[]): void {
    this.#current = current;
    let ahead: Entry | undefined;
    for (const entry of back) {
      this.wait(entry, ahead);
      ahead = entry;
    }
    if (current === undefined && this.#first !== undefined) this.serve();
  }

  /** Keeps the first `count` bytes of an operation's buffers for the next one. Copied: the buffers go home. */
  salvage(entry: Entry, count: number): void {
    let left = count;
    for (const part of this.#host.memoryOf(entry)) {
      this.salvageBytes(part.slice(0, left));
      left = Math.max(0, left - part.length);
    }
  }

  /** Keeps bytes for the next operation. */
  salvageBytes(bytes: Uint8Array): void {
    this.#kept ??= new KeptBytes();
    if (this.#kept instanceof KeptBytes) this.#kept.keep(bytes);
  }

  /** It waits behind another, or before all when there is none. */
  private wait(entry: Entry, ahead: Entry | undefined): void {
    const behind = ahead === undefined ? this.#first : ahead.behind;
    entry.held = true;
    entry.inLine = true;
    entry.ahead = ahead;
    entry.behind = behind;
    if (ahead === undefined) this.#first = entry;
    else ahead.behind = entry;
    if (behind === undefined) this.#last = entry;
    else behind.ahead = entry;
  }

  /** Serves those that wait, until one of them is with the driver. */
  private serve(): void {
    while (this.#current === undefined && this.#first !== undefined) {
      const entry = this.#first;
      if (entry.behind !== undefined && this.#kept?.waiting !== true) {
        this.#current = this.#host.join(this, entry);
        if (this.#current !== undefined) return this.#host.launchInTurn(this.#current);
      }
      this.takeOut(entry);
      if (entry.state !== STATE.queued) continue;
      entry.held = false;
      if (isNothing(entry, this.#kept)) {
        // Moving no bytes waits for nothing but its turn: a driver might wait for bytes it may not take.
        this.#host.settleLocally(entry, 0);
      } else if (this.#kept?.waiting === true) {
        this.#kept.serve(entry, this.#host);
      } else {
        this.#current = entry;
        this.#host.launchInTurn(entry);
      }
    }
  }
}

/** It moves nothing: it carries buffers, but not a byte in them. */
function isNothing(entry: Entry, kept: Kept | undefined): boolean {
  return entry.lendStart === entry.lendEnd && carriesMemory(entry) && kept?.ofMessages !== true;
}
