/** Timers that are operations: they are counted, canceled and inspected like any other. */

import { batonError } from "../base/errors.js";
import { checkDurationMs, checkOptions } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { WORD } from "../spi/record.js";
import { writeWide } from "../spi/wide.js";
import { NO_OPTIONS, operationOptionNames } from "./transfer.js";

const timerKind = defineKind("timer", {});

export interface TimerOptions extends OperationOptions {
  /** Milliseconds, fractions allowed, until it fires. */
  readonly afterMs: number;
}

const timerOptionNames = { afterMs: true, ...operationOptionNames } as const;

/** Begins a timer operation. */
export function prepareTimer(dispatcher: Dispatcher, where: string, options: TimerOptions): Entry {
  checkOptions(where, options, timerOptionNames);
  const afterMs = checkDurationMs(where, "afterMs", options.afterMs);
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(timerKind, undefined);
  // Never early: a fraction of a microsecond is rounded up.
  writeWide(dispatcher.records, entry.base + WORD.positionLow, Math.ceil(afterMs * 1000));
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/**
 * A timer that can be started again and again: a deadline that moves, a heartbeat.
 *
 * @example
 * await using timer = io.timer();
 * for await (const tick of timer.every(1000)) console.log(tick);
 */
export class Timer {
  readonly #dispatcherOf: () => Dispatcher;
  #current: { readonly entry: Entry; readonly generation: number } | undefined = undefined;
  #closed = false;

  /** Core's: use `io.timer`. */
  constructor(dispatcherOf: () => Dispatcher) {
    this.#dispatcherOf = dispatcherOf;
  }

  get #dispatcher(): Dispatcher {
    return this.#dispatcherOf();
  }

  /** True while it runs. */
  get running(): boolean {
    return this.#running() !== undefined;
  }

  /** True once `close()` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Starts it; resolves when it fires. One at a time: starting a running timer cancels the earlier start, which
   * rejects with `ERR_OPERATION_CANCELED`, which nobody has to catch.
   */
  start(afterMs: number, options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => {
      if (this.#closed) throw batonError("ERR_RESOURCE_CLOSED", "timer.start: the timer is closed.");
      const entry = prepareTimer(this.#dispatcher, "timer.start", { ...options, afterMs });
      this.cancel();
      this.#current = { entry, generation: entry.generation };
      return entry;
    });
  }

  /**
   * Fires every `intervalMs`, measured from the start, until the loop is left or the timer closed; yields the number of
   * the tick.
   */
  async *every(intervalMs: number, options: OperationOptions = NO_OPTIONS): AsyncGenerator<number, void, void> {
    checkDurationMs("timer.every", "intervalMs", intervalMs);
    const startMs = this.#dispatcher.clock.nowMs();
    for (let tick = 1; !this.#closed; tick++) {
      const waitMs = startMs + tick * intervalMs - this.#dispatcher.clock.nowMs();
      try {
        await this.start(Math.max(0, waitMs), options);
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      yield tick;
    }
  }

  /** Ends a running timer early; `start`'s promise rejects with `ERR_OPERATION_CANCELED`. */
  cancel(): void {
    const entry = this.#running();
    if (entry !== undefined) this.#dispatcher.canceler.request(entry, "cancel");
  }

  /** Cancels what runs and takes no new start. A second call throws `ERR_RESOURCE_CLOSED_TWICE`. */
  close(): void {
    if (this.#closed) throw batonError("ERR_RESOURCE_CLOSED_TWICE", "timer.close: the timer was closed before.");
    this.#closed = true;
    this.cancel();
  }

  /** Closes; does nothing when it is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.close();
  }

  #running(): Entry | undefined {
    if (this.#current === undefined) return undefined;
    const { entry, generation } = this.#current;
    return entry.isAlive(generation) ? entry : undefined;
  }
}
