// @ts-check
import { runTool } from "./tool.mjs";

const tools = [
  { script: "@biomejs/biome/bin/biome", args: ["check", "--max-diagnostics=none", "."] },
  { script: "./scripts/format-native.mjs", args: ["--check"] },
];

/** @type {import("./stage.mjs").Stage} */
export const lint = {
  name: "lint",
  checks: "lint, format and order of imports",
  run: async (root) => {
    const results = await Promise.all(tools.map(({ script, args }) => runTool(root, script, args)));
    const failed = results.filter(({ code }) => code !== 0);
    return {
      passed: results.length - failed.length,
      failed: failed.length,
      failures: failed.map(({ output }) => output).join("\n"),
    };
  },
};
