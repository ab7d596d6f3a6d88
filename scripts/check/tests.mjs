// @ts-check
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "./tool.mjs";

/** What a conformance test prints about its driver: `conformance libuv: 131 passed, 0 failed, 9 negative`. */
const CONFORMANCE_LINE = /conformance \S+: \d+ passed.*$/gm;

/** @type {import("./stage.mjs").Stage} */
export const tests = {
  name: "tests",
  checks: "all tests, the conformance kit on every driver among them",
  run: async (root) => {
    const directory = mkdtempSync(join(tmpdir(), "baton-check-"));
    const results = join(directory, "results.json");
    try {
      const args = ["run", "--reporter=./scripts/check/vitest-reporter.mjs", "--reporter=dot"];
      const { code, output } = await runTool(root, "vitest/vitest.mjs", args, { BATON_CHECK_RESULTS: results });
      const found = readResults(results);
      if (found === undefined) return { passed: 0, failed: 1, failures: `vitest left no results\n${output}` };
      const { passed, failed, skipped, slowest } = found;
      const notes = [...new Set(output.match(CONFORMANCE_LINE) ?? [])].sort();
      notes.push(`took longest: ${slowest.map(({ file, seconds }) => `${file} ${seconds} s`).join(", ")}`);
      // Whatever vitest objects to beyond its tests counts as well.
      const failures = failed === 0 && code !== 0 ? 1 : failed;
      return { passed, failed: failures, skipped, notes, failures: failures > 0 ? output : "" };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/**
 * @param {string} path
 * @returns {{ passed: number, failed: number, skipped: string[], slowest: { file: string, seconds: number }[] } | undefined}
 */
function readResults(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
