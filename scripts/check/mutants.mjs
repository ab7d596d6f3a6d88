// @ts-check
import { oneCheck, runTool } from "./tool.mjs";

/** @type {import("./stage.mjs").Stage} */
export const mutants = {
  name: "mutants",
  checks: "each planted bug is caught by a test",
  run: async (root) => {
    // Each of those in C++ builds a program, up to a minute for one: they have a run of their own.
    const result = await runTool(root, "./scripts/mutants.mjs", ["--jobs", "2", "--without", "native"]);
    const killed = Number(/(\d+) killed/.exec(result.output)?.[1] ?? 0);
    if (result.code !== 0 || killed === 0) return oneCheck({ ...result, code: 1 });
    const left = Number(/(\d+) left out/.exec(result.output)?.[1] ?? 0);
    return { passed: killed, failed: 0, skipped: left > 0 ? [`mutants: ${left} in C++: npm run mutants`] : [] };
  },
};
