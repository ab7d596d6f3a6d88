/**
 * The end of an operation, whichever way it comes: by its final completion, before the driver had it, by being given up,
 * by the end of the backend. Its buffer comes home, its slot is freed, the next in its lane goes, and whoever waits for it
 * is told.
 */
import type { Counters } from "../base/counters.js";
import { batonError } from "../base/errors.js";
import type { BufferPool } from "../memory/buffer-pool.js";
import type { Admission } from "./admission.js";
import type { Areas } from "./areas.js";
import type { CancelCause, Entry, EntryExtras } from "./entry.js";
import { EVENT, isWithDriver, STATE } from "./lifecycle.js";
import type { OperationTable } from "./operation-table.js";
import { OrphanLedger } from "./orphan.js";
import type { Pace } from "./pace.js";
import { rejectWaiting } from "./rejection.js";
import { earlyCause, type SettleHost, settleCanceledEarly, settleFinal, settleInTurn } from "./settle.js";
import { expectReturnOfAll, giveBackAll } from "./vector.js";

/** What ending an operation needs of a backend. */
export interface EndingHost {
  readonly driverName: string;
  readonly counters: Counters;
  readonly table: OperationTable;
  readonly admission: Admission;
  readonly areas: Areas;
  readonly pace: Pace;
  readonly buffers: BufferPool;
  readonly requests: { readonly closed: boolean };
  readonly canceler: {
    detach(extras: EntryExtras): void;
    /** Hands a cancel to the driver. */
    send(entry: Entry): void;
    /** Some cancels wait for a slot. */
    readonly waiting: boolean;
    /** Sends what waited for one. */
    retry(): void;
  };
}

export class Endings implements SettleHost {
  readonly orphans: OrphanLedger = new OrphanLedger();
  /** Set once the session is closed: the driver has no handle any more. */
  ended = false;
  readonly driverName: string;
  readonly counters: Counters;
  readonly pace: Pace;
  readonly #host: EndingHost;
  readonly #table: OperationTable;
  /** What goes on between operations: a look-up of a name, or a transfer of many steps. */
  #asides = 0;
  #onIdle: (() => void) | undefined = undefined;

  constructor(host: EndingHost) {
    this.#host = host;
    this.driverName = host.driverName;
    this.counters = host.counters;
    this.pace = host.pace;
    this.#table = host.table;
  }

  get closed(): boolean {
    return this.#host.requests.closed;
  }

  get canceler(): EndingHost["canceler"] {
    return this.#host.canceler;
  }

  /** The driver, or whoever stands for it, is done with an operation. */
  end(entry: Entry, result: number, flags: number): void {
    const orphaned = entry.state === STATE.orphaned;
    const lane = entry.lane;
    entry.advance(EVENT.final);
    // Nobody waits for it any more: it goes to the next caller. Before the buffer goes home, while it is ours.
    const early = orphaned ? undefined : earlyCause(this, entry, result);
    const wanted = result >= 0 && !orphaned && early === undefined;
    if (result < 0) entry.kind?.giveUp?.(entry);
    const bytes = entry.progress + Math.max(0, result);
    if (!wanted && (result >= 0 || entry.progress > 0)) this.salvage(entry, bytes, flags);
    if (entry.position !== undefined) entry.position.ended(entry, bytes, wanted);
    giveBackAll(entry);
    if (entry.resource !== undefined) entry.resource.leave(entry);
    if (orphaned) this.orphans.ended(entry);
    else if (entry.reject !== undefined) settleFinal(this, entry, result, flags, early);
    this.#free(entry);
    if (lane !== undefined) lane.leave(entry);
  }

  /** Ends an operation that the driver does not have with a result made here. */
  settleLocally(entry: Entry, result: number): void {
    settleInTurn(this, entry);
    this.end(entry, result, 0);
  }

  /** The same, with these bytes in a new buffer. */
  settleWithBytes(entry: Entry, bytes: Uint8Array): void {
    entry.provided = this.#host.buffers.adopt(bytes.slice());
    this.settleLocally(entry, bytes.length);
  }

  /** Takes care of a result that nobody waits for. */
  salvage(entry: Entry, result: number, flags: number): void {
    this.counters.salvaged++;
    entry.kind?.salvage(entry, result, flags);
  }

  /**
   * Ends an operation that the driver never had: no system call, the buffer is home at once. `given`: what its caller
   * is told instead of the usual.
   */
  endQueued(entry: Entry, cause: CancelCause, given?: Error): void {
    const lane = entry.lane;
    entry.advance(EVENT.cancel);
    if (entry.inLine) lane?.takeOut(entry);
    // It may have moved bytes before it was queued again.
    if (entry.progress > 0) this.salvage(entry, entry.progress, 0);
    if (entry.position !== undefined) entry.position.ended(entry, entry.progress, false);
    giveBackAll(entry);
    entry.kind?.giveUp?.(entry);
    if (entry.resource !== undefined) entry.resource.leave(entry);
    settleInTurn(this, entry);
    settleCanceledEarly(this, entry, cause, given);
    this.#free(entry);
    if (lane !== undefined) lane.leave(entry);
  }

  /** Gives an operation up: its promise rejects now, the rest happens when the driver is done. */
  abandon(entry: Entry, error: Error, cause: CancelCause): void {
    if (entry.state === STATE.orphaned) return;
    if (entry.state === STATE.queued) {
      expectReturnOfAll(entry);
      this.endQueued(entry, cause, error);
      return;
    }
    const wasCanceling = entry.state === STATE.canceling;
    // First, because the cancel may end it here and now.
    this.giveUp(entry, error, cause);
    if (!wasCanceling) this.canceler.send(entry);
  }

  /** Nobody waits for it any more; what the driver has of it stays lent until its final completion. */
  giveUp(entry: Entry, error: Error, cause: CancelCause): void {
    expectReturnOfAll(entry);
    entry.advance(EVENT.abandon);
    this.counters.abandoned++;
    this.orphans.adopt(entry);
    this.#tellEarly(entry, error, cause);
  }

  /** An error was thrown while the completion of an operation was handled. */
  faulted(entry: Entry | undefined, generation: number, error: unknown): void {
    if (entry === undefined || entry.generation !== generation || entry.state === STATE.free) {
      this.counters.faults++;
      return;
    }
    const fault = this.fault(entry, error);
    const { reject, lane } = entry;
    // What has not ended may still be the driver's.
    if (entry.state !== STATE.completed) return;
    reject?.(fault);
    this.#free(entry);
    lane?.leave(entry);
  }

  /** Makes the error for whoever waits for the operation out of one that should never have been thrown. */
  fault({ kind }: Entry, cause: unknown): Error {
    this.counters.faults++;
    return batonError(
      "ERR_DRIVER_FAULT",
      `${kind?.syscall}: an unexpected error was thrown while the operation was under way.`,
      {
        driver: this.driverName,
        cause,
      },
    );
  }

  /** Tells everybody who waits for an operation that it has ended for them, though the driver may still have it. */
  #tellEarly(entry: Entry, error: Error, cause: CancelCause): void {
    const { promise, resolve, reject, extras } = entry;
    entry.promise = undefined;
    entry.resolve = undefined;
    entry.reject = undefined;
    entry.extras = undefined;
    if (extras !== undefined) {
      this.canceler.detach(extras);
      extras.onSettled?.("canceled");
      for (const waiter of extras.cancelWaiters ?? []) waiter("canceled");
    }
    rejectWaiting({ promise, resolve, reject, extras }, error, cause);
  }

  /** Frees the slot of an operation: cancels that waited for one go, and so does whoever waits for the last. */
  #free(entry: Entry): void {
    this.counters.completed++;
    this.#host.areas.release(entry);
    if (entry.admitted) this.#host.admission.leave(entry);
    this.#table.release(entry);
    if (this.canceler.waiting) this.canceler.retry();
    if (this.#onIdle !== undefined && !this.inUse) this.#onIdle();
  }

  /**
   * The session is closed: whoever still waits is told. What the driver never took ends as if it had been canceled;
   * buffers of what it has not confirmed do not come home.
   */
  endAll(): void {
    this.ended = true;
    for (const entry of this.#table.entries) {
      if (entry.state === STATE.queued) {
        this.endQueued(entry, "close");
      } else if (isWithDriver(entry.state) && entry.reject !== undefined) {
        const message = `${entry.kind?.syscall}: the backend was closed meanwhile.`;
        this.#tellEarly(entry, batonError("ERR_BACKEND_CLOSED", message, { driver: this.driverName }), "close");
      }
    }
  }

  /**
   * Runs something that consists of several operations, and keeps the backend in use meanwhile: it is not closed
   * between two steps, when nothing is in flight.
   */
  async aside<T>(run: () => Promise<T>): Promise<T> {
    this.#asides++;
    try {
      return await run();
    } finally {
      this.#asides--;
      if (this.#onIdle !== undefined && !this.inUse) this.#onIdle();
    }
  }

  /** Something is in flight, orphans and cancels included, or goes on between operations. */
  get inUse(): boolean {
    return this.#table.inUse > 0 || this.#asides > 0;
  }

  /** Resolves when nothing is in use. */
  idle(): Promise<void> {
    if (!this.inUse) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = () => {
        this.#onIdle = undefined;
        resolve();
      };
    });
  }
}
