/**
 * Virtual time: a queue of things that will happen, and the pump that makes them happen, one a macrotask, so that
 * all microtasks of the program run in between. When nothing is due, time jumps to the next thing; when nothing is
 * queued, the pump rests and keeps no process alive.
 */
import type { Clock } from "@baton-io/core";
import { EVENT_KIND, type EventHash } from "./event-hash.js";

/** Where virtual time starts. Not 0: core takes 0 for "not started". */
const START_US = 1_000_000;

/** Turns come after everything else that is due at the same time. */
const TURN_ORDER = 0x1_0000_0000;
/** What a turn of the event loop takes: time passes also for who waits from turn to turn. */
const TURN_US = 20;

/** Something that will happen. */
export interface TimelineEvent {
  readonly atUs: number;
  readonly order: number;
  readonly sequence: number;
  /** `undefined` once it has happened or was canceled. */
  run: (() => void) | undefined;
}

/** What a timeline is told at the start. */
export interface TimelineParts {
  readonly hash: EventHash;
  /** Decides between things due at the same time: 0 leaves them in the order in which they were queued. */
  readonly tieOrder: () => number;
  /** Something that happened threw: a bug in core, in the simulation or in a clock's callback. */
  readonly onFault: (error: unknown) => void;
  /** After so many events the pump stops: the program does not come to an end. */
  readonly eventsMax: number;
}

// A program's microtasks all run before the next macrotask; where there is no `setImmediate`, a timer does.
const macrotask: (callback: () => void) => unknown =
  typeof setImmediate === "function" ? setImmediate : (callback) => setTimeout(callback, 0);

export class Timeline {
  /** The clock that the backend under test is created with. */
  readonly clock: Clock;
  /** Resolves when the pump has stopped for good, see `stop`. */
  readonly stopped: Promise<void>;
  readonly #parts: TimelineParts;
  readonly #heap: TimelineEvent[] = [];
  readonly #idleWaiters: (() => void)[] = [];
  #nowUs = START_US;
  #sequence = 0;
  #armed = false;
  #events = 0;
  #isStopped = false;
  #tellStopped: () => void = () => undefined;

  constructor(parts: TimelineParts) {
    this.#parts = parts;
    this.stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
    const after: Clock["after"] = (delayMs, callback) =>
      this.schedule(Math.ceil(delayMs * 1000), () => {
        parts.hash.event(EVENT_KIND.timer, 0, 0, 0, 0, this.#nowUs);
        callback();
      });
    this.clock = {
      nowMs: () => this.#nowUs / 1000,
      microtask: (callback) => queueMicrotask(callback),
      turn: (callback) => {
        this.#push(this.#nowUs + TURN_US, TURN_ORDER, () => {
          parts.hash.event(EVENT_KIND.turn, 0, 0, 0, 0, this.#nowUs);
          callback();
        });
      },
      after,
      retryAfter: after,
      // What `after` gave out is all that a caller can give back.
      clear: (timer) => this.cancel(timer as TimelineEvent | undefined),
    };
  }

  /** Virtual microseconds. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** Things that have happened. */
  get events(): number {
    return this.#events;
  }

  /** Has `run` called `delayUs` from now, in a macrotask of its own. */
  schedule(delayUs: number, run: () => void): TimelineEvent {
    return this.#push(this.#nowUs + delayUs, this.#parts.tieOrder(), run);
  }

  /** Takes back what was scheduled. */
  cancel(event: TimelineEvent | undefined): void {
    if (event !== undefined) event.run = undefined;
  }

  /** Resolves when nothing is queued any more. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#arm();
    });
  }

  /** Nothing happens any more: what goes on has no end. `why` becomes a fault. */
  stop(why: string): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#heap.length = 0;
    this.#parts.onFault(new Error(why));
    this.#tellStopped();
  }

  #push(atUs: number, order: number, run: () => void): TimelineEvent {
    const event: TimelineEvent = { atUs, order, sequence: this.#sequence++, run };
    if (this.#isStopped) return event;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(event, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = event;
    this.#arm();
    return event;
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    macrotask(this.#step);
  }

  readonly #step = (): void => {
    this.#armed = false;
    let event = this.#pop();
    while (event !== undefined && event.run === undefined) event = this.#pop();
    if (event === undefined) {
      for (const resolve of this.#idleWaiters.splice(0)) resolve();
      return;
    }
    const run = event.run!;
    event.run = undefined;
    this.#nowUs = Math.max(this.#nowUs, event.atUs);
    this.#events++;
    try {
      run();
    } catch (error) {
      this.#parts.onFault(error);
    }
    if (this.#events >= this.#parts.eventsMax) this.stop(`${this.#events} events, and no end of it`);
    this.#arm();
  };

  #pop(): TimelineEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: TimelineEvent, other: TimelineEvent): boolean {
  if (one.atUs !== other.atUs) return one.atUs < other.atUs;
  if (one.order !== other.order) return one.order < other.order;
  return one.sequence < other.sequence;
}
