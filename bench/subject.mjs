// @ts-check
/** The process under test: makes one implementation of one case ready, then answers each order with a sample. */
import { cases } from "./cases/index.mjs";

/** @typedef {{ type: "start", case: string, parameters: import("./case.mjs").Parameters }} StartOrder */
/** @typedef {{ type: "round", durationMs: number }} RoundOrder */
/** @typedef {StartOrder | RoundOrder | { type: "close" }} Order */

/** @type {import("./case.mjs").Subject | undefined} */
let subject;

/** @param {Order} order @returns {Promise<unknown>} */
async function obey(order) {
  switch (order.type) {
    case "start": {
      const found = cases.find(({ name }) => name === order.case);
      if (found === undefined) throw new Error(`there is no case ${order.case}`);
      subject = await found.run(order.parameters);
      return undefined;
    }
    case "round":
      if (subject === undefined) throw new Error("a round before the start");
      return subject.round(order.durationMs);
    case "close":
      await subject?.close();
      process.disconnect();
      return undefined;
  }
}

process.on("message", async (message) => {
  const order = /** @type {Order} */ (message);
  try {
    const sample = await obey(order);
    if (process.connected) process.send?.({ sample });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});

// Nobody is left to order anything: whatever is still open has no further use.
process.on("disconnect", () => process.exit());
