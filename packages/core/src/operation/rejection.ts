/**
 * How callers are told that an operation did not end well. Completions come out of nowhere: an error that is made for
 * one has no frame of the code that waits for it. The frames are asked for when a promise is rejected, so that one
 * that resolves pays nothing.
 */
import { BatonError } from "../base/errors.js";
import type { CancelCause, Entry } from "./entry.js";

const settled = Promise.resolve();
/** Of V8 and of those that are like it. */
const { captureStackTrace } = Error as {
  captureStackTrace?: (target: object, above?: (...of: never) => unknown) => void;
};

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

/** The two functions of a promise, and the promise where it is known. */
export interface Rejectable {
  readonly promise?: Promise<unknown> | undefined;
  readonly resolve: Resolve;
  readonly reject: Reject;
}

/**
 * Rejects a promise, a microtask later, with the frames of those who wait for it in `error.stack`. With `asked` the
 * program itself has asked for the end: then it need not be there to hear of it, and nothing is unhandled.
 */
export function rejectCaller({ promise, resolve, reject }: Rejectable, error: unknown, asked: boolean): void {
  const tell = (): void => {
    if (error instanceof Error) captureStackTrace?.(error, tell);
    reject(error);
    if (asked) promise?.catch(ignore);
  };
  // Never called to any effect: it shows the runtime the way from here to the promise, and so to who waits for it.
  settled.then(tell).then(resolve);
}

/** Who waits for an operation. */
export type Waiting = Pick<Entry, "promise" | "resolve" | "reject" | "extras">;

/**
 * Rejects the promise of an operation; `cause`: why it was asked to end early. Here and there core's own functions stand
 * in place of those of a promise, and they are called at once.
 */
export function rejectWaiting(
  { promise, resolve, reject, extras }: Waiting,
  error: unknown,
  cause: CancelCause | undefined,
): void {
  if (reject === undefined || resolve === undefined) return;
  if (promise === undefined) return reject(error);
  const asked = cause === "cancel" || cause === "close" || extras?.cancelWaiters !== undefined;
  rejectCaller({ promise, resolve, reject }, error, asked);
}

/**
 * The promise of something that is more than one operation. When the program has closed what it works on, nobody has to
 * catch that.
 */
export function promiseOfMany<T>(run: () => Promise<T>): Promise<T> {
  const promise = new Promise<T>((resolve, reject) => {
    run().then(resolve, (error: unknown) => {
      reject(error);
      if (isClosed(error)) promise.catch(ignore);
    });
  });
  return promise;
}

/** The same for each step of a loop. */
export function stepsOfMany<T>(steps: AsyncGenerator<T, void, void>): AsyncGenerator<T, void, void> {
  const next = steps.next.bind(steps);
  steps.next = () => promiseOfMany(next);
  return steps;
}

function isClosed(error: unknown): boolean {
  return error instanceof BatonError && (error.code === "ERR_RESOURCE_CLOSED" || error.code === "ERR_BACKEND_CLOSED");
}

/** The same error, with the frames of those who wait for the asynchronous function that throws it. */
export function withCallers<E>(error: E): E {
  if (error instanceof Error) captureStackTrace?.(error, withCallers);
  return error;
}

function ignore(): void {
  // Whoever asked for the end knows of it.
}
