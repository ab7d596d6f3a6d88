/**
 * Asking for an early end: by `cancel()`, by a signal, by a deadline, by closing a resource. One contract on every
 * driver: the operation settles once, with what really happened, and that is known only from its own final
 * completion. The completion of the cancel itself is advice: `-ENOENT` has been seen with the target still in
 * flight, 0 with the target completing with data.
 */
import { addAbortListener, reasonOf, removeAbortListener } from "../base/abort-listeners.js";
import type { Clock } from "../base/clock.js";
import type { Counters } from "../base/counters.js";
import { batonError } from "../base/errors.js";
import { checkDurationMs, checkSignal } from "../base/validate.js";
import { type Capabilities, isSupported } from "../spi/capability.js";
import { type OpcodeName, opcodeNames } from "../spi/opcode.js";
import { SUBMIT_FLAG, TIMEOUT_US_WORD, WORD } from "../spi/record.js";
import {
  type CancelCause,
  type CancelOutcome,
  type Entry,
  type EntryExtras,
  extrasOf,
  type OperationKind,
} from "./entry.js";
import { EVENT, STATE } from "./lifecycle.js";
import { defineKind } from "./operation-kind.js";

const cancelKind = defineKind("cancel", {});

/** Operations whose `timeoutMs` the driver can keep: those that wait for somebody else, and one submission each. */
const driverTimed: ReadonlySet<OpcodeName> = new Set(["read", "write", "receive", "send", "poll"]);
/** Shorter ones are not worth a second record to the kernel; longer ones do not fit into 32 bits of microseconds. */
const DRIVER_TIMEOUT_MS_MIN = 1;
const DRIVER_TIMEOUT_MS_MAX = 4_000_000;

/** What every operation can be given beside its own options. */
export interface OperationOptions {
  /** Aborting it cancels the operation, which then rejects with `AbortError` (`ABORT_ERR`). */
  readonly signal?: AbortSignal;
  /** Cancels the operation after so many milliseconds; it then rejects with `ERR_TIMEOUT`, unless it won the race. */
  readonly timeoutMs?: number;
  /**
   * What an abort does. `"cancel"` (default): the promise settles when the kernel has let go of the buffer.
   * `"abandon"`: it rejects at once, and buffer and handle are taken care of in the background.
   */
  readonly onAbort?: "cancel" | "abandon";
}

/** `signal`, `timeoutMs` and `onAbort` of one operation, as they were checked. */
export interface EarlyEnd {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  /** An abort gives the operation up instead of canceling it. */
  readonly abandon: boolean;
}

export interface Target {
  readonly entry: Entry;
  readonly generation: number;
}

/** What cancels need of a backend. */
export interface CancelHost {
  readonly driverName: string;
  readonly capabilities: Capabilities;
  readonly records: Int32Array;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly requests: {
    beginReserved(kind: OperationKind): Entry | undefined;
    /** Undoes the begin of an operation. */
    drop(entry: Entry): void;
  };
  readonly endings: {
    endQueued(entry: Entry, cause: CancelCause): void;
    abandon(entry: Entry, error: Error, cause: CancelCause): void;
  };
  /** Hands a cancel to the driver, before everything else. */
  launchCancel(entry: Entry): void;
}

export class Canceler {
  readonly #host: CancelHost;
  /** Operations whose cancel found no slot; sent as slots become free. */
  #waiting: Target[] = [];

  /** By opcode: 1 where the driver can end an operation when its time is up. */
  readonly #driverTimes: Uint8Array;

  constructor(host: CancelHost) {
    this.#host = host;
    const { linkTimeout, zeroCopySend } = host.capabilities.features;
    const timed = isSupported(linkTimeout);
    // A send without a copy waits for the network to let go of its memory, and a driver counts no time for that.
    const plain = !isSupported(zeroCopySend);
    this.#driverTimes = Uint8Array.from(opcodeNames, (name) =>
      timed && driverTimed.has(name) && (plain || name !== "send") ? 1 : 0,
    );
  }

  get waiting(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Checks `signal`, `timeoutMs` and `onAbort` and throws what is wrong with them, or `ABORT_ERR` when the signal is
   * aborted already. Call before anything is lent; `buffer` is what would have been, or a list of it. Answers what
   * `attach` takes: each property is read once, so that what was checked is what is done.
   */
  check(where: string, options: OperationOptions, buffer?: unknown): EarlyEnd | undefined {
    const { signal, timeoutMs, onAbort } = options;
    if (timeoutMs !== undefined) checkDurationMs(where, "timeoutMs", timeoutMs);
    if (onAbort !== undefined && onAbort !== "cancel" && onAbort !== "abandon") {
      throw batonError("ERR_INVALID_ARG_VALUE", `${where}: onAbort must be "cancel" or "abandon".`);
    }
    if (signal !== undefined) expectNotAborted(where, checkSignal(where, signal), buffer);
    return signal === undefined && timeoutMs === undefined
      ? undefined
      : { signal, timeoutMs, abandon: onAbort === "abandon" };
  }

  /** Ties an operation to a signal and a deadline. When that fails the operation is dropped: nothing stays lent. */
  attach(entry: Entry, early: EarlyEnd | undefined): void {
    if (early === undefined) return;
    const { signal, timeoutMs } = early;
    const extras = extrasOf(entry);
    const target: Target = { entry, generation: entry.generation };
    if (signal !== undefined) {
      extras.signal = signal;
      extras.onAbort = () => this.#aborted(target, early);
      try {
        addAbortListener(signal, extras.onAbort);
      } catch (error) {
        this.#host.requests.drop(entry);
        throw error;
      }
    }
    if (timeoutMs !== undefined) {
      extras.timeoutMs = timeoutMs;
      if (this.#driverCanTime(entry, timeoutMs)) this.#letDriverTime(entry, extras, timeoutMs);
      else this.#startTimer(target, extras, timeoutMs);
    }
  }

  #startTimer(target: Target, extras: EntryExtras, afterMs: number): void {
    extras.timer = this.#host.clock.after(afterMs, () => {
      if (target.entry.isAlive(target.generation)) this.request(target.entry, "timeout");
    });
  }

  /**
   * The driver counts from when it takes the operation. That is now only for what waits for nothing before it: no turn
   * in its lane, and no room in the arena.
   */
  #driverCanTime({ kind, lane, areaBytes }: Entry, timeoutMs: number): boolean {
    return (
      this.#driverTimes[kind!.opcode] === 1 &&
      timeoutMs >= DRIVER_TIMEOUT_MS_MIN &&
      timeoutMs <= DRIVER_TIMEOUT_MS_MAX &&
      (lane === undefined || lane.isFree) &&
      areaBytes === 0
    );
  }

  #letDriverTime(entry: Entry, extras: EntryExtras, timeoutMs: number): void {
    const { records, clock } = this.#host;
    extras.driverDeadlineMs = clock.nowMs() + timeoutMs;
    records[entry.base]! |= SUBMIT_FLAG.timeout;
    records[entry.base + TIMEOUT_US_WORD] = Math.ceil(timeoutMs * 1000) | 0;
  }

  /**
   * Takes the time back from the driver for what is left of it: the operation waits here after all, or goes to the
   * driver a second time.
   */
  keepTime(entry: Entry): void {
    const { extras } = entry;
    if (extras?.driverDeadlineMs === undefined) return;
    const leftMs = Math.max(0, extras.driverDeadlineMs - this.#host.clock.nowMs());
    extras.driverDeadlineMs = undefined;
    this.#host.records[entry.base]! &= ~SUBMIT_FLAG.timeout;
    this.#startTimer({ entry, generation: entry.generation }, extras, leftMs);
  }

  /** Unties it: it has ended. */
  detach(extras: EntryExtras): void {
    if (extras.onAbort !== undefined) {
      removeAbortListener(extras.signal!, extras.onAbort);
      extras.onAbort = undefined;
    }
    if (extras.timer !== undefined) {
      this.#host.clock.clear(extras.timer);
      extras.timer = undefined;
    }
  }

  /** Asks for the early end of an operation, in whatever state it is. */
  request(entry: Entry, cause: CancelCause): void {
    const { state } = entry;
    if (state === STATE.queued) {
      // One that is still being made ends as it starts: see `Dispatcher.sendOff`.
      if (entry.reject === undefined) extrasOf(entry).cause = cause;
      else this.#host.endings.endQueued(entry, cause);
    } else if (state === STATE.submitted || state === STATE.more) {
      extrasOf(entry).cause = cause;
      entry.advance(EVENT.cancel);
      this.send(entry);
    } else if (state === STATE.canceling && cause === "signal") {
      // Whoever aborts has turned away; what arrives now must be kept for the next caller.
      extrasOf(entry).cause = cause;
    }
  }

  /** The three-valued answer, once the operation has ended; see `Operation.cancel`. */
  requestAnswer(entry: Entry): Promise<CancelOutcome> {
    return new Promise((resolve) => {
      const extras = extrasOf(entry);
      extras.cancelWaiters ??= [];
      extras.cancelWaiters.push(resolve);
      this.request(entry, "cancel");
    });
  }

  /** Hands a cancel to the driver, before everything that is queued. */
  send(target: Entry): void {
    // The driver knows it by another name.
    if (target.joined !== undefined) return target.joined.cancel();
    const cancel = this.#host.requests.beginReserved(cancelKind);
    if (cancel === undefined) {
      this.#waiting.push({ entry: target, generation: target.generation });
      return;
    }
    const { records, counters } = this.#host;
    records[cancel.base + WORD.argument0] = target.slot;
    records[cancel.base + WORD.argument1] = target.generation;
    counters.cancelsSent++;
    counters.submitted++;
    this.#host.launchCancel(cancel);
  }

  /** A slot is free: sends what waited for one. */
  retry(): void {
    while (this.#waiting.length > 0) {
      const target = this.#waiting[0]!;
      if (target.entry.isAlive(target.generation)) {
        const before = this.#waiting.length;
        this.send(target.entry);
        // Still none: `send` has put it at the end again.
        if (this.#waiting.length > before) {
          this.#waiting.pop();
          return;
        }
      }
      this.#waiting.shift();
    }
  }

  #aborted(target: Target, { signal, abandon }: EarlyEnd): void {
    const { entry, generation } = target;
    if (!entry.isAlive(generation)) return;
    if (!abandon || entry.reject === undefined) return this.request(entry, "signal");
    const error = batonError("ABORT_ERR", `${entry.kind?.syscall}: aborted and abandoned.`, {
      cause: reasonOf(signal),
      driver: this.#host.driverName,
      syscall: entry.kind?.syscall,
    });
    this.#host.endings.abandon(entry, error, "signal");
  }
}

/** Throws `ABORT_ERR` when the signal is aborted already. */
function expectNotAborted(where: string, signal: AbortSignal | undefined, buffer?: unknown): void {
  if (signal?.aborted !== true) return;
  throw batonError("ABORT_ERR", `${where}: aborted before it began.`, {
    cause: reasonOf(signal),
    ...(buffer !== undefined && (Array.isArray(buffer) ? { buffers: buffer } : { buffer })),
  });
}
