// @ts-check
import { unlockedPackages } from "../setup/dependencies.mjs";

/** @type {import("./stage.mjs").Stage} */
export const lockFile = {
  name: "lock-file",
  checks: "a fresh clone can be installed from the lock file, on every system",
  run: async (root) => {
    const missing = unlockedPackages(root);
    if (missing.length === 0) return { passed: 1, failed: 0 };
    return { passed: 0, failed: 1, failures: missing.map((name) => `package-lock.json lacks ${name}`).join("\n") };
  },
};
