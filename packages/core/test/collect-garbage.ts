/** Collecting garbage until it shows, finalizers included. */
import { collectGarbage } from "@baton-io/core/testing";

/** Collects until the condition holds, and says whether it came to hold. */
export async function collectUntil(condition: () => boolean): Promise<boolean> {
  for (let round = 0; round < 50 && !condition(); round++) {
    collectGarbage();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return condition();
}
