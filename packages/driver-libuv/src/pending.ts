/** Operations that have not ended yet, and how each can be ended early, if at all. */
import { ERRNO } from "@baton-io/core";
import type { Ticket } from "./deliver.js";

interface PendingOperation {
  readonly generation: number;
  /** Bytes of its buffer. */
  readonly bytes: number;
  /** Ends it with `-ECANCELED`; absent when the runtime has no way to. */
  cancel: (() => void) | undefined;
}

export class Pending {
  readonly #operations = new Map<number, PendingOperation>();
  #onEmpty: (() => void) | undefined = undefined;

  get count(): number {
    return this.#operations.size;
  }

  /** Bytes of buffers that the runtime still uses. */
  get bytes(): number {
    let sum = 0;
    for (const operation of this.#operations.values()) sum += operation.bytes;
    return sum;
  }

  add(ticket: Ticket, bytes: number): void {
    this.#operations.set(ticket.slot, { generation: ticket.generation, bytes, cancel: undefined });
  }

  /** The operation can be ended early from now on (or, with `undefined`, no longer). */
  setCancel(ticket: Ticket, cancel: (() => void) | undefined): void {
    const operation = this.#operations.get(ticket.slot);
    if (operation !== undefined && operation.generation === ticket.generation) operation.cancel = cancel;
  }

  /** The operation has ended; false when it had ended before. */
  remove(ticket: Ticket): boolean {
    if (this.#operations.get(ticket.slot)?.generation !== ticket.generation) return false;
    this.#operations.delete(ticket.slot);
    if (this.#operations.size === 0) this.#onEmpty?.();
    return true;
  }

  /** The answer to a cancel, in the errnos of io_uring: 0, not there, or running and not to be stopped. */
  cancel(slot: number, generation: number): number {
    const operation = this.#operations.get(slot);
    if (operation === undefined || operation.generation !== generation) return -ERRNO.ENOENT;
    if (operation.cancel === undefined) return -ERRNO.EALREADY;
    operation.cancel();
    return 0;
  }

  cancelAll(): void {
    for (const operation of [...this.#operations.values()]) operation.cancel?.();
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
