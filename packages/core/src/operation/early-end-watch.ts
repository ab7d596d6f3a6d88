/** Waits of callers that are not operations, and what ends them early: the caller's signal, or its deadline. */
import { addAbortListener, reasonOf, removeAbortListener } from "../base/abort-listeners.js";
import type { Clock } from "../base/clock.js";
import { type BatonError, batonError } from "../base/errors.js";
import type { EarlyEnd } from "./cancel.js";

/** How a wait ends: the error for its caller, and the reason. */
export type EarlyEndListener = (error: BatonError, cause: "signal" | "timeout") => void;

/**
 * Calls `onEnd` when the signal is aborted or the time is up, unless what it returns is called first. `what` begins the
 * text of the error.
 */
export function watchEarlyEnd(
  { clock, driverName }: { readonly clock: Clock; readonly driverName: string },
  what: string,
  early: EarlyEnd | undefined,
  onEnd: EarlyEndListener,
): () => void {
  const { signal, timeoutMs } = early ?? {};
  let listening = true;
  let over = false;
  const onAbort = (): void => {
    // A signal of the caller's own making may call back while it is listened to: nobody is ready for that yet.
    if (listening) clock.microtask(onAbort);
    else if (!over) abort();
  };
  const abort = () =>
    onEnd(batonError("ABORT_ERR", `${what}: aborted.`, { cause: reasonOf(signal), driver: driverName }), "signal");
  const onTime = () =>
    onEnd(batonError("ERR_TIMEOUT", `${what}: not done within ${timeoutMs} ms.`, { driver: driverName }), "timeout");
  if (signal !== undefined) addAbortListener(signal, onAbort);
  listening = false;
  const timer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, onTime);
  return () => {
    over = true;
    if (signal !== undefined) removeAbortListener(signal, onAbort);
    if (timer !== undefined) clock.clear(timer);
  };
}
