/**
 * A lane: operations of one direction of one stream, one at a time, in the order they were asked for. Two receives
 * in flight could be answered in either order and two sends could interleave; in a lane neither can, whichever
 * driver runs. A lane also keeps what won a race against its cancel, for the next receive.
 */
import type { Entry, OperationLane } from "./entry.js";
import { carriesMemory, KeptBytes } from "./kept-bytes.js";
import type { Kept, LaneHost } from "./lane-host.js";
import { STATE } from "./lifecycle.js";

/** Holds bytes that it has taken out of a lane and that no caller has been given yet. */
export interface LaneHolder {
  /** Gives them back to the lane, because it is another's turn. */
  makeWay(): void;
}

/** There may be very many, so an object is small: what is rare is made when it is needed, and no method is private. */
export class Lane implements OperationLane {
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
    // Canceled while it waited.
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
        // A transfer of no bytes waits only for its turn: a driver might wait for bytes that it may not take.
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
