/**
 * Decodes completion records and finds their operations. A record whose generation does not match belongs to an
 * operation that has ended: it is counted and changes nothing.
 */
import type { Counters } from "../base/counters.js";
import { COMPLETION_FLAG, COMPLETION_SHIFT, COMPLETION_WORD } from "../spi/record.js";
import type { Entry } from "./entry.js";
import { STATE } from "./lifecycle.js";
import type { OperationTable } from "./operation-table.js";

/** Where decoded completions go. */
export interface CompletionTarget {
  /** The final completion of an operation. */
  final(entry: Entry, result: number, flags: number): void;
  /** A completion with more to come. */
  more(entry: Entry, result: number, flags: number): void;
  /** A completion for an operation that has ended, with the buffer it may carry. */
  stale(flags: number): void;
  /** An error was thrown while a completion was handled. */
  faulted(entry: Entry | undefined, generation: number, error: unknown): void;
}

export class CompletionSink {
  readonly #words: Int32Array;
  readonly #table: OperationTable;
  readonly #target: CompletionTarget;
  readonly #counters: Counters;

  constructor(completions: ArrayBuffer, table: OperationTable, target: CompletionTarget, counters: Counters) {
    this.#words = new Int32Array(completions);
    this.#table = table;
    this.#target = target;
    this.#counters = counters;
  }

  /**
   * Handles the first `count` completion records. Runs no program code. An error that is thrown all the same is the
   * operation's own: the records behind it belong to others, who wait.
   */
  process(count: number): void {
    const words = this.#words;
    const entries = this.#table.entries;
    const target = this.#target;
    for (let index = 0; index < count; index++) {
      const base = index << COMPLETION_SHIFT;
      const entry = entries[words[base + COMPLETION_WORD.slot]!];
      const result = words[base + COMPLETION_WORD.result]!;
      const flags = words[base + COMPLETION_WORD.flags]!;
      const generation = words[base + COMPLETION_WORD.generation]!;
      try {
        if (
          entry === undefined ||
          entry.generation !== generation ||
          entry.state < STATE.submitted ||
          entry.state > STATE.orphaned
        ) {
          this.#counters.completionsStale++;
          target.stale(flags);
        } else if ((flags & COMPLETION_FLAG.more) !== 0) {
          target.more(entry, result, flags);
        } else {
          target.final(entry, result, flags);
        }
      } catch (error) {
        target.faulted(entry, generation, error);
      }
    }
  }
}
