/**
 * A lane: operations of one direction of one stream, one at a time, in the order they were asked for. Two receives
 * in flight could be answered in either order and two sends could interleave; in a lane neither can, whichever
 * driver runs. A lane also keeps the bytes that won a race against their cancel, for the next receive (P6).
 */
import { ERRNO } from "./errno.js";
import { STATE } from "./lifecycle.js";
import { OPCODE } from "./opcode.js";
import type { Entry } from "./operation-table.js";

/** What a lane needs of the dispatcher. */
export interface LaneHost {
  /** Sends a held operation on its way: its turn has come. */
  launchInTurn(entry: Entry): void;
  /** Ends a held operation with a result made here. */
  settleLocally(entry: Entry, result: number): void;
  /** The memory of an operation's buffers, one after the other, while core may touch it: the driver does not have it. */
  memoryOf(entry: Entry): readonly Uint8Array[];
  /** Ends a held operation that has no buffer yet with these bytes, in a new one. */
  settleWithBytes(entry: Entry, bytes: Uint8Array): void;
}

/** Messages that wait for the next receive: unlike bytes they are neither cut nor joined. */
export interface KeptMessages {
  readonly waiting: boolean;
  /** Gives the first one to an operation; its result. */
  take(entry: Entry): number;
}

interface Waiting {
  readonly entry: Entry;
  readonly generation: number;
}

export class Lane {
  readonly #host: LaneHost;
  #current: Entry | undefined = undefined;
  // Made when first needed: most lanes, of very many, never are.
  #waiting: Waiting[] | undefined = undefined;
  #salvaged: Uint8Array[] | undefined = undefined;
  #salvagedBytes = 0;
  readonly #messages: KeptMessages | undefined;

  /** @param messages what is kept, where operations move messages instead of bytes */
  constructor(host: LaneHost, messages?: KeptMessages) {
    this.#host = host;
    this.#messages = messages;
  }

  /** Bytes that wait for the next receive. */
  get salvagedBytes(): number {
    return this.#salvagedBytes;
  }

  /** True when an operation can be launched without asking the lane to hold it. */
  get isFree(): boolean {
    return this.#current === undefined && this.#salvagedBytes === 0 && this.#messages?.waiting !== true;
  }

  /** The operation goes next, or waits its turn. It is in state `queued`. */
  enter(entry: Entry): void {
    entry.lane = this;
    if (this.isFree && !this.#isNothing(entry)) {
      this.#current = entry;
      this.#host.launchInTurn(entry);
    } else {
      entry.held = true;
      this.#waiting ??= [];
      this.#waiting.push({ entry, generation: entry.generation });
      if (this.#current === undefined) this.#serve();
    }
  }

  /** The operation has ended, whichever way; the next one goes. */
  leave(entry: Entry): void {
    if (this.#current !== entry) return;
    this.#current = undefined;
    if (this.#waiting !== undefined) this.#serve();
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
    if (bytes.length === 0) return;
    this.#salvaged ??= [];
    this.#salvaged.push(bytes);
    this.#salvagedBytes += bytes.length;
  }

  #serve(): void {
    while (this.#current === undefined && this.#waiting !== undefined) {
      const { entry, generation } = this.#waiting.shift()!;
      if (this.#waiting.length === 0) this.#waiting = undefined;
      // Cancelled while it waited: it has ended already.
      if (entry.generation !== generation || entry.state !== STATE.queued || !entry.held) continue;
      entry.held = false;
      if (this.#isNothing(entry)) {
        // Moving no bytes waits for nothing but its turn: a driver might wait for bytes it may not take.
        this.#host.settleLocally(entry, 0);
      } else if (this.#messages?.waiting === true) {
        this.#host.settleLocally(entry, this.#messages.take(entry));
      } else if (this.#salvagedBytes > 0 && entry.kind?.opcode === OPCODE.splice) {
        // They are no longer in the handle that it splices from: whoever asked has to take them.
        this.#host.settleLocally(entry, -ERRNO.EAGAIN);
      } else if (this.#salvagedBytes > 0 && !carriesMemory(entry)) {
        const bytes = this.#salvaged!.shift()!;
        this.#salvagedBytes -= bytes.length;
        this.#host.settleWithBytes(entry, bytes);
      } else if (this.#salvagedBytes > 0) {
        const taken = this.#host.memoryOf(entry).reduce((total, part) => total + this.#takeSalvaged(part), 0);
        this.#host.settleLocally(entry, taken);
      } else {
        this.#current = entry;
        this.#host.launchInTurn(entry);
      }
    }
  }

  /** It moves nothing. A message of no bytes is a message all the same. */
  #isNothing(entry: Entry): boolean {
    return this.#messages === undefined && isEmpty(entry);
  }

  #takeSalvaged(target: Uint8Array): number {
    let filled = 0;
    const salvaged = this.#salvaged ?? [];
    while (filled < target.length && salvaged.length > 0) {
      const chunk = salvaged[0]!;
      const part = chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) salvaged.shift();
      else salvaged[0] = chunk.subarray(part.length);
    }
    this.#salvagedBytes -= filled;
    return filled;
  }
}

function carriesMemory({ buffer, vector }: Entry): boolean {
  return buffer !== undefined || vector !== undefined;
}

/** It carries buffers, but not a byte in them. */
function isEmpty(entry: Entry): boolean {
  return entry.lendStart === entry.lendEnd && carriesMemory(entry);
}
