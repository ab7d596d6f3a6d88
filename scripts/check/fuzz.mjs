// @ts-check
import { existsSync } from "node:fs";
import { join } from "node:path";
import { oneCheck, runTool } from "./tool.mjs";

const SCRIPT = "./scripts/fuzz.mjs";

/** @type {import("./stage.mjs").Stage} */
export const fuzz = {
  name: "fuzz",
  checks: "a sample of the simulation's seeds",
  run: async (root) => {
    if (!existsSync(join(root, SCRIPT)))
      return { passed: 0, failed: 0, skipped: ["fuzz: there is no scripts/fuzz.mjs"] };
    const result = await runTool(root, SCRIPT, ["sim"]);
    return { ...oneCheck(result), notes: result.stdout.trimEnd().split("\n").slice(-1) };
  },
};
