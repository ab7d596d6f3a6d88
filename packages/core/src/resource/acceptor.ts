/**
 * Between a listener's callers and its accepts in flight: callers who wait, and connections that nobody waits for,
 * never both. A caller can give up at any time, because a connection belongs to the listener until a caller has it:
 * one that arrives after its caller left goes to the next (P6), however the caller left.
 */
import type { EarlyEnd } from "../cancel.js";
import { isSupported } from "../capability.js";
import type { Dispatcher, OperationOptions } from "../dispatcher.js";
import { watchEarlyEnd } from "../early-end-watch.js";
import { ERRNO } from "../errno.js";
import { type BatonError, batonError } from "../errors.js";
import { STATE } from "../lifecycle.js";
import { defineKind } from "../operation-kind.js";
import type { Entry } from "../operation-table.js";
import { AUXILIARY_SHIFT, SUBMIT_FLAG, WORD } from "../record.js";
import type { ResourceState } from "../resource-state.js";
import { AcceptPause, isShortage } from "./accept-pause.js";
import { closeHandle } from "./closing.js";

/** A connection as the driver knows it. */
export interface Connection {
  readonly handleIndex: number;
  readonly handleGeneration: number;
}

interface Waiter {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: unknown) => void;
  readonly detach: () => void;
}

/** Connections that may wait for a caller before a multishot accept is paused. */
const READY_MAX = 128;

const acceptKind = defineKind("accept", {
  finish: (_entry, result, flags): Connection => ({ handleIndex: result, handleGeneration: flags >>> AUXILIARY_SHIFT }),
  more: (entry, result, flags) => {
    const acceptor = entry.subject as Acceptor;
    acceptor.offer({ handleIndex: result, handleGeneration: flags >>> AUXILIARY_SHIFT });
  },
  salvage: (entry, result, flags) => {
    const acceptor = entry.subject as Acceptor;
    acceptor.offer({ handleIndex: result, handleGeneration: flags >>> AUXILIARY_SHIFT });
  },
});

export class Acceptor {
  /** What the inspector calls the connections; one text for all of them. */
  readonly streamLabel: string;
  readonly #dispatcher: Dispatcher;
  readonly #state: ResourceState;
  readonly #socketOptions: number;
  readonly #multishot: boolean;
  readonly #waiters: Waiter[] = [];
  readonly #ready: Connection[] = [];
  /** Accepts in flight that were not cancelled. */
  readonly #accepts = new Set<Entry>();
  readonly #pause: AcceptPause;

  constructor(dispatcher: Dispatcher, state: ResourceState, socketOptions: number) {
    this.streamLabel = `accepted by ${state.label}`;
    this.#dispatcher = dispatcher;
    this.#state = state;
    this.#socketOptions = socketOptions;
    this.#multishot = isSupported(dispatcher.capabilities.features.multishotAccept);
    this.#pause = new AcceptPause(dispatcher.clock, () => this.#rearm());
  }

  /** Connections that wait for a caller. */
  get ready(): number {
    return this.#ready.length;
  }

  /** The next connection. Aborting or timing out takes nothing. */
  next(options: OperationOptions): Promise<Connection> {
    const where = "listener.accept";
    const early = this.#dispatcher.canceler.check(where, options);
    // Reading the options may have closed the listener, and nobody would tell a waiter who comes after that.
    this.#state.expectOpen(where);
    const connection = this.#ready.shift();
    if (connection !== undefined) {
      this.#arm();
      return Promise.resolve(connection);
    }
    return new Promise((resolve, reject) => {
      const waiter = this.#createWaiter(early, resolve, reject);
      this.#waiters.push(waiter);
      try {
        this.#arm();
      } catch (refused) {
        // The backend is closed, or at its limit of operations.
        this.#leave(waiter, refused);
      }
    });
  }

  /** A connection for whoever comes next. */
  offer(connection: Connection): void {
    this.#shortageIsOver();
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.detach();
      waiter.resolve(connection);
    } else if (this.#state.phase === "open") {
      this.#ready.push(connection);
      if (this.#ready.length >= READY_MAX) this.#disarm(0);
    } else {
      closeHandle(this.#dispatcher, connection.handleIndex, connection.handleGeneration);
    }
  }

  /** The listener closes: callers are told, connections nobody took are closed. */
  close(): void {
    this.#pause.stop();
    for (const waiter of this.#waiters.splice(0)) {
      waiter.detach();
      waiter.reject(batonError("ERR_RESOURCE_CLOSED", "accept: the listener was closed meanwhile."));
    }
    for (const { handleIndex, handleGeneration } of this.#ready.splice(0)) {
      closeHandle(this.#dispatcher, handleIndex, handleGeneration);
    }
  }

  #createWaiter(
    early: EarlyEnd | undefined,
    resolve: (connection: Connection) => void,
    reject: (error: unknown) => void,
  ): Waiter {
    const detach = watchEarlyEnd(this.#dispatcher, "accept", early, (error) => this.#leave(waiter, error));
    const waiter: Waiter = { resolve, reject, detach };
    return waiter;
  }

  /** A caller gives up. */
  #leave(waiter: Waiter, error: unknown): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    waiter.detach();
    this.#dispatcher.pace.tell(() => waiter.reject(error));
    if (this.#waiters.length === 0) this.#pause.stop();
    this.#disarm(this.#wanted);
  }

  /** Makes sure that enough accepts are in flight for those who wait. */
  #arm(): void {
    if (this.#pause.active) return;
    const wanted = this.#wanted;
    while (this.#accepts.size < wanted) {
      const entry = this.#dispatcher.begin(acceptKind, this.#state);
      entry.subject = this;
      entry.resolve = (connection) => this.#ended(entry, connection as Connection);
      entry.reject = (error) => this.#failed(entry, error as BatonError);
      const base = entry.base;
      this.#dispatcher.records[base + WORD.argument0] = this.#socketOptions;
      if (this.#multishot) this.#dispatcher.records[base]! |= SUBMIT_FLAG.multishot;
      this.#accepts.add(entry);
      this.#dispatcher.launch(entry);
    }
  }

  /** Accepts that should be in flight. After a shortage one is enough to see whether it is over. */
  get #wanted(): number {
    const most = this.#multishot || this.#pause.doubtful ? 1 : this.#waiters.length;
    return Math.min(most, this.#waiters.length);
  }

  /** Cancels accepts until no more than `wanted` are in flight. What they still bring is kept. */
  #disarm(wanted: number): void {
    for (const entry of this.#accepts) {
      if (this.#accepts.size <= wanted) return;
      this.#accepts.delete(entry);
      if (entry.state === STATE.queued || entry.state === STATE.submitted || entry.state === STATE.more) {
        this.#dispatcher.canceler.request(entry, "cancel");
      }
    }
  }

  #ended(entry: Entry, connection: Connection): void {
    this.#accepts.delete(entry);
    this.offer(connection);
    this.#rearm();
  }

  #failed(entry: Entry, error: BatonError): void {
    const expected = !this.#accepts.delete(entry);
    if (this.#state.phase !== "open") return;
    // A peer that gave up while it queued is not the caller's business: accept(2) says to try again.
    const transient = error.errno === -ERRNO.ECONNABORTED || error.errno === -ERRNO.ENETDOWN;
    if (!expected && isShortage(error)) return this.#pauseFor(error);
    if (!expected && !transient) {
      const waiter = this.#waiters.shift();
      waiter?.detach();
      waiter?.reject(error);
    }
    this.#rearm();
  }

  /** The callers go on waiting; the program is told once. */
  #pauseFor(error: BatonError): void {
    const { clock, counters, onAcceptPaused } = this.#dispatcher;
    this.#state.pausedBy = error.code;
    if (!this.#pause.begin()) return;
    counters.acceptPauses++;
    const { label } = this.#state;
    // Not from here: what the program throws is its own.
    if (onAcceptPaused !== undefined)
      clock.microtask(() => onAcceptPaused({ listener: label, code: error.code, error }));
  }

  #shortageIsOver(): void {
    this.#pause.end();
    this.#state.pausedBy = undefined;
  }

  #rearm(): void {
    try {
      this.#arm();
    } catch (error) {
      for (const waiter of this.#waiters.splice(0)) {
        waiter.detach();
        waiter.reject(error);
      }
    }
  }
}
