/** Operations that have not ended yet, and how each can be ended early, if at all. */
import { ERRNO } from "@baton-io/core/driver";
import { orAnswer } from "./in-any-case.js";
import type { Submission } from "./record-reader.js";

export class Pending {
  /** By slot. */
  readonly #operations = new Map<number, Submission>();
  readonly #bytesOf: (submission: Submission) => number;
  readonly #failed: (submission: Submission, error: unknown) => void;
  #onEmpty: (() => void) | undefined = undefined;

  /** `bytesOf`: bytes of an operation's buffers; `failed`: told of what was thrown when one was to be ended early. */
  constructor(bytesOf: (submission: Submission) => number, failed: (submission: Submission, error: unknown) => void) {
    this.#bytesOf = bytesOf;
    this.#failed = failed;
  }

  get count(): number {
    return this.#operations.size;
  }

  /** Bytes of buffers that the runtime still uses. */
  get bytes(): number {
    let sum = 0;
    for (const operation of this.#operations.values()) sum += this.#bytesOf(operation);
    return sum;
  }

  /** Something is in flight in the slot. */
  has(slot: number): boolean {
    return this.#operations.has(slot);
  }

  add(submission: Submission): void {
    this.#operations.set(submission.slot, submission);
  }

  /** The operation can be ended early from now on (or, with `undefined`, no longer). */
  setCancel(submission: Submission, cancel: (() => void) | undefined): void {
    submission.cancel = cancel;
  }

  /** The operation has ended; false when it had ended before. */
  remove(submission: Submission): boolean {
    // Another one may have its slot.
    if (this.#operations.get(submission.slot) !== submission) return false;
    this.#operations.delete(submission.slot);
    if (this.#operations.size === 0) this.#onEmpty?.();
    return true;
  }

  /** The answer to a cancel, in the errnos of io_uring: 0, not there, or running and not to be stopped. */
  cancel(slot: number, generation: number): number {
    const operation = this.#operations.get(slot);
    if (operation === undefined || operation.generation !== generation) return -ERRNO.ENOENT;
    if (operation.cancel === undefined) return -ERRNO.EALREADY;
    this.#end(operation);
    return 0;
  }

  cancelAll(): void {
    for (const operation of [...this.#operations.values()]) this.#end(operation);
  }

  /** What is thrown is the operation's own: it ends all the same, and whoever asked for it is not concerned. */
  #end(operation: Submission): void {
    orAnswer(
      () => operation.cancel?.(),
      (error) => {
        operation.cancel = undefined;
        this.#failed(operation, error);
      },
    );
  }

  /** Resolves when nothing is pending, or after `deadlineMs`. */
  settled(deadlineMs: number): Promise<void> {
    if (this.#operations.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
