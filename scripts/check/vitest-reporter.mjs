// @ts-check
/**
 * A reporter for vitest that writes what `npm run check` counts to the file named by `BATON_CHECK_RESULTS`: how many
 * tests passed and failed, which were skipped and why, and which files took longest.
 */
import { writeFileSync } from "node:fs";

/** So many of the files that took longest are told. */
const SLOWEST = 8;

export default class CheckReporter {
  /**
   * @param {readonly import("vitest/node").TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0;
    // An error outside every test is a failure too: of a file that did not load, of a hook, of nobody in particular.
    let failed = unhandledErrors.length;
    /** @type {string[]} */
    const skipped = [];
    for (const module of modules) {
      failed += module.errors().length;
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") passed++;
        else if (result.state === "failed") failed++;
        else skipped.push(`${test.fullName} (${module.relativeModuleId}): ${noteOf(result) ?? "no reason given"}`);
      }
    }
    const path = process.env["BATON_CHECK_RESULTS"];
    if (path === undefined) throw new Error("BATON_CHECK_RESULTS must name the file for the results");
    const slowest = modules
      .map((module) => ({ file: module.relativeModuleId, seconds: Math.round(module.diagnostic().duration / 1000) }))
      .sort((one, other) => other.seconds - one.seconds)
      .slice(0, SLOWEST);
    writeFileSync(path, JSON.stringify({ passed, failed, skipped, slowest }));
  }
}

/** @param {import("vitest/node").TestResult} result */
function noteOf(result) {
  return result.state === "skipped" ? result.note : undefined;
}
