// @ts-check
/**
 * A reporter for vitest that writes what `npm run check` counts to the file named by `BATON_CHECK_RESULTS`: how many
 * tests passed and failed, and which were skipped and why.
 */
import { writeFileSync } from "node:fs";

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
    writeFileSync(path, JSON.stringify({ passed, failed, skipped }));
  }
}

/** @param {import("vitest/node").TestResult} result */
function noteOf(result) {
  return result.state === "skipped" ? result.note : undefined;
}
