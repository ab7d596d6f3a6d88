/**
 * What a caller is told when an operation has ended: one function per way to end. The buffer is home before any
 * promise settles, on success, on error and on cancel.
 */
import { reasonOf } from "../base/abort-listeners.js";
import type { Counters } from "../base/counters.js";
import { ERRNO } from "../base/errno.js";
import { batonError, type ErrorDetails, systemError } from "../base/errors.js";
import type { CancelCause, Entry, EntryExtras } from "./entry.js";
import { carriesMemory } from "./kept-bytes.js";
import type { Pace } from "./pace.js";
import { rejectWaiting } from "./rejection.js";

/** What is needed of a backend to tell a caller. */
export interface SettleHost {
  readonly driverName: string;
  /** The backend closes. */
  readonly closed: boolean;
  readonly counters: Counters;
  readonly pace: Pace;
  readonly canceler: { detach(extras: EntryExtras): void };
}

/**
 * Why the caller is told of an early end, and not of the result; `undefined` when of the result. A result that is not
 * told is salvaged.
 */
export function earlyCause(host: SettleHost, entry: Entry, result: number): CancelCause | undefined {
  const cause = entry.extras?.cause;
  if (cause !== undefined) return isEarlyEnd(entry, cause, result) ? cause : undefined;
  // A session that closes cancels what is in flight on its own account.
  return host.closed && isCancelResult(result) ? "close" : undefined;
}

function isEarlyEnd(entry: Entry, cause: CancelCause, result: number): boolean {
  // What shall move all its bytes has moved some of them, and would go on if it were not to end.
  const rest = entry.whole ? entry.lendEnd - entry.lendStart - entry.progress : 0;
  if (result > 0 && result < rest) return true;
  switch (cause) {
    case "signal":
      // The caller has turned away, whatever came. An error of its own is still what happened.
      return result >= 0 || isCancelResult(result);
    case "close":
      // Shutting down makes drivers answer with the end of the stream, or with one of several errors; and it makes
      // whoever polls ready.
      return result < 0 || (result === 0 && isFromPeer(entry)) || entry.kind!.name === "poll";
    case "cancel":
    case "timeout":
    case "chain":
      return isCancelResult(result);
  }
}

/** Ends an operation that its caller still waits for; `early` is what `earlyCause` says. */
export function settleFinal(
  host: SettleHost,
  entry: Entry,
  result: number,
  flags: number,
  early: CancelCause | undefined,
): void {
  const extras = entry.extras;
  const total = result >= 0 ? entry.progress + result : result;
  if (extras === undefined && total >= 0) {
    // The hot path: nobody asked for an early end.
    entry.resolve?.(entry.kind!.finish(entry, total, flags));
    return;
  }
  if (extras !== undefined) host.canceler.detach(extras);
  if (early !== undefined) {
    host.counters.canceled++;
    const error = causeError(host, entry, early, Math.max(total, entry.progress));
    finishExtras(extras, "canceled");
    rejectWaiting(entry, error, early);
  } else if (total >= 0) {
    const value = entry.kind!.finish(entry, total, flags);
    finishExtras(extras, "ok");
    entry.resolve?.(value);
  } else {
    host.counters.failed++;
    const error = systemError(total, entry.kind!.syscall, details(host, entry, entry.progress));
    finishExtras(extras, "error");
    rejectWaiting(entry, error, extras?.cause);
  }
}

/** Of a result of 0 it cannot be said whether the peer has ended its side or this one was shut down. */
function isFromPeer({ kind }: Entry): boolean {
  return kind!.name === "receive" || kind!.name === "splice";
}

function isCancelResult(result: number): boolean {
  return result === -ERRNO.ECANCELED || result === -ERRNO.EINTR;
}

/** Ends an operation that was canceled before the driver had it. */
export function settleCanceledEarly(host: SettleHost, entry: Entry, cause: CancelCause, given?: Error): void {
  const extras = entry.extras;
  host.counters.canceled++;
  if (extras !== undefined) host.canceler.detach(extras);
  const error = given ?? causeError(host, entry, cause, entry.progress);
  finishExtras(extras, "canceled");
  rejectWaiting(entry, error, cause);
}

/**
 * An operation is about to end without the driver's help: whoever awaits it is told in the event loop's next turn, when
 * too many such ends have followed each other. Everything else about its end happens now.
 */
export function settleInTurn({ pace }: SettleHost, entry: Entry): void {
  pace.spend(1);
  if (!pace.spent || entry.promise === undefined) return;
  const { resolve, reject, extras } = entry;
  entry.resolve = (value) => pace.later(() => resolve?.(value));
  entry.reject = (error) => pace.later(() => reject?.(error));
  if (extras?.cancelWaiters === undefined) return;
  extras.cancelWaiters = extras.cancelWaiters.map((waiter) => (answer) => pace.later(() => waiter(answer)));
}

function finishExtras(extras: EntryExtras | undefined, outcome: "ok" | "error" | "canceled"): void {
  if (extras === undefined) return;
  extras.onSettled?.(outcome);
  if (extras.cancelWaiters === undefined) return;
  const answer = outcome === "canceled" ? "canceled" : "completed";
  for (const waiter of extras.cancelWaiters) waiter(answer);
}

/** The error for an operation that was ended early. */
function causeError(host: SettleHost, entry: Entry, cause: CancelCause, bytes: number): Error {
  const where = entry.kind!.syscall;
  const more = details(host, entry, bytes);
  switch (cause) {
    case "signal":
      return batonError("ABORT_ERR", `${where}: aborted.`, { ...more, cause: reasonOf(entry.extras?.signal) });
    case "timeout":
      return batonError("ERR_TIMEOUT", `${where}: not done within ${entry.extras?.timeoutMs} ms.`, more);
    case "close":
      return host.closed
        ? batonError("ERR_BACKEND_CLOSED", `${where}: the backend was closed meanwhile.`, more)
        : batonError("ERR_RESOURCE_CLOSED", `${where}: the resource was closed meanwhile.`, more);
    case "cancel":
      return batonError("ERR_OPERATION_CANCELED", `${where}: canceled.`, more);
    case "chain":
      return batonError(
        "ERR_CHAIN_BROKEN",
        `${where}: not done, because an operation before it in its chain did not end well.`,
        { ...more, cause: entry.chain?.brokenBy },
      );
  }
}

function details(host: SettleHost, entry: Entry, bytes: number): ErrorDetails {
  return {
    driver: host.driverName,
    syscall: entry.kind!.syscall,
    ...entry.kind!.details?.(entry),
    ...(entry.buffer !== undefined && { buffer: entry.buffer }),
    // What a read brought is kept for the next one; what was written has gone out, and the caller must know.
    ...(carriesMemory(entry) && !entry.lendExclusive && { bytesTransferred: bytes }),
  };
}
