// @ts-check
import { runTool } from "./tool.mjs";

/** What `scripts/test-native.mjs` exits with where there is no compiler. */
const NO_COMPILER = 3;

/** @type {import("./stage.mjs").Stage} */
export const native = {
  name: "native",
  checks: "the C++ tests of the engines, under the address, undefined-behaviour and thread sanitizers",
  run: async (root) => {
    const { code, output } = await runTool(root, "./scripts/test-native.mjs", ["--sanitize", "all"]);
    const skipped = [...output.matchAll(/^skipped: (.*)$/gm)].map(([, reason = ""]) => reason);
    if (code === NO_COMPILER) return { passed: 0, failed: 0, skipped };
    const counts = /^(\d+) passed, (\d+) failed$/m.exec(output);
    const passed = Number(counts?.[1] ?? 0);
    const failed = code === 0 && counts !== null ? 0 : Math.max(1, Number(counts?.[2] ?? 0));
    return { passed, failed, skipped, failures: failed > 0 ? output : "" };
  },
};
