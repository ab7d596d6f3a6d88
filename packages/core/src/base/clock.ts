/** Time and turns, injected so that a simulation can replace them. */

/** What core needs of the event loop. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Runs before the event loop goes on. */
  microtask(callback: () => void): void;
  /** Runs after the event loop has served timers and other I/O once. */
  turn(callback: () => void): void;
  /** Runs after `delayMs`, never sooner; returns what `clear` takes. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): unknown;
  /** The same, and keeps the process alive: an operation that the program waits for goes on then. */
  retryAfter(delayMs: number, callback: () => void): unknown;
  clear(timer: unknown): void;
}

const settled = Promise.resolve();

/** The longest delay that `setTimeout` keeps. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * A delay for `setTimeout` that is never over too soon: `setTimeout` cuts fractions off and counts on a clock of whole
 * milliseconds, so it may be early by one.
 */
function wholeMs(delayMs: number): number {
  return Math.min(TIMER_MS_MAX, Math.ceil(delayMs) + 1);
}

/** The real one. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  // Not queueMicrotask: Node makes an asynchronous resource of each of its calls, which costs as much as the flush.
  microtask: (callback) => {
    settled.then(callback);
  },
  turn: (callback) => {
    setImmediate(callback);
  },
  after: (delayMs, callback) => {
    const timer: unknown = setTimeout(callback, wholeMs(delayMs));
    // A deadline alone is no reason to keep a process running; the operation it guards is.
    if (typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function") {
      timer.unref();
    }
    return timer;
  },
  retryAfter: (delayMs, callback) => setTimeout(callback, wholeMs(delayMs)),
  clear: (timer) => {
    clearTimeout(timer as never);
  },
};
