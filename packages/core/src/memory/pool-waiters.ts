/**
 * Who waits for a buffer of a pool: first come, first served within a size. A size may go ahead of another that cannot
 * be served yet, but not for ever: once the oldest of all waiters was passed often enough, nobody passes it any more, and
 * what comes home is kept together until it is enough.
 */
import { addAbortListener, reasonOf, removeAbortListener } from "../base/abort-listeners.js";
import type { Clock } from "../base/clock.js";
import { batonError } from "../base/errors.js";
import { checkDurationMs, checkOptions, checkSignal } from "../base/validate.js";
import type { OwnedBuffer } from "./owned-buffer.js";

/** So often may the oldest waiter be passed. */
const PASSED_MAX = 64;

export interface Waiter {
  readonly length: number;
  /** Gives it what it waits for. */
  readonly resolve: (buffer: OwnedBuffer) => void;
  /** Tells it that it waits in vain. It has left already. */
  readonly reject: (error: unknown) => void;
}

/** A waiter, and when it stops waiting. */
export interface WaitRequest extends Waiter {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
}

/** What ends a wait early. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

const waitOptionNames = { signal: true, timeoutMs: true } as const;

interface Queued {
  readonly waiter: Waiter;
  readonly line: Queued[];
  /** In which order they came, over all lines. */
  readonly arrival: number;
}

export class PoolWaiters {
  readonly #take: (length: number) => OwnedBuffer | undefined;
  /** Why waiting is in vain for whoever could not be served just now, `undefined` when it is not. */
  readonly #refusal: (length: number) => unknown;
  readonly #lines: readonly Queued[][];
  #arrivals = 0;
  #count = 0;
  #passed = 0;
  /** Why nobody is served any more. */
  #over: (() => unknown) | undefined = undefined;

  /** @param lineCount how many sizes there are */
  constructor(
    lineCount: number,
    parts: { take: (length: number) => OwnedBuffer | undefined; refusal: (length: number) => unknown },
  ) {
    this.#lines = Array.from({ length: lineCount }, () => []);
    this.#take = parts.take;
    this.#refusal = parts.refusal;
  }

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  /** True when whoever comes now may be served at once, if it is of this size. */
  mayPass(line: number): boolean {
    return this.#count === 0 || (this.#lines[line]!.length === 0 && this.#passed < PASSED_MAX);
  }

  /** Somebody who came later than all of them was served. */
  passed(): void {
    if (this.#count > 0) this.#passed++;
  }

  /** Joins a line; what is returned leaves it again, and tells whether it was still there. */
  join(line: number, waiter: Waiter): () => boolean {
    if (this.#over !== undefined) throw this.#over();
    const queue = this.#lines[line]!;
    const queued: Queued = { waiter, line: queue, arrival: this.#arrivals++ };
    queue.push(queued);
    this.#count++;
    return () => {
      const index = queue.indexOf(queued);
      if (index < 0) return false;
      this.#remove(queued, index);
      // It may have been what the others waited for.
      this.serve();
      return true;
    };
  }

  /** Gives out what there is. */
  serve(): void {
    while (this.#count > 0 && this.#serveOne());
  }

  /** Nobody is served any more. */
  rejectAll(error: () => unknown): void {
    this.#over = error;
    for (const line of this.#lines) {
      for (const queued of line.splice(0)) {
        this.#count--;
        queued.waiter.reject(error());
      }
    }
  }

  #serveOne(): boolean {
    const heads = this.#lines.flatMap((line) => line[0] ?? []).sort((one, other) => one.arrival - other.arrival);
    for (const queued of heads) {
      const isOldest = queued === heads[0];
      if (!isOldest && this.#passed >= PASSED_MAX) return false;
      const buffer = this.#take(queued.waiter.length);
      const refusal = buffer === undefined ? this.#refusal(queued.waiter.length) : undefined;
      if (buffer === undefined && refusal === undefined) continue;
      this.#remove(queued, 0);
      if (!isOldest) this.#passed++;
      if (buffer !== undefined) queued.waiter.resolve(buffer);
      else queued.waiter.reject(refusal);
      return true;
    }
    return false;
  }

  #remove(queued: Queued, index: number): void {
    if (this.#isOldest(queued)) this.#passed = 0;
    queued.line.splice(index, 1);
    this.#count--;
  }

  #isOldest({ arrival }: Queued): boolean {
    return this.#lines.every((line) => line.length === 0 || line[0]!.arrival >= arrival);
  }
}

/** Refuses what is wrong with the options, and a signal that is aborted already. */
export function checkWait(where: string, options: WaitOptions): Pick<WaitRequest, "signal" | "timeoutMs"> {
  checkOptions(where, options, waitOptionNames);
  const { signal, timeoutMs } = options;
  if (timeoutMs !== undefined) checkDurationMs(where, "timeoutMs", timeoutMs);
  if (signal !== undefined && checkSignal(where, signal).aborted) throw waitAborted(signal);
  return { signal, timeoutMs };
}

/** Waits in a line until it is served, aborted or out of time. Throws what its signal throws, and is in no line then. */
export function waitInLine(waiters: PoolWaiters, line: number, clock: Clock, request: WaitRequest): void {
  const { length, resolve, reject, signal, timeoutMs } = request;
  let timer: unknown;
  let done = false;
  const finish = () => {
    done = true;
    if (signal !== undefined) removeAbortListener(signal, onAbort);
    if (timer !== undefined) clock.clear(timer);
  };
  let leave: (() => boolean) | undefined;
  let early: Error | undefined;
  const giveUp = (error: Error) => {
    early ??= error;
    if (leave === undefined) return;
    finish();
    if (leave()) reject(error);
  };
  const onAbort = () => giveUp(waitAborted(signal!));
  // Before there is a place in the line: it is the caller's code, which may throw, call back at once, and close the pool.
  if (signal !== undefined) addAbortListener(signal, onAbort);
  if (early !== undefined) throw early;
  const waiter: Waiter = {
    length,
    resolve: (buffer) => {
      finish();
      resolve(buffer);
    },
    reject: (error) => {
      finish();
      reject(error);
    },
  };
  try {
    leave = waiters.join(line, waiter);
  } catch (closed) {
    finish();
    throw closed;
  }
  // What came home while the signal was listened to.
  if (signal !== undefined) waiters.serve();
  if (timeoutMs !== undefined && !done) {
    // Nothing else may keep the process alive until then: what it waits for is with the program.
    timer = clock.retryAfter(timeoutMs, () =>
      giveUp(batonError("ERR_TIMEOUT", `buffers.takeWhenFree: no buffer came home within ${timeoutMs} ms.`)),
    );
  }
}

/** The error for whoever turned away. */
function waitAborted(signal: AbortSignal): Error {
  return batonError("ABORT_ERR", "buffers.takeWhenFree: aborted.", { cause: reasonOf(signal) });
}
