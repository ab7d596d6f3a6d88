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
  let watch = watches.get(signal);
  if (watch === undefined) {
    const callbacks = new Set<() => void>();
    const listener = () => {
      for (const each of [...callbacks]) if (callbacks.delete(each)) each();
    };
    signal.addEventListener("abort", listener);
    watch = { callbacks, listener };
    watches.set(signal, watch);
  }
  watch.callbacks.add(callback);
}

/** Takes a callback back. */
export function removeAbortListener(signal: AbortSignal, callback: () => void): void {
  const watch = watches.get(signal);
  if (watch === undefined) return;
  watch.callbacks.delete(callback);
  if (watch.callbacks.size > 0) return;
  watches.delete(signal);
  signal.removeEventListener("abort", watch.listener);
}
