// @ts-check
import { generate, staleFiles } from "../generate.mjs";

/** @type {import("./stage.mjs").Stage} */
export const generated = {
  name: "generated",
  checks: "generated files are what the tables say",
  run: async (root) => {
    const all = await generate(root);
    const stale = await staleFiles(root);
    return {
      passed: all.length - stale.length,
      failed: stale.length,
      failures: stale.map((path) => `${path} is out of date: run \`npm run generate\``).join("\n"),
    };
  },
};
