/** The kit without a test runner: what a case leaves behind fails it, and ends neither the process nor the run. */
import { expect, test } from "vitest";
import { bundlePrograms } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";

const programs = bundlePrograms(
  new URL("programs/left-behind.ts", import.meta.url),
  new URL("programs/lost-completion.ts", import.meta.url),
);

// mutant: stray-rejection-passed-over
test("a rejection that nobody waits for fails one case, and the others run", async () => {
  const ending = await runProgram(programs.path("left-behind"));
  const { passed, failed, errors } = reportOf<{ passed: number; failed: number; errors: string[] }>(ending);
  expect(errors).toEqual(["left behind"]);
  expect(failed).toBe(1);
  expect(passed).toBeGreaterThan(100);
});

// mutant: lost-completion-ends-the-run
test("a driver that tells of no completion fails what waits for one, and the others run", async () => {
  const ending = await runProgram(programs.path("lost-completion"));
  const { passed, failed, errors } = reportOf<{ passed: number; failed: number; errors: string[] }>(ending);
  expect(failed).toBeGreaterThan(0);
  expect(errors.filter((error) => error.startsWith("not done after 300 ms")).length).toBe(failed);
  expect(passed).toBeGreaterThan(1);
});
