/** What keeps a process alive is one rule on every driver; what a program drops leaves nothing open. */
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms } from "./bundle-programs.js";
import { reportOf, runProgram } from "./run-program.js";

const TIMEOUT_MS = 60_000;
/** None of the programs waits for anything by then; one that is still there does not end. */
const END_MAX_MS = 15_000;

const programs = bundlePrograms(
  new URL("programs/alive.ts", import.meta.url),
  new URL("programs/dropped.ts", import.meta.url),
);

/** Sentences, the program for each, and what it says before it ends by itself. */
const cases: readonly (readonly [title: string, what: string, report: object])[] = [
  ["a listener that nobody accepts from any more does not keep the process", "after-an-accept", { done: true }],
  ["nor does a loop over chunks that is not asked for more", "after-a-step-of-a-loop", { done: true }],
  ["nor does a loop over connections", "after-a-step-over-a-listener", { done: true }],
  ["nor does a receive that was given up", "after-an-abort", { done: true }],
  ["an accept that somebody waits for keeps it", "an-accept", { code: "ERR_TIMEOUT" }],
  ["so does one after another", "a-second-accept", { code: "ERR_TIMEOUT" }],
  ["so does a receive", "a-receive", { code: "ERR_TIMEOUT" }],
];

for (const driver of await findDrivers()) {
  describe(`${driver.name}: a process`, { timeout: TIMEOUT_MS }, () => {
    // mutant: standing-accept-kept, standing-receive-kept
    test.for(cases)("%s", async ([, what, report], { skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      const ending = await runProgram(programs.path("alive"), {
        arguments: [driver.name, what],
        timeoutMs: END_MAX_MS,
      });
      expect(reportOf(ending)).toEqual(report);
    });

    // mutant: dropped-backend-kept, awaited-pool-taken-for-dropped, used-backend-taken-for-dropped
    test("is told of a backend that it dropped, and keeps no descriptor of it, unless something of it is in use", async ({
      skip,
    }) => {
      if (!isFound(driver)) return skip(driver.why);
      const ending = await runProgram(programs.path("dropped"), {
        arguments: [driver.name],
        nodeArguments: ["--expose-gc"],
        timeoutMs: TIMEOUT_MS,
      });
      const { left, ...report } = reportOf<{ told: string[]; left: number; used: string[]; size: number }>(ending);
      expect(report).toEqual({ told: ["backend", "backend", "resource"], used: [], size: 0 });
      expect(left).toBeLessThanOrEqual(0);
    });
  });
}
