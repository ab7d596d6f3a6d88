// @ts-check
import { oneCheck, runTool } from "./tool.mjs";

/** @type {import("./stage.mjs").Stage} */
export const fuzz = {
  name: "fuzz",
  checks: "a sample of the simulation's seeds",
  run: async (root) => {
    const result = await runTool(root, "./scripts/fuzz.mjs", ["sim"]);
    return { ...oneCheck(result), notes: result.stdout.trimEnd().split("\n").slice(-1) };
  },
};
