// @ts-check
/**
 * Plants each mutant of `tests/mutants/list.mjs` in turn and runs the tests that must fail for it.
 *
 *   npm run mutants                    all
 *   npm run mutants -- NAME…           some
 *   npm run mutants -- --jobs 2        so many at a time; default 1
 *   npm run mutants -- --without native    those that need no C++ program built; how many are left out is printed
 *
 * The last line is `N killed, N survived`; the exit code is 1 when one survived, or when its place in the source is no
 * longer there exactly once.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mutants } from "../tests/mutants/list.mjs";
import { applyMutant } from "../tests/mutants/plugin.mjs";
import { runQuietly } from "./child.mjs";

/** @typedef {import("../tests/mutants/list.mjs").Mutant} Mutant */
/** @typedef {import("../tests/mutants/list.mjs").Killer} Killer */
/** @typedef {{ fullName: string, status: string }} TestResult */

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const nativeTests = join(root, "scripts/test-native.mjs");
/** What the runner of the tests in C++ exits with where there is no compiler. */
const NOTHING_BUILT = 3;
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const directory = mkdtempSync(join(tmpdir(), "baton-mutants-"));
/** A mutant may make a test wait for ever: then it has failed. */
const TEST_TIMEOUT_MS = 5000;
let runs = 0;

/** @param {string} text */
const literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * Runs the tests of some files whose names contain one of `names`, with or without a mutant.
 *
 * @param {readonly string[]} files
 * @param {readonly string[]} names
 * @param {string} mutant
 * @returns {Promise<{ results: TestResult[], output: string }>}
 */
async function runTests(files, names, mutant) {
  const report = join(directory, `${runs++}.json`);
  const args = [
    ...["run", ...files, "--testNamePattern", names.map(literally).join("|")],
    ...["--reporter=json", `--outputFile=${report}`, `--testTimeout=${TEST_TIMEOUT_MS}`],
    "--no-color",
  ];
  const env = { ...process.env, BATON_MUTANT: mutant };
  const { output } = await runQuietly(process.execPath, [vitest, ...args], { cwd: root, env });
  try {
    /** @type {{ testResults: { assertionResults: TestResult[] }[] }} */
    const { testResults } = JSON.parse(readFileSync(report, "utf8"));
    return { results: testResults.flatMap(({ assertionResults }) => assertionResults), output };
  } catch {
    return { results: [], output };
  }
}

/** @param {readonly Killer[]} killers */
const filesOf = (killers) => [...new Set(killers.map(({ file }) => file))];

/** A test in C++: a program is built with the mutant, and runs it. @param {Killer} killer */
const isNative = ({ file }) => file.includes("/native/test/");

/** Other packages may have a program of the same name. @param {string} source */
function programNameOf(source) {
  const [, package_] = source.split("/");
  return `${package_}/${basename(source).replace(/\.(cc|h)$/, "")}`;
}

/**
 * Runs tests in C++, with or without a mutant. One that ends its program, or never ends, has failed.
 *
 * @param {readonly Killer[]} killers
 * @param {string} mutant
 * @returns {Promise<TestResult[]>} Without those that are not there or do not compile.
 */
async function runNativeTests(killers, mutant) {
  /** @type {TestResult[]} */
  const results = [];
  for (const source of filesOf(killers)) {
    const tests = killers.filter(({ file }) => file === source).map(({ test }) => test);
    const planted = mutant === "" ? [] : ["--mutant", mutant];
    const asked = tests.flatMap((test) => ["--test", test]);
    const args = [nativeTests, ...planted, ...asked, programNameOf(source)];
    const { code, stdout } = await runQuietly(process.execPath, args, { cwd: root });
    if (code === NOTHING_BUILT || stdout.includes(": does not compile")) continue;
    const lines = stdout.split("\n");
    /** @param {string} verdict @param {string} test */
    const says = (verdict, test) => lines.some((line) => line.startsWith(`  ${verdict}: `) && line.includes(test));
    for (const test of tests) {
      if (says("not there", test)) continue;
      results.push({ fullName: test, status: says("passed", test) && !says("failed", test) ? "passed" : "failed" });
    }
  }
  return results;
}

/**
 * Runs the tests of `killers`, whatever they are written in.
 *
 * @param {readonly Killer[]} killers
 * @param {string} mutant
 * @returns {Promise<{ results: TestResult[], output: string }>}
 */
async function runKillers(killers, mutant) {
  const native = await runNativeTests(killers.filter(isNative), mutant);
  const others = killers.filter((killer) => !isNative(killer));
  if (others.length === 0) return { results: native, output: "no test in C++ was built and found" };
  const { results, output } = await runTests(filesOf(others), [...new Set(others.map(({ test }) => test))], mutant);
  return { results: [...native, ...results], output };
}

/** @param {readonly TestResult[]} results @param {Killer} killer */
function statusOf(results, { test }) {
  const found = results.filter(({ fullName, status }) => fullName.includes(test) && status !== "skipped");
  if (found.length === 0) return "missing";
  return found.some(({ status }) => status === "failed") ? "failed" : "passed";
}

/**
 * What stands in the way of a mutant being killed; nothing when it was.
 *
 * @param {Mutant} mutant
 * @returns {Promise<string[]>}
 */
async function attack(mutant) {
  try {
    applyMutant(mutant, readFileSync(join(root, mutant.file), "utf8"));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  const { killedBy } = mutant;
  const { results, output } = await runKillers(killedBy, mutant.name);
  if (results.length === 0) return [`no test ran:\n${output.trimEnd()}`];
  return killedBy
    .map((killer) => ({ killer, status: statusOf(results, killer) }))
    .filter(({ status }) => status !== "failed")
    .map(({ killer, status }) => `${status}: ${killer.file}: ${killer.test}`);
}

/**
 * The named tests pass without a mutant: otherwise their failure proves nothing.
 *
 * @param {readonly Mutant[]} chosen
 * @returns {Promise<string[]>}
 */
async function baseline(chosen) {
  const killers = chosen.flatMap(({ killedBy }) => killedBy);
  const { results } = await runKillers(killers, "");
  const bad = killers.filter((killer) => statusOf(results, killer) !== "passed");
  return [...new Set(bad.map((killer) => `${statusOf(results, killer)}: ${killer.file}: ${killer.test}`))];
}

/** @param {readonly Mutant[]} chosen @param {number} jobs @returns {Promise<boolean>} True when all were killed. */
async function attackAll(chosen, jobs) {
  const broken = await baseline(chosen);
  if (broken.length > 0) {
    console.log(`These tests must pass without a mutant and do not:\n  ${broken.join("\n  ")}`);
    return false;
  }
  const width = Math.max(...chosen.map(({ name }) => name.length));
  let killed = 0;
  /** @param {Mutant} mutant @param {boolean} last It survives for good when it survives this time. */
  const tryOne = async (mutant, last) => {
    const startMs = performance.now();
    const reasons = await attack(mutant);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const verdict = reasons.length === 0 ? "killed" : last ? "SURVIVED" : "again";
    console.log(
      `${verdict.padEnd(8)} ${mutant.promise.padEnd(10)} ${mutant.name.padEnd(width)} ${seconds.padStart(5)} s`,
    );
    if (last) for (const reason of reasons) console.log(`         ${reason}`);
    if (reasons.length === 0) killed++;
    return reasons.length === 0;
  };
  const queue = [...chosen];
  /** @type {Mutant[]} */
  const survivors = [];
  const worker = async () => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      if (!(await tryOne(mutant, jobs === 1))) survivors.push(mutant);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  // Beside others a test may be too slow to tell: alone it is not.
  if (jobs > 1) for (const mutant of survivors) await tryOne(mutant, true);
  console.log(`${killed} killed, ${chosen.length - killed} survived`);
  return killed === chosen.length;
}

const { values, positionals } = parseArgs({
  options: { jobs: { type: "string" }, without: { type: "string" } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !mutants.some((mutant) => mutant.name === name));
const jobs = Number(values.jobs ?? 1);
try {
  if (unknown.length > 0) {
    console.error(
      `There is no mutant called ${unknown.join(", ")}. There are:\n  ${mutants.map(({ name }) => name).join("\n  ")}`,
    );
    process.exitCode = 1;
  } else if (!Number.isInteger(jobs) || jobs < 1 || jobs > 16) {
    console.error("--jobs must be an integer from 1 to 16.");
    process.exitCode = 1;
  } else if (values.without !== undefined && values.without !== "native") {
    console.error('--without takes "native" only.');
    process.exitCode = 1;
  } else {
    const named = positionals.length === 0 ? mutants : mutants.filter(({ name }) => positionals.includes(name));
    const chosen = values.without === "native" ? named.filter((one) => !one.killedBy.some(isNative)) : named;
    if (chosen.length < named.length) console.log(`${named.length - chosen.length} left out: they need C++ programs`);
    if (!(await attackAll(chosen, jobs))) process.exitCode = 1;
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
