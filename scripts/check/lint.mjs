// @ts-check
import { oneCheck, runTool } from "./tool.mjs";

/** @type {import("./stage.mjs").Stage} */
export const lint = {
  name: "lint",
  checks: "lint, format and order of imports",
  run: async (root) =>
    oneCheck(await runTool(root, "@biomejs/biome/bin/biome", ["check", "--max-diagnostics=none", "."])),
};
