/** How those who wait for an operation are told that it did not end well. */
import { rejectCaller } from "../base/rejection.js";
import type { CancelCause, Entry } from "./entry.js";

/** Who waits for an operation. */
export type Waiting = Pick<Entry, "promise" | "resolve" | "reject" | "extras">;

/**
 * Rejects the promise of an operation; `cause`: why it was asked to end early. Where core's own functions stand in
 * place of a promise's, they are called at once.
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
