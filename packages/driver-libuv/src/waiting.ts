/**
 * What sockets and listeners of the runtime have in common: who waits on them, and when they keep the process running.
 */
import { ERRNO, Fifo } from "@baton-io/core/driver";
import { quietly } from "./in-any-case.js";
import type { Submission } from "./record-reader.js";

/** What everything that takes submissions needs of its driver. */
export interface SubmissionHost {
  complete(submission: Submission, result: number, provided?: number): void;
  setCancel(submission: Submission, cancel: (() => void) | undefined): void;
}

/** A handle of the runtime, as far as it keeps the process running. */
interface RuntimeHandle {
  ref(): unknown;
  unref(): unknown;
}

/** Lets a handle keep the process running while something is asked of it, and only then. */
export class KeepAlive {
  readonly #handle: RuntimeHandle;
  #count = 0;
  #closed = false;

  constructor(handle: RuntimeHandle) {
    this.#handle = handle;
    handle.unref();
  }

  /** Something is asked. */
  enter(): void {
    if (this.#count++ === 0) this.#touch(() => this.#handle.ref());
  }

  /** It is answered. */
  leave(): void {
    if (--this.#count === 0) this.#touch(() => this.#handle.unref());
  }

  /**
   * Whether the process stays alive is not part of any answer: what is thrown here must not keep an operation from
   * ending.
   */
  #touch(action: () => void): void {
    if (!this.#closed) quietly(action);
  }

  /** The handle closes: from here on it is not touched. */
  close(): void {
    this.#closed = true;
  }
}

/** Submissions that wait for what the runtime brings, first come first served; while any waits the process goes on. */
export class WaitingSubmissions {
  readonly #host: SubmissionHost;
  readonly #alive: KeepAlive;
  readonly #waiting: Fifo<Submission> = new Fifo();

  constructor(host: SubmissionHost, alive: KeepAlive) {
    this.#host = host;
    this.#alive = alive;
  }

  /** Whose turn it is. */
  get first(): Submission | undefined {
    return this.#waiting.first;
  }

  /** It waits until it is taken, or until its cancel ends it. */
  add(submission: Submission): void {
    this.#waiting.push(submission);
    this.#alive.enter();
    this.#host.setCancel(submission, () => {
      this.#host.setCancel(submission, undefined);
      this.#waiting.remove(submission);
      this.#alive.leave();
      this.#host.complete(submission, -ERRNO.ECANCELED);
    });
  }

  /** Takes the first: it waits no longer, and whoever takes it completes it. */
  take(): Submission | undefined {
    const submission = this.#waiting.shift();
    if (submission === undefined) return undefined;
    this.#host.setCancel(submission, undefined);
    this.#alive.leave();
    return submission;
  }

  /** Ends all of them as a cancel would. */
  cancelAll(): void {
    for (const submission of this.#waiting.takeAll()) {
      this.#alive.leave();
      this.#host.complete(submission, -ERRNO.ECANCELED);
    }
  }
}
