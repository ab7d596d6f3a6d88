// @ts-check
import { oneCheck, runTool } from "./tool.mjs";

/** @type {import("./stage.mjs").Stage} */
export const types = {
  name: "types",
  checks: "types of sources, tests and scripts, and what must not compile",
  run: async (root) => oneCheck(await runTool(root, "typescript/bin/tsc", ["--noEmit", "-p", "tsconfig.json"])),
};
