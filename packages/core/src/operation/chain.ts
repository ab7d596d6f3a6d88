/**
 * A chain: operations of which each starts only when the one before it has ended well. Where the driver has links it
 * gets them all at once, and the kernel goes from one to the next by itself; otherwise, and where one of them has to
 * wait for its turn anyway, core starts them one after the other. What a caller sees is the same.
 */

import { SUBMIT_FLAG } from "../spi/record.js";
import type { CancelCause, Entry, OperationChain } from "./entry.js";
import { EVENT, STATE } from "./lifecycle.js";

/** Most operations of one chain. */
export const CHAIN_LENGTH_MAX = 64;

/** What a chain needs of the dispatcher. */
export interface ChainHost {
  readonly records: Int32Array;
  /** Sends an operation on its way, by its lane or through the arena where it has such. */
  sendOff(entry: Entry): void;
  /** Hands operations that are linked to each other to the driver together. */
  launchChain(entries: readonly Entry[]): void;
  readonly endings: {
    /** Ends an operation that the driver does not have. */
    endQueued(entry: Entry, cause: CancelCause): void;
  };
}

type MemberState = "waiting" | "started" | "ended";

export class Chain implements OperationChain {
  readonly #host: ChainHost;
  readonly #entries: readonly Entry[];
  readonly #states: MemberState[];
  /** Members that must go to the driver together, the first of them at the front; 0 when each goes for itself. */
  #togetherCount = 0;
  /** The first member that has not ended well, of those that have ended. */
  #broken: { readonly error: unknown; readonly index: number } | undefined = undefined;

  /** The operations are begun and have their promises; none has been sent off. */
  constructor(host: ChainHost, entries: readonly Entry[]) {
    this.#host = host;
    this.#entries = entries;
    this.#states = entries.map(() => "waiting");
    for (const entry of entries) {
      entry.chain = this;
      entry.held = true;
    }
  }

  /** All to the driver at once. Only for operations that wait for nothing but each other. */
  startLinked(): void {
    const { records } = this.#host;
    this.#togetherCount = this.#entries.length;
    for (const [index, entry] of this.#entries.entries()) {
      this.#states[index] = "started";
      entry.held = false;
      if (index < this.#entries.length - 1) records[entry.base]! |= SUBMIT_FLAG.link;
    }
    this.#host.launchChain(this.#entries);
  }

  /** So many must go to the driver together, of which this is the first; 0 for all others. */
  togetherCountFrom(entry: Entry): number {
    return entry === this.#entries[0] ? this.#togetherCount : 0;
  }

  /** The first one; the others follow. */
  startFirst(): void {
    this.#start(0);
  }

  #start(index: number): void {
    const entry = this.#entries[index]!;
    this.#states[index] = "started";
    entry.held = false;
    this.#host.sendOff(entry);
  }

  /**
   * The driver has canceled a member that nobody asked it to cancel. True when the chain takes care of it: it waits
   * for its predecessor, which goes again, and is started after that.
   */
  waitsAgain(entry: Entry): boolean {
    const index = this.#entries.indexOf(entry);
    if (index <= 0 || this.isBrokenBefore(entry)) return false;
    entry.advance(EVENT.repeat);
    this.unlink(entry);
    if (this.#states[index - 1] === "ended") {
      // By core's reckoning it did end well.
      this.#start(index);
    } else {
      entry.held = true;
      this.#states[index] = "waiting";
    }
    return true;
  }

  /** Why the rest will not be done, once that is so. */
  get brokenBy(): unknown {
    return this.#broken?.error;
  }

  /** It will not be done: one before it has not ended well. One behind it changes nothing for it. */
  isBrokenBefore(entry: Entry): boolean {
    return this.#broken !== undefined && this.#broken.index < this.#entries.indexOf(entry);
  }

  /** A member goes to the driver again by itself: what is linked behind it there comes back canceled. */
  unlink(entry: Entry): void {
    if (entry === this.#entries[0]) this.#togetherCount = 0;
    this.#host.records[entry.base]! &= ~SUBMIT_FLAG.link;
  }

  /** A member has ended and the next one may go. */
  endedWell(entry: Entry): void {
    const index = this.#entries.indexOf(entry);
    this.#states[index] = "ended";
    // One that was ended meanwhile is no longer waiting.
    if (this.#states[index + 1] === "waiting") this.#start(index + 1);
  }

  /** A member has ended in another way: what comes behind it will not be done. */
  endedBadly(entry: Entry, error: unknown): void {
    const index = this.#entries.indexOf(entry);
    this.#states[index] = "ended";
    if (this.isBrokenBefore(entry)) return;
    this.#broken = { error, index };
    // What the driver has not seen yet is not linked to what will never come.
    const previous = this.#entries[index - 1];
    if (previous?.chain === this && previous.state === STATE.queued) this.unlink(previous);
    for (let behind = index + 1; behind < this.#entries.length; behind++) {
      const member = this.#entries[behind]!;
      // The slot of one that has ended may be somebody else's by now.
      if (this.#states[behind] !== "ended" && member.state === STATE.queued)
        this.#host.endings.endQueued(member, "chain");
    }
  }
}
