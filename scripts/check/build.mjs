// @ts-check
import { buildPackages } from "../setup/build.mjs";

/** @type {import("./stage.mjs").Stage} */
export const build = {
  name: "build",
  checks: "every package builds",
  run: async (root) => {
    const { built, failed, notes, output } = await buildPackages(root);
    return { passed: built.length, failed: failed.length, skipped: notes, failures: failed.length > 0 ? output : "" };
  },
};
