/**
 * Collects garbage in every turn of the event loop, for as long as the process lives. That is as good as after every
 * await: finalizers run between turns and nowhere else, and what could not be reached at some moment of a turn cannot
 * be reached at its end either.
 */

let collections = 0;

/** Collections so far. */
export function collectionCount(): number {
  return collections;
}

/**
 * Needs `--expose-gc`. `moment` is for a simulated machine, each of whose events has a turn to itself: what is due in
 * one moment of its time is what a kernel reports in one turn, and is followed by one collection, not by thousands.
 */
export function collectEveryTurn(moment?: () => unknown): void {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("start it with --expose-gc");
  let latest: unknown;
  const once = () => {
    const now = moment?.();
    if (moment === undefined || now !== latest) {
      latest = now;
      collect();
      collections++;
    }
    // It does not keep the process running, and does not make an idle loop turn.
    setImmediate(once).unref();
  };
  once();
}
