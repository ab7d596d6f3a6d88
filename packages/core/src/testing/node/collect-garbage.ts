/** Collecting garbage when a test says so. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/** Makes the runtime collect all garbage there is, before it returns. Needs no flag of the command line. */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    // The flag gives new contexts the function; this context was there before.
    collect = runInNewContext("gc") as () => void;
  }
  collect();
}
