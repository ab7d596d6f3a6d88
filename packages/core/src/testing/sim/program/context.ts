/** What the actors of a random program share: the backend, chance, time, and the list of what went wrong. */
import { type Backend, BatonError, type Operation, type OperationOptions, type OwnedBuffer } from "@baton-io/core";
import type { Random } from "../random.js";
import type { Simulation } from "../simulation.js";

/** How a promise ended. */
export type Ended<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: BatonError };

/** Codes that must never reach a program: core handles what they stand for, or they are bugs. */
const FORBIDDEN_CODES: ReadonlySet<string> = new Set([
  "EINTR",
  "EAGAIN",
  "ENOBUFS",
  "ECANCELED",
  "EBADF",
  "EALREADY",
  "ERR_DRIVER_FAULT",
  "ERR_DETACH_FAILED",
  "ERR_BUFFER_DETACHED",
  "ERR_BUFFER_FOREIGN",
  "ERR_BUFFER_RELEASED",
  "ERR_BUFFER_RELEASED_TWICE",
  "ERR_RESOURCE_CLOSED_TWICE",
  "ERR_REQUEST_SUBMITTED_TWICE",
  "ERR_UNSUPPORTED",
  "ERR_UNKNOWN_OPTION",
  "ERR_INVALID_ARG_TYPE",
  "ERR_INVALID_ARG_VALUE",
]);

/** Codes with which a request may be refused on the spot. */
const REFUSALS: ReadonlySet<string> = new Set(["ERR_OPERATION_LIMIT", "ERR_RESOURCE_CLOSED", "ERR_BACKEND_CLOSED"]);

/** Codes that only an operation can end with that somebody ended early. */
const EARLY_CODES: ReadonlySet<string> = new Set([
  "ABORT_ERR",
  "ERR_TIMEOUT",
  "ERR_OPERATION_CANCELED",
  "ERR_OPERATION_ABANDONED",
]);

/** … by `cancel()` or `abandon()` of an operation that was submitted. */
export const LOW_LEVEL_CODES: readonly string[] = ["ERR_OPERATION_CANCELED", "ERR_OPERATION_ABANDONED"];

/** A way to end an operation early that the operation's own options carry. */
export interface EarlyEnd {
  readonly options: OperationOptions;
  /** What the operation may then end with. */
  readonly codes: readonly string[];
  /** The operation may be given up: then nobody knows what it did. */
  readonly mayAbandon: boolean;
  /** Nothing was chosen. */
  readonly isNone: boolean;
  /** Call when the operation has ended. */
  done(): void;
}

/** After so many failures a run stops noting them. */
const FAILURES_MAX = 20;

export class Context {
  readonly io: Backend;
  readonly simulation: Simulation;
  readonly failures: string[] = [];
  /** How often operations ended with each code; `"ok"` for the good end. */
  readonly outcomes: Record<string, number> = {};
  /** Operations that were started and have settled. */
  started = 0;
  settled = 0;
  /** Names of operations that have not settled, for a failure's text. */
  readonly pending: Set<{ readonly where: string }> = new Set();
  /** The backend is being closed under the actors: they stop where they are. */
  closing = false;

  constructor(io: Backend, simulation: Simulation) {
    this.io = io;
    this.simulation = simulation;
  }

  /** Virtual milliseconds. */
  get nowMs(): number {
    return this.simulation.clock.nowMs();
  }

  fail(text: string): void {
    if (this.failures.length < FAILURES_MAX) this.failures.push(text);
  }

  expect(condition: boolean, text: () => string): void {
    if (!condition) this.fail(text());
  }

  /** Waits without an operation. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.simulation.clock.after(delayMs, resolve);
    });
  }

  /**
   * Waits until an operation has ended; counts it and checks what every error must be. `early` are the codes of early
   * ends that somebody asked for.
   */
  async end<T>(where: string, promise: Promise<T>, early: readonly string[] = []): Promise<Ended<T>> {
    this.started++;
    const token = { where };
    this.pending.add(token);
    try {
      const value = await promise;
      this.settled++;
      this.pending.delete(token);
      this.#count("ok");
      return { ok: true, value };
    } catch (error) {
      this.settled++;
      this.pending.delete(token);
      if (!(error instanceof BatonError)) {
        this.fail(`${where}: rejects with ${String(error)}, which is no BatonError`);
        return { ok: false, error: new BatonError("UNKNOWN", String(error)) };
      }
      this.#count(error.code);
      if (FORBIDDEN_CODES.has(error.code) || (EARLY_CODES.has(error.code) && !early.includes(error.code))) {
        this.fail(`${where}: rejects with ${error.code}: ${error.message}`);
      }
      // Refused on the spot: without a pause a loop of retries would leave nobody else a turn.
      if (error.code === "ERR_OPERATION_LIMIT") await this.pause(0.5);
      return { ok: false, error };
    }
  }

  /**
   * Starts an operation again and again until it succeeds, for steps that a program cannot do without; `undefined`
   * when the backend is closed meanwhile.
   */
  async insist<T>(where: string, start: () => Promise<T>, early: readonly string[] = []): Promise<T | undefined> {
    for (let tries = 0; !this.closing; tries++) {
      const ended = await this.end(where, start(), early);
      if (ended.ok) return ended.value;
      if (tries > 500) {
        this.fail(`${where}: failed ${tries} times, last with ${ended.error.code}`);
        return undefined;
      }
      await this.pause(1);
    }
    return undefined;
  }

  /** Submits; `undefined` when that is refused on the spot: the resource is closed, or too much is in flight. */
  trySubmit<T>(submit: () => Operation<T>): Operation<T> | undefined {
    try {
      return submit();
    } catch (error) {
      const code = error instanceof BatonError ? error.code : String(error);
      this.expect(REFUSALS.has(code), () => `submit: throws ${code}`);
      return undefined;
    }
  }

  /** A buffer, or `undefined` when none comes home in time; so actors that wait for each other get on. */
  async take(length: number): Promise<OwnedBuffer | undefined> {
    const now = this.io.buffers.tryTake(length);
    if (now !== undefined) return now;
    const ended = await this.end("takeWhenFree", this.io.buffers.takeWhenFree(length, { timeoutMs: 5 }), [
      "ERR_TIMEOUT",
    ]);
    return ended.ok ? ended.value : undefined;
  }

  /** The buffer of an operation that has ended is home. */
  expectHome(where: string, buffer: OwnedBuffer): void {
    // A backend that was closed before the driver was done keeps what the driver has.
    if (this.closing) return;
    this.expect(buffer.state === "owned", () => `${where}: the buffer is ${buffer.state} when its promise settles`);
  }

  /** Releases a buffer; one that a closed backend has not got back goes by itself. */
  letGo(buffer: OwnedBuffer): void {
    if (this.closing) buffer[Symbol.dispose]();
    else buffer.release();
  }

  /** An operation with the buffer was given up: the buffer goes home by itself, sooner or later. */
  expectGone(where: string, buffer: OwnedBuffer): void {
    const { state } = buffer;
    this.expect(state === "returning" || state === "released", () => {
      return `${where}: the buffer of an operation that was given up is ${state}`;
    });
  }

  /** A way to end an operation early, or none; `probability` of any at all. */
  earlyEnd(random: Random, probability: number, withAbandon: boolean): EarlyEnd {
    const none: EarlyEnd = { options: {}, codes: [], mayAbandon: false, isNone: true, done: () => undefined };
    if (!random.chance(probability)) return none;
    const delayMs = random.chance(0.3) ? 0 : random.below(2000) / 1000;
    if (random.chance(0.3)) {
      return { ...none, options: { timeoutMs: delayMs }, codes: ["ERR_TIMEOUT"], isNone: false };
    }
    const controller = new AbortController();
    const abandons = withAbandon && random.chance(0.4);
    const timer = this.simulation.clock.after(delayMs, () => controller.abort());
    return {
      options: { signal: controller.signal, ...(abandons && { onAbort: "abandon" }) },
      codes: ["ABORT_ERR"],
      mayAbandon: abandons,
      isNone: false,
      done: () => this.simulation.clock.clear(timer),
    };
  }

  /** Cancels an operation some time after its start, and compares the answer with what `done` says. */
  cancelSoon<T>(where: string, random: Random, operation: Operation<T>): void {
    const cancel = () => {
      const before = operation.outcome;
      void this.end(`cancel() of ${where}`, operation.cancel()).then((ended) => {
        const answer = ended.ok ? ended.value : "nothing";
        const { outcome } = operation;
        const right =
          answer === "too-late"
            ? before !== "pending"
            : answer === "canceled"
              ? outcome === "canceled"
              : outcome === "ok" || outcome === "error";
        this.expect(right, () => `${where}: cancel() says ${answer}, the outcome is ${outcome} and was ${before}`);
      });
    };
    const delayUs = random.below(1500);
    if (delayUs < 300) cancel();
    else this.simulation.clock.after(delayUs / 1000, cancel);
  }

  #count(code: string): void {
    this.outcomes[code] = (this.outcomes[code] ?? 0) + 1;
  }
}

/** The byte at `index` of the stream of bytes that goes by `seed`. */
export function patternByte(seed: number, index: number): number {
  return Math.imul(index + 1 + Math.imul(seed, 7919), 0x9e37_79b1) >>> 24;
}

/** Fills bytes with the pattern, from `index` on. */
export function fillPattern(bytes: Uint8Array, seed: number, index: number): void {
  for (let at = 0; at < bytes.length; at++) bytes[at] = patternByte(seed, index + at);
}

/** Where bytes first differ from the pattern, −1 when they do not. */
export function patternMismatch(bytes: Uint8Array, seed: number, index: number): number {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== patternByte(seed, index + at)) return at;
  return -1;
}
