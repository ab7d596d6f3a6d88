// @ts-check
import { existsSync } from "node:fs";
import { join } from "node:path";
import { oneCheck, runTool } from "./tool.mjs";

const SCRIPT = "./scripts/mutants.mjs";

/** @type {import("./stage.mjs").Stage} */
export const mutants = {
  name: "mutants",
  checks: "each planted bug is caught by a test",
  run: async (root) => {
    if (!existsSync(join(root, SCRIPT))) {
      return { passed: 0, failed: 0, skipped: ["mutants: there is no scripts/mutants.mjs"] };
    }
    const result = await runTool(root, SCRIPT, ["--jobs", "2"]);
    const killed = Number(/(\d+) killed/.exec(result.output)?.[1] ?? 0);
    return result.code === 0 && killed > 0 ? { passed: killed, failed: 0 } : oneCheck({ ...result, code: 1 });
  },
};
