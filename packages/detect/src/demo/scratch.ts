/** A directory for the demo's copies that is gone afterwards, however the process ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Name of a signal that ends the demo. */
export type EndSignal = (typeof signals)[number];

export interface Scratch {
  readonly directory: string;
  /** Aborted by a signal that ends the process; its reason is the signal's name. */
  readonly signal: AbortSignal;
  [Symbol.dispose](): void;
}

/**
 * Makes a fresh directory under `parent`. A first signal aborts `signal`, so that the work ends in order; a second one
 * ends the process at once. The directory is removed on both ways, and on any other way out of the process.
 */
export function makeScratch(parent: string): Scratch {
  const directory = mkdtempSync(join(parent, "baton-demo-"));
  const stop = new AbortController();
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const onSignal = (signal: EndSignal) => {
    if (!stop.signal.aborted) return stop.abort(signal);
    process.exit(1);
  };
  process.on("exit", remove);
  for (const signal of signals) process.on(signal, onSignal);
  return {
    directory,
    signal: stop.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, onSignal);
      process.off("exit", remove);
      remove();
    },
  };
}
