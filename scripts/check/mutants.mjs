// @ts-check
import { oneCheck, runTool } from "./tool.mjs";
import { turnOfCommit } from "./turn.mjs";

/** All of them take longer than everything else together: a commit is checked with a sixth, six in a row with all. */
const PARTS = 6;

/** @type {import("./stage.mjs").Stage} */
export const mutants = {
  name: "mutants",
  checks: "each planted bug is caught by a test",
  run: async (root) => {
    // Each of those in C++ builds a program, up to a minute for one: they have a run of their own.
    const part = await turnOfCommit(root, PARTS);
    const result = await runTool(root, "./scripts/mutants.mjs", ["--jobs", "2", "--without", "native", "--part", part]);
    const killed = Number(/(\d+) killed/.exec(result.output)?.[1] ?? 0);
    if (result.code !== 0 || killed === 0) return oneCheck({ ...result, code: 1 });
    const native = Number(/(\d+) left out/.exec(result.output)?.[1] ?? 0);
    const others = Number(/(\d+) left to the other parts/.exec(result.output)?.[1] ?? 0);
    const skipped = [];
    if (native > 0) skipped.push(`mutants: ${native} in C++: npm run mutants`);
    if (others > 0) skipped.push(`mutants: ${others} that the next commits are checked with: npm run mutants`);
    return { passed: killed, failed: 0, skipped };
  },
};
