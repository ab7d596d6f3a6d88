/**
 * How callers are told that an operation did not end well. Completions come out of nowhere: an error that is made for
 * one has no frame of the code that waits for it. The frames are asked for when a promise is rejected, so that one
 * that resolves pays nothing.
 */
import { BatonError } from "./errors.js";

const settled = Promise.resolve();
/** V8 has it, and so do engines that follow V8. */
const { captureStackTrace } = Error as {
  captureStackTrace?: (target: object, above?: (...of: never) => unknown) => void;
};

type Resolve = (value: never) => void;
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
  // Does nothing when called. Through it the runtime finds the way from here to the promise, and so to whoever waits
  // for it.
  settled.then(tell).then(resolve as (value: unknown) => void);
}

/** The same for a promise that is no operation's: when the program has closed what it is about, nobody has to catch that. */
export function rejectWaiter(waiter: Rejectable, error: unknown): void {
  rejectCaller(waiter, error, isClosed(error));
}

/** Tells of an end that needed no driver, so that the event loop gets its turns although many follow each other. */
export interface Teller {
  tell(run: () => void): void;
}

/**
 * The promise of something that is more than one operation. Its error has the frames of those who wait for it: from here
 * to what was thrown there are more of core's than an error keeps. When the program has closed what it works on, nobody
 * has to catch that.
 */
export function promiseOfMany<T>(pace: Teller, run: () => Promise<T>): Promise<T> {
  let promise: Promise<T> | undefined;
  promise = new Promise<T>((resolve, reject) => {
    const failed = (error: unknown) => {
      pace.tell(() => rejectCaller({ promise, resolve, reject }, error, isClosed(error)));
    };
    try {
      run().then((value) => pace.tell(() => resolve(value)), failed);
    } catch (error) {
      failed(error);
    }
  });
  return promise;
}

/** The same for each step of a loop. */
export function stepsOfMany<T>(pace: Teller, steps: AsyncGenerator<T, void, void>): AsyncGenerator<T, void, void> {
  const next = steps.next.bind(steps);
  steps.next = () => promiseOfMany(pace, next);
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
