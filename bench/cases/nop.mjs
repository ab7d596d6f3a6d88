// @ts-check
/** What the path itself costs: an operation that does nothing, with a promise each. */
import { createBackend } from "@baton-io/core";
import { nullDriver } from "@baton-io/core/testing";
import { openDriver } from "../drivers.mjs";
import { measureLanes } from "../lanes.mjs";

/** @param {import("../case.mjs").Environment} environment */
export function nopImplementations({ drivers }) {
  return [
    { name: "core alone", parameters: { kind: "core" } },
    ...drivers.map((driver) => ({ name: driver, parameters: { kind: "driver", driver } })),
    { name: "bare promise", parameters: { kind: "promise" } },
  ];
}

/**
 * The operation to measure, and how to end it.
 *
 * @param {import("../case.mjs").Parameters} parameters
 * @returns {Promise<{ operate: () => Promise<void>, close: () => Promise<void> }>}
 */
export async function openNop({ kind, driver }) {
  if (kind === "promise") {
    // What any asynchronous operation costs at least.
    return {
      operate: () => new Promise((resolve) => resolve()),
      close: () => Promise.resolve(),
    };
  }
  const io = kind === "core" ? createBackend({ driver: nullDriver() }) : await openDriver(String(driver));
  return {
    operate: () => io.nop(),
    close: async () => {
      await io.close();
    },
  };
}

/** @type {import("../case.mjs").Case} */
export const nop = {
  name: "nop",
  title: "core and drivers with nothing to do, a promise each",
  unit: "operations",
  variants: [1, 32, 128].map((depth) => ({ name: `depth ${depth}`, parameters: { depth } })),
  shows: "rate",
  baselines: ["bare promise"],
  goals: [{ implementation: "core alone", variant: "depth 32", figure: "rate", least: 2_500_000 }],
  implementations: nopImplementations,
  run: async (parameters) => {
    const { operate, close } = await openNop(parameters);
    return { round: (durationMs) => measureLanes(Number(parameters["depth"]), durationMs, { operate }), close };
  },
};
