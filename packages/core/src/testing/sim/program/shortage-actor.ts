/** Takes the descriptors away for a while, again and again: what needs one waits or fails, and goes on afterwards. */
import type { Random } from "../random.js";
import type { Context } from "./context.js";

const LACK_MS_MAX = 20;

/** @param handlesMax how many there are otherwise */
export async function shortageActor(context: Context, random: Random, handlesMax: number): Promise<void> {
  const { simulation } = context;
  for (let round = random.between(1, 3); round > 0 && !context.closing; round--) {
    await context.pause(random.below(20_000) / 1000);
    const { handlesOpened, handlesClosed } = simulation.ledger;
    simulation.limitHandles(Math.min(handlesMax, handlesOpened - handlesClosed + random.below(2)));
    await context.pause(random.between(1, LACK_MS_MAX));
    simulation.limitHandles(handlesMax);
  }
}
