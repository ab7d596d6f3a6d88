// @ts-check
/**
 * A program that `npm run mutants` starts and sends one mutant after another: vitest and the sources stay loaded, and
 * with each mutant only the source that it changes is read again. Not for use by hand.
 */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createVitest } from "vitest/node";
import { mutants } from "../../tests/mutants/list.mjs";
import { applyMutant } from "../../tests/mutants/plugin.mjs";

/**
 * What it is sent: a mutant, or none, the tests to run by file, and how long each may take; and what it answers.
 *
 * @typedef {{ mutant: string, files: readonly { file: string, tests: readonly string[] }[], timeoutMs: number }} Job
 * @typedef {{ file: string, fullName: string, status: "passed" | "failed", durationMs: number }} TestResult
 * @typedef {{ results: readonly TestResult[], output: string }} Answer
 */

const root = resolve(dirname(), "../..");

function dirname() {
  return fileURLToPath(new URL(".", import.meta.url));
}

/** The mutant that is planted now. @type {import("../../tests/mutants/list.mjs").Mutant | undefined} */
let planted;

/** @type {import("vite").Plugin} */
const planter = {
  name: "baton-planter",
  enforce: "pre",
  transform: (source, id) =>
    planted !== undefined && id === join(root, planted.file) ? applyMutant(planted, source) : undefined,
};

/** Told of each test as it ends. @type {(test: import("vitest/node").TestCase) => void} */
let ended = () => undefined;

const vitest = await createVitest(
  "test",
  {
    root,
    watch: false,
    reporters: [{ onTestCaseResult: (test) => ended(test) }],
    maxWorkers: 1,
    color: false,
  },
  { plugins: [planter] },
);
const project = vitest.getRootProject();

/** @param {string} name */
function plant(name) {
  const before = planted;
  planted = mutants.find((mutant) => mutant.name === name);
  // Programs that tests start are bundled with it.
  process.env["BATON_MUTANT"] = name;
  for (const mutant of [before, planted]) if (mutant !== undefined) vitest.invalidateFile(join(root, mutant.file));
}

/** @param {string} text */
const literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** As it is matched with a pattern: the names of its suites and its own. @param {import("vitest/node").TestCase} test */
function fullNameOf(test) {
  const names = [test.name];
  for (let parent = test.parent; parent.type === "suite"; parent = parent.parent) names.unshift(parent.name);
  return names.join(" ");
}

/** @param {Job} job @returns {Promise<Answer>} */
async function run({ mutant, files, timeoutMs }) {
  plant(mutant);
  project.config.testTimeout = timeoutMs;
  const specifications = files.map(({ file, tests }) =>
    project.createSpecification(join(root, file), { testNamePattern: new RegExp(tests.map(literally).join("|")) }),
  );
  // One test that failed is enough for each name: several subjects may run the same case.
  const missed = new Set(files.flatMap(({ file, tests }) => tests.map((test) => `${file} ${test}`)));
  ended = (test) => {
    if (mutant === "" || test.result().state !== "failed") return;
    const fullName = fullNameOf(test);
    for (const { file, tests } of files) {
      if (test.module.relativeModuleId !== file) continue;
      for (const name of tests) if (fullName.includes(name)) missed.delete(`${file} ${name}`);
    }
    if (missed.size === 0) void vitest.cancelCurrentRun("test-failure");
  };
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  /** @type {TestResult[]} */
  const results = [];
  /** @type {string[]} */
  const output = unhandledErrors.map(textOf);
  for (const { moduleId, relativeModuleId: file, children, errors } of testModules.map(describe)) {
    // Those of earlier jobs are still among them.
    if (!specifications.some((specification) => specification.moduleId === moduleId)) continue;
    output.push(...errors);
    for (const test of children) {
      const { state: status } = test.result();
      if (status !== "passed" && status !== "failed") continue;
      results.push({ file, fullName: fullNameOf(test), status, durationMs: test.diagnostic()?.duration ?? 0 });
    }
  }
  return { results, output: output.join("\n") };
}

/** Of an error as another process has sent it. @param {unknown} error */
function textOf(error) {
  const { stack, message } = /** @type {{ stack?: string, message?: string }} */ (error ?? {});
  return stack ?? message ?? JSON.stringify(error);
}

/** @param {import("vitest/node").TestModule} module */
function describe(module) {
  return {
    moduleId: module.moduleId,
    relativeModuleId: module.relativeModuleId,
    children: [...module.children.allTests()],
    errors: module.errors().map(textOf),
  };
}

process.on("message", (job) => {
  run(/** @type {Job} */ (job)).then(
    (answer) => process.send?.(answer),
    (error) => process.send?.({ results: [], output: textOf(error) }),
  );
});
// Whoever started it is gone: what it has started goes with it.
process.on("disconnect", () => process.kill(-process.pid, "SIGKILL"));
process.send?.("ready");
