/**
 * When submissions go to the driver. The operations of one tick go together, in a microtask after the code that asked
 * for them, very many in portions; what completes at once is dispatched at once. When the pace says so, the next flush
 * waits for the event loop's turn.
 */
import type { Clock } from "../base/clock.js";
import type { Counters } from "../base/counters.js";
import type { DriverSession } from "../spi/driver.js";
import { CONTROL } from "../spi/record.js";
import type { CompletionSink } from "./completion.js";
import type { Entry } from "./entry.js";
import { EVENT, isWithDriver } from "./lifecycle.js";
import type { OperationTable } from "./operation-table.js";
import type { Pace } from "./pace.js";
import type { SubmissionQueue } from "./submission-queue.js";

/**
 * Operations that one microtask hands over. With more, whoever is served first has left the processor's caches when the
 * last one is (docs/decisions/0013-portions.md).
 */
export const FLUSH_PORTION = 128;

export class Flush {
  readonly #session: DriverSession;
  readonly #queue: SubmissionQueue;
  readonly #table: OperationTable;
  readonly #sink: CompletionSink;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #pace: Pace;
  readonly #refused: (entry: Entry) => void;
  readonly #faulted: (entry: Entry, error: unknown) => void;
  readonly #window: Int32Array;
  readonly #control: Int32Array;
  #scheduled = false;
  #stopped = false;
  /** Operations handed over since the pace was told. */
  #operations = 0;

  constructor(parts: {
    session: DriverSession;
    queue: SubmissionQueue;
    table: OperationTable;
    sink: CompletionSink;
    clock: Clock;
    counters: Counters;
    pace: Pace;
    /** Told of each operation that a full driver did not take. */
    refused: (entry: Entry) => void;
    /** Told of each operation that was handed over in a call that threw. */
    faulted: (entry: Entry, error: unknown) => void;
  }) {
    this.#session = parts.session;
    this.#queue = parts.queue;
    this.#table = parts.table;
    this.#sink = parts.sink;
    this.#clock = parts.clock;
    this.#counters = parts.counters;
    this.#pace = parts.pace;
    this.#refused = parts.refused;
    this.#faulted = parts.faulted;
    this.#window = new Int32Array(parts.session.shared.submissions);
    this.#control = new Int32Array(parts.session.shared.control);
  }

  /** The queue has something new: it will be flushed soon, together with what follows in this tick. */
  schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    if (this.#pace.spent) {
      this.#counters.turnsAwaited++;
      this.#clock.turn(this.#runInTurn);
    } else {
      this.#clock.microtask(this.#run);
    }
  }

  /** Flushes now, for `batch`; with the next turn of the event loop when the pace says so. */
  flushNow(): void {
    if (this.#stopped) return;
    if (this.#pace.spent) return this.schedule();
    this.#flush(this.#queue.length);
    this.#spend();
  }

  /** No flush any more: the session is closed. */
  stop(): void {
    this.#stopped = true;
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    if (this.#stopped) return;
    this.#flush(Math.min(this.#queue.length, FLUSH_PORTION));
    this.#spend();
  };

  readonly #runInTurn = (): void => {
    this.#pace.turned();
    this.#run();
  };

  #spend(): void {
    this.#pace.spend(this.#operations);
    this.#operations = 0;
  }

  /** Hands over so many operations; what their completions put into the queue waits for the next flush. */
  #flush(operations: number): void {
    let left = operations;
    this.#counters.flushes++;
    while (left > 0) {
      const count = this.#queue.fill(this.#window, left);
      if (count === 0) break;
      const accepted = this.#submit(count);
      const ready = this.#takeCompletions(accepted);
      left -= count;
      if (accepted < count) {
        this.#counters.backPressure++;
        // Full. With completions dispatched there may be room again; else the next sink call says so.
        if (ready === 0) return;
      }
    }
    if (this.#queue.length > 0) this.schedule();
  }

  #submit(count: number): number {
    this.#counters.driverCalls++;
    let accepted: number;
    try {
      accepted = this.#session.submit(count);
    } catch (error) {
      return this.#submitThrew(count, error);
    }
    this.#operations += accepted;
    const window = this.#window;
    const entries = this.#table.entries;
    for (let index = 0; index < accepted; index++) entries[window[index]!]!.advance(EVENT.submit);
    if (accepted < count) {
      for (let index = accepted; index < count; index++) this.#refused(entries[window[index]!]!);
      this.#queue.putBack(window, accepted, count);
    }
    return accepted;
  }

  /**
   * Nobody knows which of them the driver has. They count as taken, so that no buffer comes home while the driver may
   * use it.
   */
  #submitThrew(count: number, error: unknown): number {
    for (let index = 0; index < count; index++) {
      const entry = this.#table.entries[this.#window[index]!]!;
      entry.advance(EVENT.submit);
      this.#faulted(entry, error);
    }
    return count;
  }

  /** Dispatches what completed during the submit; returns how many completions there were. */
  #takeCompletions(accepted: number): number {
    const control = this.#control;
    let total = 0;
    for (;;) {
      const ready = control[CONTROL.completionCount]!;
      control[CONTROL.completionCount] = 0;
      if (ready > 0) {
        total += ready;
        this.#counters.completionsInline += ready;
        this.#sink.process(ready);
      }
      if (control[CONTROL.completionsWaiting] === 0) break;
      this.#counters.driverCalls++;
      this.#session.submit(0);
    }
    if (this.#table.inUse > 0) this.#stamp(accepted);
    return total;
  }

  /** Notes since when the driver has what did not complete at once, for the inspector. */
  #stamp(accepted: number): void {
    let nowMs = 0;
    for (let index = 0; index < accepted; index++) {
      const entry = this.#table.entries[this.#window[index]!]!;
      if (entry.startedAtMs !== 0 || !isWithDriver(entry.state)) continue;
      // Whole milliseconds: a fraction would be an object on the heap, for each operation that waits.
      if (nowMs === 0) nowMs = Math.max(1, Math.floor(this.#clock.nowMs()));
      entry.startedAtMs = nowMs;
    }
  }
}
