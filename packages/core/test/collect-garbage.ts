/** Makes the runtime collect garbage now, and lets finalizers run. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
// The flag gives new contexts the function; the test's own context was there before.
export const collectGarbage = runInNewContext("gc") as () => void;

/** Collects until the condition holds, and says whether it came to hold. */
export async function collectUntil(condition: () => boolean): Promise<boolean> {
  for (let round = 0; round < 50 && !condition(); round++) {
    collectGarbage();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return condition();
}
