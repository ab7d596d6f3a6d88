/**
 * The course of an operation that the driver has: each of its completions is the end, or one of several, or the sign
 * that it has to go again, for the rest of its bytes or because its result was transient and concerns nobody.
 */
import type { Clock } from "../base/clock.js";
import type { Counters } from "../base/counters.js";
import { ERRNO } from "../base/errno.js";
import type { Arena } from "../memory/arena.js";
import { OPCODE } from "../spi/opcode.js";
import { BEGUN_WORD, COMPLETION_FLAG, SUBMIT_FLAG, TRANSFER_BYTES_MAX, WORD } from "../spi/record.js";
import { readWide, writeWide } from "../spi/wide.js";
import type { CompletionTarget } from "./completion.js";
import type { Endings } from "./endings.js";
import { type Entry, extrasOf } from "./entry.js";
import { EVENT, STATE } from "./lifecycle.js";
import type { ProvidedBuffers } from "./provided-buffers.js";

/** Delays before an operation that got `-EAGAIN` is tried again, ms: doubled each time, up to the last. */
const AGAIN_DELAY_MS_MAX = 64;

/** What the course of operations needs of a backend. */
export interface CourseHost {
  readonly records: Int32Array;
  readonly arena: Arena;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly provided: ProvidedBuffers;
  readonly endings: Endings;
  readonly requests: { readonly closed: boolean };
  /** The driver does not keep the time of the operation any longer. */
  readonly canceler: { keepTime(entry: Entry): void };
  /** Sends an operation to the driver that was there before. */
  relaunch(entry: Entry): void;
}

export class Course implements CompletionTarget {
  readonly #host: CourseHost;
  readonly #endings: Endings;
  readonly #records: Int32Array;

  constructor(host: CourseHost) {
    this.#host = host;
    this.#endings = host.endings;
    this.#records = host.records;
  }

  final(entry: Entry, ended: number, flags: number): void {
    const result = ended > 0 ? ended : withUntoldReset(entry, ended);
    if (result < 0) {
      if (entry.chain !== undefined && this.#brokeBefore(entry, result)) return;
      if ((flags & COMPLETION_FLAG.timedOut) !== 0) extrasOf(entry).cause ??= "timeout";
      // Some kernels hand out a buffer and then find nothing to put into it.
      if ((flags & COMPLETION_FLAG.providedBuffer) !== 0) this.#host.provided.returnProvided(flags);
      if ((flags & COMPLETION_FLAG.begun) !== 0) this.#noteBegun(entry);
      const misplaced = this.#isMisplaced(entry, result);
      if (misplaced) this.#goWithoutPosition(entry);
      if (misplaced || this.#isTransient(entry, result)) {
        if (entry.state === STATE.submitted || entry.state === STATE.more) return this.#repeat(entry, result);
        // It would go again if nobody had asked for its end.
        return this.#endings.end(entry, -ERRNO.ECANCELED, 0);
      }
    }
    if (entry.whole && result > 0 && entry.state === STATE.submitted && this.#goOn(entry, result)) return;
    if (result > 0) this.#noteReceived(entry, result, flags);
    this.#endings.end(entry, result, flags);
  }

  more(entry: Entry, result: number, flags: number): void {
    entry.advance(EVENT.more);
    if (result > 0) this.#noteReceived(entry, result, flags);
    if (entry.state === STATE.orphaned) {
      if (result >= 0) this.#endings.salvage(entry, result, flags);
    } else {
      entry.kind?.more?.(entry, result, flags);
    }
  }

  stale(flags: number): void {
    this.#host.provided.returnProvided(flags);
  }

  faulted(entry: Entry | undefined, generation: number, error: unknown): void {
    this.#endings.faulted(entry, generation, error);
  }

  /** Notes how much a peer has said: as much as there was room for, or all that it had to say. */
  #noteReceived(entry: Entry, result: number, flags: number): void {
    const { kind, resource } = entry;
    if (kind?.opcode !== OPCODE.receive || resource === undefined) return;
    const { handle } = resource;
    const room = this.#host.provided.lengthOf(flags) ?? entry.lendEnd - entry.lendStart;
    handle.said = handle.said === "nothing" || result < room ? "little" : "much";
  }

  /**
   * The driver ends what is linked behind an operation that did not end well. True when core does it later after all,
   * because that one goes on.
   */
  #brokeBefore(entry: Entry, result: number): boolean {
    if (result !== -ERRNO.ECANCELED || entry.state !== STATE.submitted || this.#host.requests.closed) return false;
    if (entry.extras?.cause !== undefined) return false;
    if (entry.chain!.waitsAgain(entry)) return true;
    if (entry.chain!.isBrokenBefore(entry)) extrasOf(entry).cause = "chain";
    return false;
  }

  /** `-EINTR`, `-EAGAIN` and `-ENOBUFS` are handled here and told to nobody. */
  #isTransient(entry: Entry, result: number): boolean {
    if (result === -ERRNO.ENOBUFS) return (this.#records[entry.base]! & SUBMIT_FLAG.providedBuffer) !== 0;
    return (result === -ERRNO.EINTR || result === -ERRNO.EAGAIN) && entry.kind?.repeatable === true;
  }

  /** It went by the own position of a file that can seek, and the system reads or writes there only where it stands. */
  #isMisplaced(entry: Entry, result: number): boolean {
    return result === -ERRNO.ESPIPE && entry.position !== undefined && entry.movesPosition;
  }

  /** It goes again without a position, and so do all that follow it. */
  #goWithoutPosition(entry: Entry): void {
    entry.position!.refused(entry.lendExclusive);
    entry.movesPosition = false;
    writeWide(this.#records, entry.base + WORD.positionLow, -1);
  }

  /** The repetition goes on with the handle that the driver has answered. */
  #noteBegun(entry: Entry): void {
    const { arena } = this.#host;
    const records = this.#records;
    const word = records[entry.base + WORD.arenaOffset]! >> 2;
    records[entry.base + WORD.handleIndex] = arena.words[word + BEGUN_WORD.index]!;
    records[entry.base + WORD.handleGeneration] = arena.words[word + BEGUN_WORD.generation]!;
  }

  /** After a transient result: the operation goes again, at once or later. */
  #repeat(entry: Entry, result: number): void {
    this.#leaveDriver(entry);
    if (result === -ERRNO.EINTR || result === -ERRNO.ESPIPE) return this.#host.relaunch(entry);
    entry.held = true;
    if (result === -ERRNO.ENOBUFS) return this.#host.provided.whenProvided(entry);
    const generation = entry.generation;
    const again = () => {
      if (!entry.isQueued(generation)) return;
      entry.held = false;
      this.#host.relaunch(entry);
    };
    const extras = extrasOf(entry);
    extras.againDelayMs = Math.min(AGAIN_DELAY_MS_MAX, extras.againDelayMs === 0 ? 1 : extras.againDelayMs * 2);
    this.#host.clock.retryAfter(extras.againDelayMs, again);
  }

  /** After a short result of an operation that shall move all its bytes: submits the rest. */
  #goOn(entry: Entry, result: number): boolean {
    const records = this.#records;
    const base = entry.base;
    const rest = entry.lendEnd - entry.lendStart - entry.progress - result;
    if (rest <= 0) return false;
    entry.progress += result;
    records[base + WORD.bufferOffset] = entry.lendStart + entry.progress;
    records[base + WORD.length] = Math.min(rest, TRANSFER_BYTES_MAX);
    if (entry.movesPosition) {
      const word = base + WORD.positionLow;
      writeWide(records, word, readWide(records, word) + result);
    }
    this.#leaveDriver(entry);
    this.#host.relaunch(entry);
    return true;
  }

  /** The driver is done with it, and it is to go there again. */
  #leaveDriver(entry: Entry): void {
    this.#host.counters.repeated++;
    entry.advance(EVENT.repeat);
    entry.chain?.unlink(entry);
    this.#host.canceler.keepTime(entry);
  }
}

/**
 * Keeps a reset that nobody was told of, and tells it to the next receive, which would otherwise see the end of the
 * stream.
 */
function withUntoldReset(entry: Entry, result: number): number {
  const { resource, kind } = entry;
  if (resource === undefined) return result;
  if (entry.state === STATE.orphaned) {
    if (result === -ERRNO.ECONNRESET) resource.untoldReset = result;
    return result;
  }
  const { untoldReset } = resource;
  if (untoldReset === 0 || result !== 0 || kind?.opcode !== OPCODE.receive) return result;
  // A receive of no bytes says nothing of the stream.
  if (entry.buffer !== undefined && entry.lendEnd === entry.lendStart) return result;
  resource.untoldReset = 0;
  return untoldReset;
}
