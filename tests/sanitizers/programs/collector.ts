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

/** Needs `--expose-gc`. */
export function collectEveryTurn(): void {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("start it with --expose-gc");
  const once = () => {
    collect();
    collections++;
    // It does not keep the process running, and does not make an idle loop turn.
    setImmediate(once).unref();
  };
  once();
}
