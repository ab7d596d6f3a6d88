/**
 * Who waits for which AbortSignal: one listener on each signal, however many operations were given it. A listener for
 * each would have runtimes warn of a leak as soon as a dozen operations share a signal, as those of a server do.
 */

interface Watch {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/** Calls `callback` when the signal is aborted, unless `removeAbortListener` comes first. */
export function addAbortListener(signal: AbortSignal, callback: () => void): void {
  const known = watches.get(signal);
  if (known !== undefined) {
    known.callbacks.add(callback);
    return;
  }
  const callbacks = new Set([callback]);
  const listener = () => {
    for (const each of [...callbacks]) if (callbacks.delete(each)) each();
  };
  // Before anybody listens: a signal of the caller's own making may call back at once.
  watches.set(signal, { callbacks, listener });
  try {
    signal.addEventListener("abort", listener);
  } catch (error) {
    watches.delete(signal);
    throw error;
  }
}

/** Takes a callback back. */
export function removeAbortListener(signal: AbortSignal, callback: () => void): void {
  const watch = watches.get(signal);
  if (watch === undefined) return;
  watch.callbacks.delete(callback);
  if (watch.callbacks.size > 0) return;
  watches.delete(signal);
  try {
    signal.removeEventListener("abort", watch.listener);
  } catch {
    // A signal that fails here is at fault itself, and harmless: the listener has nobody left to call.
  }
}

/** Why a signal was aborted. It may be an object of the caller's own making, which throws when it is asked. */
export function reasonOf(signal: AbortSignal | undefined): unknown {
  try {
    return signal?.reason;
  } catch (error) {
    return error;
  }
}
