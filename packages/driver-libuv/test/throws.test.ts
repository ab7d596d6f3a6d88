/** A throw in any call of the runtime's, wherever it is made from, ends one thing that was asked for and no other. */
import { expect, test } from "vitest";
import { bundlePrograms } from "../../../tests/life/bundle-programs.js";
import { reportOf, runProgram } from "../../../tests/life/run-program.js";

const TIMEOUT_MS = 600_000;
const programs = bundlePrograms(new URL("programs/throws.ts", import.meta.url));

interface Report {
  /** Calls that the driver made. */
  readonly calls: number;
  /** Which of them threw. */
  readonly hits: readonly string[];
  readonly wrong: readonly string[];
}

// mutant: libuv-throw-keeps-a-file-in-use
// mutant: libuv-throw-behind-a-connection
// mutant: libuv-throw-in-a-piece
// mutant: libuv-throw-among-steps
test("each call of the runtime that throws is the end of what it was made for, and of nothing else", {
  timeout: TIMEOUT_MS,
}, async () => {
  const ending = await runProgram(programs.path("throws"), { timeoutMs: TIMEOUT_MS });
  const { calls, hits, wrong } = reportOf<Report>(ending);
  expect(wrong).toEqual([]);
  expect(calls).toBeGreaterThan(100);
  expect(hits.length).toBeGreaterThan(30);
});
