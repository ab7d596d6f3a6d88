/**
 * Between a listener's callers and its accepts in flight: callers who wait, and connections that nobody waits for,
 * never both. A caller can give up at any time, because a connection belongs to the listener until a caller has it:
 * one that arrives after its caller left goes to the next, however the caller left.
 */

import { ERRNO } from "../base/errno.js";
import { type BatonError, batonError } from "../base/errors.js";
import { type Rejectable, rejectCaller } from "../base/rejection.js";
import type { EarlyEnd, OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import { watchEarlyEnd } from "../operation/early-end-watch.js";
import type { Entry } from "../operation/entry.js";
import { STATE } from "../operation/lifecycle.js";
import { defineKind } from "../operation/operation-kind.js";
import type { ResourceHandle, ResourceState } from "../operation/resource-state.js";
import type { Standing } from "../operation/standing.js";
import { isSupported } from "../spi/capability.js";
import { AUXILIARY_SHIFT, SUBMIT_FLAG, WORD } from "../spi/record.js";
import { AcceptPause, isShortage } from "./accept-pause.js";
import { closeHandle } from "./closing.js";

/** A connection as the driver knows it. */
export interface Connection {
  readonly handleIndex: number;
  readonly handleGeneration: number;
  /** A caller had it before, and dropped it. */
  readonly returned?: boolean;
}

interface Waiter {
  /** The listener: whoever waits uses it. */
  readonly listener: ResourceState;
  /** Ends it with a connection, with an error, or because the program has closed the listener. */
  readonly take: (connection: Connection) => void;
  readonly fail: (error: unknown) => void;
  readonly close: (error: unknown) => void;
}

/** Whose promise it is. */
interface Caller<T> {
  promise: Promise<T> | undefined;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
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

/** It lives as long as one of the connections does, so it does not refer to the listener but while a caller waits. */
export class Acceptor implements Standing {
  /** What the inspector calls the connections; one text for all of them. */
  readonly streamLabel: string;
  readonly #dispatcher: Dispatcher;
  readonly #handle: ResourceHandle;
  readonly #socketOptions: number;
  readonly #multishot: boolean;
  readonly #waiters: Waiter[] = [];
  readonly #ready: Connection[] = [];
  /** Accepts in flight that were not canceled. */
  readonly #accepts = new Set<Entry>();
  readonly #pause: AcceptPause;
  /** Somebody has asked since the last look. */
  #asked = false;

  constructor(dispatcher: Dispatcher, handle: ResourceHandle, socketOptions: number) {
    this.streamLabel = `accepted by ${handle.label}`;
    this.#dispatcher = dispatcher;
    this.#handle = handle;
    this.#socketOptions = socketOptions;
    this.#multishot = isSupported(dispatcher.capabilities.features.multishotAccept);
    this.#pause = new AcceptPause(dispatcher.clock, () => this.#rearm());
  }

  /** Connections that wait for a caller. */
  get ready(): number {
    return this.#ready.length;
  }

  /** What `create` makes of the next connection. Aborting or timing out takes nothing. */
  next<T>(listener: ResourceState, options: OperationOptions, create: (connection: Connection) => T): Promise<T> {
    const where = "listener.accept";
    const early = this.#dispatcher.canceler.check(where, options);
    // Reading the options may have closed the listener, and nobody would tell a waiter who comes after that.
    listener.expectOpen(where);
    this.#asked = true;
    const connection = this.#ready.shift();
    if (connection !== undefined) {
      this.#arm();
      return Promise.resolve(create(connection));
    }
    const caller: Caller<T> = { promise: undefined, resolve: ignore, reject: ignore };
    caller.promise = new Promise<T>((resolve, reject) => {
      caller.resolve = resolve;
      caller.reject = reject;
    });
    const waiter = this.#createWaiter(listener, early, caller, create);
    this.#waiters.push(waiter);
    try {
      // Whoever gave the signal may have closed the listener when it was listened to.
      listener.expectOpen(where);
      this.#arm();
    } catch (refused) {
      // The listener or the backend is closed, or the backend at its limit of operations.
      this.#leave(waiter, refused);
    }
    return caller.promise;
  }

  /** A connection for whoever comes next. */
  offer(connection: Connection): void {
    this.#shortageIsOver();
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.take(connection);
      if (this.#multishot && this.#waiters.length === 0) this.#dispatcher.standing.watch(this);
    } else if (this.#handle.phase === "open") {
      this.#ready.push(connection);
      if (this.#ready.length >= READY_MAX) this.#disarm(0);
    } else {
      closeHandle(this.#dispatcher, connection.handleIndex, connection.handleGeneration);
    }
  }

  look(): boolean {
    if (this.#waiters.length > 0 || this.#accepts.size === 0) return false;
    const asked = this.#asked;
    this.#asked = false;
    if (!asked) this.#disarm(0);
    return asked;
  }

  /** The listener closes: callers are told, connections nobody took are closed. */
  close(): void {
    this.#pause.stop();
    for (const waiter of this.#waiters.splice(0)) {
      waiter.close(batonError("ERR_RESOURCE_CLOSED", "accept: the listener was closed meanwhile."));
    }
    for (const { handleIndex, handleGeneration } of this.#ready.splice(0)) {
      closeHandle(this.#dispatcher, handleIndex, handleGeneration);
    }
  }

  #createWaiter<T>(
    listener: ResourceState,
    early: EarlyEnd | undefined,
    caller: Caller<T>,
    create: (connection: Connection) => T,
  ): Waiter {
    const detach = watchEarlyEnd(this.#dispatcher, "accept", early, (error) => this.#leave(waiter, error));
    const end = (error: unknown, asked: boolean) => {
      detach();
      rejectCaller(caller as Rejectable, error, asked);
    };
    const waiter: Waiter = {
      listener,
      take: (connection) => {
        detach();
        caller.resolve(create(connection));
      },
      fail: (error) => end(error, false),
      close: (error) => end(error, true),
    };
    return waiter;
  }

  /** A caller gives up. */
  #leave(waiter: Waiter, error: unknown): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    this.#dispatcher.pace.tell(() => waiter.fail(error));
    if (this.#waiters.length === 0) this.#pause.stop();
    this.#disarm(this.#wanted);
  }

  /** Makes sure that enough accepts are in flight for those who wait. */
  #arm(): void {
    if (this.#pause.active) return;
    const wanted = this.#wanted;
    while (this.#accepts.size < wanted) {
      const entry = this.#dispatcher.requests.begin(acceptKind, this.#waiters[0]!.listener);
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
    if (this.#handle.phase !== "open") return;
    // A peer that gave up while it queued is not the caller's business: accept(2) says to try again.
    const transient = error.errno === -ERRNO.ECONNABORTED || error.errno === -ERRNO.ENETDOWN;
    if (!expected && isShortage(error)) return this.#pauseFor(error);
    if (!expected && !transient) {
      this.#waiters.shift()?.fail(error);
    }
    this.#rearm();
  }

  /** The callers go on waiting; the program is told once. */
  #pauseFor(error: BatonError): void {
    const { clock, counters, onAcceptPaused } = this.#dispatcher;
    this.#handle.ending!.pausedBy = error.code;
    if (!this.#pause.begin()) return;
    counters.acceptPauses++;
    const { label } = this.#handle;
    // Not from here: what the program throws is its own.
    if (onAcceptPaused !== undefined)
      clock.microtask(() => onAcceptPaused({ listener: label, code: error.code, error }));
  }

  #shortageIsOver(): void {
    this.#pause.end();
    this.#handle.ending!.pausedBy = undefined;
  }

  #rearm(): void {
    try {
      this.#arm();
    } catch (error) {
      for (const waiter of this.#waiters.splice(0)) waiter.fail(error);
    }
  }
}

function ignore(): void {
  // Stands for the functions of a promise until there is one.
}
