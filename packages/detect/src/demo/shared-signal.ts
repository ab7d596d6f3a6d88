import { setMaxListeners } from "node:events";

/**
 * One signal for many operations: aborted as soon as one of `signals` is. Each operation in flight listens to it, and
 * Node takes more than ten listeners for a leak unless it is told that they are meant.
 */
export function sharedSignal(...signals: readonly AbortSignal[]): AbortSignal {
  const signal = AbortSignal.any([...signals]);
  setMaxListeners(0, signal);
  return signal;
}
