// @ts-check
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "./tool.mjs";
import { turnOfCommit } from "./turn.mjs";

/** What a conformance test prints about its driver: `conformance libuv: 131 passed, 0 failed, 9 negative`. */
const CONFORMANCE_LINE = /conformance \S+: \d+ passed.*$/gm;

/** What repeats others under other conditions takes turns (tests/setup/turns.ts), so many of them. */
const TURNS = 4;
/** So many of the files that took longest are told. */
const TOLD = 8;
/** These count and measure what the whole machine does: one file at a time, when all others are through. */
const MEASURING = ["tests/life", "tests/scale"];

const parts = [
  MEASURING.flatMap((directory) => ["--exclude", `${directory}/**`]),
  ["--no-file-parallelism", ...MEASURING.map((directory) => `${directory}/`)],
];

/** @type {import("./stage.mjs").Stage} */
export const tests = {
  name: "tests",
  checks: "all tests, the conformance kit on every driver among them",
  run: async (root) => {
    const all = { passed: 0, failed: 0, output: "" };
    /** @type {string[]} */
    const skipped = [];
    /** @type {Set<string>} */
    const lines = new Set();
    /** @type {{ file: string, seconds: number }[]} */
    const slowest = [];
    const turn = process.env["BATON_TURN"] ?? (await turnOfCommit(root, TURNS));
    for (const part of parts) {
      const { found, code, output } = await runPart(root, part, turn);
      if (found === undefined) return { passed: 0, failed: 1, failures: `vitest left no results\n${output}` };
      all.passed += found.passed;
      // Whatever vitest objects to beyond its tests counts as well.
      all.failed += found.failed === 0 && code !== 0 ? 1 : found.failed;
      if (code !== 0) all.output += output;
      skipped.push(...found.skipped);
      for (const [line] of output.matchAll(CONFORMANCE_LINE)) lines.add(line);
      slowest.push(...found.slowest);
    }
    slowest.sort((one, other) => other.seconds - one.seconds);
    const longest = slowest.slice(0, TOLD).map(({ file, seconds }) => `${file} ${seconds} s`);
    const notes = [...[...lines].sort(), `took longest: ${longest.join(", ")}`];
    return { passed: all.passed, failed: all.failed, skipped, notes, failures: all.output };
  },
};

/**
 * @param {string} root
 * @param {readonly string[]} part Arguments that choose tests.
 * @param {string} turn
 */
async function runPart(root, part, turn) {
  const directory = mkdtempSync(join(tmpdir(), "baton-check-"));
  const results = join(directory, "results.json");
  try {
    const args = ["run", "--reporter=./scripts/check/vitest-reporter.mjs", "--reporter=dot", ...part];
    const { code, output } = await runTool(root, "vitest/vitest.mjs", args, {
      BATON_CHECK_RESULTS: results,
      BATON_TURN: turn,
    });
    return { found: readResults(results), code, output };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

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
