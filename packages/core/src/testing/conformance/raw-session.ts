/**
 * The driver without core: a host that writes submission records by hand and reads the completion records, for what
 * only the SPI can show.
 */

import type { Driver } from "@baton-io/core";
import {
  AUXILIARY_SHIFT,
  COMPLETION_FLAG,
  COMPLETION_SHIFT,
  COMPLETION_WORD,
  CONTROL,
  type DriverLimits,
  type DriverSession,
  ERRNO,
  opcodeTable,
  SUBMISSION_SHIFT,
  SUBMISSION_WORDS,
  WORD,
  writeWide,
} from "@baton-io/core/driver";
import type { CaseContext } from "./context.js";
import { fail } from "./expect.js";

/** A handle as records name it. */
export interface RawHandle {
  readonly index: number;
  readonly generation: number;
}

/** What a record is to hold; the rest is as core writes it when it has nothing to say. */
export interface RawSubmission {
  readonly opcode: number;
  /** `SUBMIT_FLAG` bits. */
  readonly flags?: number;
  readonly slot?: number;
  readonly generation?: number;
  readonly handle?: RawHandle;
  /** Where a splice puts its bytes. */
  readonly second?: RawHandle;
  readonly buffer?: number;
  readonly bufferOffset?: number;
  readonly length?: number;
  /** File position, length or microseconds; default −1. */
  readonly position?: number;
  readonly argument0?: number;
  readonly argument1?: number;
  /** Written into the slot's part of the arena, with a NUL, and its length into the record. */
  readonly path?: string;
  /** The operation has the slot's part of the arena, with this content. */
  readonly arena?: Uint8Array;
}

export interface RawCompletion {
  readonly slot: number;
  readonly generation: number;
  readonly result: number;
  readonly more: boolean;
  readonly providedBuffer: boolean;
  /** Generation of the handle, or number of the buffer. */
  readonly auxiliary: number;
  /** It was in the buffer when `submit` returned. */
  readonly inline: boolean;
}

/** Bytes of the arena that belong to each slot here. */
export const ARENA_BYTES_PER_SLOT = 4352;

const limits: DriverLimits = {
  slots: 256,
  submissionBatchMax: 64,
  completionBatchMax: 16,
  arenaBytes: 256 * ARENA_BYTES_PER_SLOT,
};

export class RawSession {
  readonly session: DriverSession;
  readonly limits: DriverLimits = limits;
  readonly records: Int32Array;
  readonly control: Int32Array;
  readonly arena: Uint8Array;
  /** Everything that came, in order. */
  readonly completions: RawCompletion[] = [];
  /** Submissions that the driver has taken. */
  accepted = 0;
  /** What the driver did wrong while it was watched; a case expects none. */
  readonly faults: string[] = [];
  readonly #context: CaseContext;
  readonly #submissions: Int32Array;
  readonly #completionWords: Int32Array;
  #submitting = false;
  /** Some batch was not taken as a whole. */
  #refused = false;
  #closed = false;
  #nextSlot = 0;
  /** What has been taken and has not ended, as `slot.generation`. */
  readonly #inFlight = new Set<string>();

  constructor(context: CaseContext, driver: Driver) {
    this.#context = context;
    this.session = driver.open({ sink: (count) => this.#sink(count) }, limits);
    const { shared } = this.session;
    this.records = new Int32Array(shared.records);
    this.control = new Int32Array(shared.control);
    this.arena = new Uint8Array(shared.arena);
    this.#submissions = new Int32Array(shared.submissions);
    this.#completionWords = new Int32Array(shared.completions);
  }

  /** Writes a record; returns its slot. */
  write(submission: RawSubmission): number {
    const slot = submission.slot ?? this.#nextSlot++ % this.limits.slots;
    const base = slot << SUBMISSION_SHIFT;
    const records = this.records.fill(0, base, base + SUBMISSION_WORDS);
    const position = submission.position ?? -1;
    records[base + WORD.operation] = submission.opcode | (submission.flags ?? 0);
    records[base + WORD.generation] = submission.generation ?? 1;
    records[base + WORD.handleIndex] = submission.handle?.index ?? -1;
    records[base + WORD.handleGeneration] = submission.handle?.generation ?? 0;
    records[base + WORD.secondHandleIndex] = submission.second?.index ?? -1;
    records[base + WORD.secondHandleGeneration] = submission.second?.generation ?? 0;
    records[base + WORD.buffer] = submission.buffer ?? -1;
    records[base + WORD.bufferOffset] = submission.bufferOffset ?? 0;
    records[base + WORD.length] = submission.length ?? 0;
    writeWide(records, base + WORD.positionLow, position);
    records[base + WORD.argument0] = submission.argument0 ?? 0;
    records[base + WORD.argument1] = submission.argument1 ?? 0;
    this.#writeArena(slot, base, submission);
    return slot;
  }

  /** Where a slot's part of the arena starts. */
  arenaOffset(slot: number): number {
    return slot * ARENA_BYTES_PER_SLOT;
  }

  #writeArena(slot: number, base: number, { path, arena }: RawSubmission): void {
    const bytes = path === undefined ? arena : new TextEncoder().encode(path);
    this.records[base + WORD.arenaOffset] = bytes === undefined ? -1 : this.arenaOffset(slot);
    if (bytes === undefined) return;
    this.arena.set(bytes, this.arenaOffset(slot));
    this.arena[this.arenaOffset(slot) + bytes.length] = 0;
    this.records[base + WORD.arenaLength] = ARENA_BYTES_PER_SLOT;
    if (path !== undefined) this.records[base + WORD.length] = bytes.length;
  }

  /** Hands slots over in one call; returns how many the driver took. Completions that are ready are taken in. */
  submit(...slots: number[]): number {
    this.#submissions.set(slots);
    return this.#call(slots.length);
  }

  #call(count: number): number {
    if (this.#submitting) fail("submit is never called from inside itself");
    this.#submitting = true;
    const accepted = this.session.submit(count);
    this.#submitting = false;
    if (accepted < count) this.#refused = true;
    this.accepted += accepted;
    for (const slot of this.#submissions.subarray(0, accepted)) {
      this.#inFlight.add(`${slot}.${this.records[(slot << SUBMISSION_SHIFT) + WORD.generation]}`);
    }
    this.#takeIn(this.control[CONTROL.completionCount]!, true);
    this.control[CONTROL.completionCount] = 0;
    return accepted;
  }

  /** Hands everything over, as often as it takes while the driver is full. */
  async submitAll(slots: readonly number[]): Promise<void> {
    let rest = [...slots];
    while (rest.length > 0) {
      const batch = rest.slice(0, this.limits.submissionBatchMax);
      const accepted = this.submit(...batch);
      this.drain();
      rest = rest.slice(accepted);
      if (accepted === 0) await this.#context.turn();
    }
  }

  /** Fetches what did not fit into the completion buffer. */
  drain(): void {
    while (this.control[CONTROL.completionsWaiting] !== 0) this.#call(0);
  }

  /**
   * Writes a record, submits it and waits for its next completion. What may be submitted again after a transient
   * errno is, as core would.
   */
  async run(submission: RawSubmission): Promise<RawCompletion> {
    const before = this.completions.length;
    const slot = this.write(submission);
    await this.submitAll([slot]);
    const completion = await this.next(slot, before);
    const repeatable = opcodeTable.find(({ number }) => number === submission.opcode)?.repeatable === true;
    const transient = completion.result === -ERRNO.EINTR || completion.result === -ERRNO.EAGAIN;
    return repeatable && transient ? this.run(submission) : completion;
  }

  /** The next completion of a slot, counted from `after` completions on. */
  async next(slot: number, after = 0): Promise<RawCompletion> {
    const find = () => this.completions.slice(after).find((one) => one.slot === slot);
    await this.#context.until(() => find() !== undefined, `a completion for slot ${slot}`);
    return find()!;
  }

  /** All completions of a slot so far. */
  of(slot: number): readonly RawCompletion[] {
    return this.completions.filter((one) => one.slot === slot);
  }

  /** Closes it unless that was done. */
  async end(): Promise<void> {
    if (!this.#closed) await this.close();
  }

  /** Ends the session, and fails for whatever the driver did wrong meanwhile. */
  async close(deadlineMs = 1000): Promise<ReturnType<DriverSession["close"]>> {
    const report = await this.session.close(deadlineMs);
    this.#closed = true;
    await this.#context.turn(2);
    if (this.faults.length > 0) fail(`expected the driver to keep to the SPI, and ${this.faults.join("; ")}`);
    return report;
  }

  #sink(count: number): void {
    if (this.#submitting) this.faults.push("it called the sink from inside submit");
    if (this.#closed) this.faults.push("it called the sink after the session was closed");
    // Without completions it only tells of room for what it has refused.
    if (count < 0 || (count === 0 && !this.#refused)) this.faults.push(`it called the sink with ${count} completions`);
    this.#takeIn(count, false);
  }

  #takeIn(count: number, inline: boolean): void {
    if (count > this.limits.completionBatchMax) this.faults.push(`it delivered ${count} completions at once`);
    for (let index = 0; index < count; index++) {
      const base = index << COMPLETION_SHIFT;
      const words = this.#completionWords;
      const flags = words[base + COMPLETION_WORD.flags]!;
      const completion: RawCompletion = {
        slot: words[base + COMPLETION_WORD.slot]!,
        generation: words[base + COMPLETION_WORD.generation]!,
        result: words[base + COMPLETION_WORD.result]!,
        more: (flags & COMPLETION_FLAG.more) !== 0,
        providedBuffer: (flags & COMPLETION_FLAG.providedBuffer) !== 0,
        auxiliary: flags >>> AUXILIARY_SHIFT,
        inline,
      };
      this.completions.push(completion);
      const id = `${completion.slot}.${completion.generation}`;
      const known = completion.more ? this.#inFlight.has(id) : this.#inFlight.delete(id);
      if (!known) this.faults.push(`it completed ${id}, which was not in flight`);
    }
  }
}

/** Opens the driver under test without core; the case's end closes it, if the case has not. */
export function openRaw(context: CaseContext, driver: Driver = context.subject.createDriver()): RawSession {
  const raw = new RawSession(context, driver);
  context.atEnd(() => raw.end());
  return raw;
}
