/**
 * Sends of one connection that wait behind each other go to the driver as one, with a vector: a program that sends many
 * small pieces without waiting for each pays for one call, not for as many as there are pieces. What each of them is
 * told is what it would have been told alone: its own count, its own error, its own end. A joined send that ends early
 * or short gives back those that have not begun, and they wait again, before all others.
 */

import { ERRNO } from "../base/errno.js";
import { ARENA_SMALL_BYTES, type Arena } from "../memory/arena.js";
import { type Capabilities, isSupported } from "../spi/capability.js";
import { OPCODE } from "../spi/opcode.js";
import {
  ADDRESS_FAMILY,
  ADDRESS_WORD,
  MESSAGE_FLAGS_AT,
  MESSAGE_VECTOR_AT,
  VECTOR_ENTRY_BYTES,
  VECTOR_MAX,
  VECTOR_WORD,
  WORD,
} from "../spi/record.js";
import type { CancelCause, Entry, OperationKind, OperationLane } from "./entry.js";
import { EVENT, isWithDriver, STATE } from "./lifecycle.js";
import { defineKind } from "./operation-kind.js";

/** Longer sends go alone: one call more is nothing to them, and each can then be ended by itself. */
export const JOINED_EACH_BYTES_MAX = 16_384;
/** Bytes of one joined send, but for the last of its members. */
export const JOINED_BYTES_MAX = 262_144;

/** Most members of a send whose message fits a small place of the arena. */
const SMALL_MEMBERS_MAX = Math.floor((ARENA_SMALL_BYTES - MESSAGE_VECTOR_AT) / VECTOR_ENTRY_BYTES);

const joinedKind = defineKind("sendMessage", { finish: (_entry, result) => result });

/** What joined sends need of a backend. */
export interface JoinHost {
  readonly capabilities: Capabilities;
  readonly records: Int32Array;
  readonly arena: Arena;
  readonly requests: { beginSpare(kind: OperationKind): Entry | undefined };
  readonly course: { final(entry: Entry, result: number, flags: number): void };
  readonly canceler: { keepTime(entry: Entry): void; request(entry: Entry, cause: CancelCause): void };
}

/** Joins what waits in the lanes of a backend's connections. */
export class SendJoiner {
  readonly #host: JoinHost;
  readonly #supported: boolean;

  constructor(host: JoinHost) {
    this.#host = host;
    this.#supported = isSupported(host.capabilities.features.joinedSends);
  }

  /** See `LaneHost.join`. */
  join(lane: OperationLane, first: Entry): Entry | undefined {
    if (!this.#supported || !this.#canJoin(first) || first.behind === undefined || !this.#canJoin(first.behind)) return;
    const carrier = this.#host.requests.beginSpare(joinedKind);
    if (carrier === undefined) return;
    const members: Entry[] = [];
    // A peer that does not read holds the area for as long: when these become few, only small places are taken.
    const most = this.#host.arena.hasPlenty ? VECTOR_MAX : SMALL_MEMBERS_MAX;
    let bytes = 0;
    for (let next: Entry | undefined = first; next !== undefined && this.#canJoin(next); ) {
      const { behind }: Entry = next;
      bytes += this.#host.records[next.base + WORD.length]!;
      members.push(next);
      lane.takeOut(next);
      if (bytes >= JOINED_BYTES_MAX || members.length === most) break;
      next = behind;
    }
    new JoinedSend(this.#host, lane, carrier, members);
    return carrier;
  }

  #canJoin({ kind, chain, state, base }: Entry): boolean {
    const { records } = this.#host;
    const length = records[base + WORD.length]!;
    return (
      kind?.opcode === OPCODE.send &&
      state === STATE.queued &&
      chain === undefined &&
      length > 0 &&
      length <= JOINED_EACH_BYTES_MAX &&
      records[base + WORD.argument0] === 0
    );
  }
}

/** Sends that are on their way together. To their callers and to the lifecycle the driver has each of them. */
export class JoinedSend {
  readonly #host: JoinHost;
  readonly #lane: OperationLane;
  readonly #carrier: Entry;
  readonly #members: readonly Entry[];

  constructor(host: JoinHost, lane: OperationLane, carrier: Entry, members: readonly Entry[]) {
    this.#host = host;
    this.#lane = lane;
    this.#carrier = carrier;
    this.#members = members;
    const { records } = host;
    const { handleIndex, handleGeneration } = members[0]!.resource!;
    records[carrier.base + WORD.handleIndex] = handleIndex;
    records[carrier.base + WORD.handleGeneration] = handleGeneration;
    records[carrier.base + WORD.vectorCount] = members.length;
    carrier.areaBytes = MESSAGE_VECTOR_AT + members.length * VECTOR_ENTRY_BYTES;
    carrier.writeArea = (offset) => this.#writeMessage(offset);
    carrier.resolve = (result) => this.#ended(result as number);
    carrier.reject = (error) => this.#failed(error);
    for (const member of members) {
      host.canceler.keepTime(member);
      member.held = false;
      member.joined = this;
      member.advance(EVENT.submit);
    }
  }

  /** A member shall end early. That ends the whole, and the others go again. */
  cancel(): void {
    this.#host.canceler.request(this.#carrier, "cancel");
  }

  #writeMessage(offset: number): void {
    const { records, arena } = this.#host;
    arena.words[(offset >> 2) + ADDRESS_WORD.family] = ADDRESS_FAMILY.none;
    arena.words[(offset + MESSAGE_FLAGS_AT) >> 2] = 0;
    let word = (offset + MESSAGE_VECTOR_AT) >> 2;
    for (const { base } of this.#members) {
      arena.words[word + VECTOR_WORD.buffer] = records[base + WORD.buffer]!;
      arena.words[word + VECTOR_WORD.offset] = records[base + WORD.bufferOffset]!;
      arena.words[word + VECTOR_WORD.length] = records[base + WORD.length]!;
      word += VECTOR_ENTRY_BYTES >> 2;
    }
  }

  #failed(error: unknown): void {
    // The backend has closed and the driver has not confirmed it: the buffers stay where they are.
    if (isWithDriver(this.#carrier.state)) return;
    const { errno } = error as { readonly errno?: number };
    this.#ended(errno ?? -ERRNO.ECANCELED);
  }

  /** Tells each member what became of it. `result`: bytes that went out in all, or a negative errno. */
  #ended(result: number): void {
    const { records } = this.#host;
    const back: Entry[] = [];
    let current: Entry | undefined;
    let left = Math.max(0, result);
    let error = result < 0 && result !== -ERRNO.ECANCELED && result !== -ERRNO.EINTR ? result : 0;
    for (const member of this.#members) {
      const { generation } = member;
      member.joined = undefined;
      const count = Math.min(left, records[member.base + WORD.length]!);
      left -= count;
      if (count > 0) {
        this.#host.course.final(member, count, 0);
        // What is left of one that shall send all goes next. The slot of one that has ended may be another's by now.
        if (member.isQueued(generation)) current = member;
      } else if (error !== 0) {
        this.#host.course.final(member, error, 0);
        error = 0;
      } else if (member.state === STATE.submitted) {
        member.advance(EVENT.repeat);
        back.push(member);
      } else {
        this.#host.course.final(member, -ERRNO.ECANCELED, 0);
      }
    }
    this.#lane.takeBack(current, back);
  }
}
