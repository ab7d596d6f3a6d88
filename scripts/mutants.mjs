// @ts-check
/**
 * Plants each mutant of `tests/mutants/list.mjs` in turn and runs the tests that must fail for it.
 *
 *   npm run mutants                    all
 *   npm run mutants -- NAME…           some
 *   npm run mutants -- --jobs 2        so many at a time; default 1
 *   npm run mutants -- --without native    those that need no C++ program built; how many are left out is printed
 *   npm run mutants -- --part 2/3      every third, from the second on; how many are left out is printed
 *
 * The last line is `N killed, N survived`; the exit code is 1 when one survived, or when its place in the source is no
 * longer there exactly once.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mutants } from "../tests/mutants/list.mjs";
import { applyMutant } from "../tests/mutants/plugin.mjs";
import { runQuietly } from "./child.mjs";
import { Bench } from "./mutants/benches.mjs";

/** @typedef {import("../tests/mutants/list.mjs").Mutant} Mutant */
/** @typedef {import("../tests/mutants/list.mjs").Killer} Killer */
/** @typedef {import("./mutants/bench.mjs").TestResult} TestResult */

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const nativeTests = join(root, "scripts/test-native.mjs");
/** What the runner of the tests in C++ exits with where there is no compiler. */
const NOTHING_BUILT = 3;
/** How long a test may take without a mutant. */
const BASELINE_TIMEOUT_MS = 60_000;
/** A mutant may make a test wait for ever: it has failed when it takes longer than this, and than so many times before. */
const TIMEOUT_MS = 5000;
const TIMEOUT_FACTOR = 4;
/** How long the slowest test of each file took without a mutant. @type {Map<string, number>} */
const slowestMs = new Map();

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
      const status = says("passed", test) && !says("failed", test) ? "passed" : "failed";
      results.push({ file: source, fullName: test, status, durationMs: 0 });
    }
  }
  return results;
}

/**
 * Runs the tests of `killers`, whatever they are written in.
 *
 * @param {Bench} bench
 * @param {readonly Killer[]} killers
 * @param {string} mutant
 * @returns {Promise<{ results: readonly TestResult[], output: string }>}
 */
async function runKillers(bench, killers, mutant) {
  const native = await runNativeTests(killers.filter(isNative), mutant);
  const others = killers.filter((killer) => !isNative(killer));
  if (others.length === 0) return { results: native, output: "no test in C++ was built and found" };
  const files = filesOf(others).map((file) => ({ file, tests: testsOf(others, file) }));
  const timeoutMs = mutant === "" ? BASELINE_TIMEOUT_MS : Math.max(...files.map(({ file }) => timeoutOf(file)));
  const { results, output } = await bench.run({ mutant, files, timeoutMs });
  return { results: [...native, ...results], output };
}

/** @param {string} file */
const timeoutOf = (file) => Math.max(TIMEOUT_MS, TIMEOUT_FACTOR * (slowestMs.get(file) ?? 0));

/** @param {readonly Killer[]} killers @param {string} file */
const testsOf = (killers, file) => [...new Set(killers.filter((one) => one.file === file).map(({ test }) => test))];

/** @param {readonly TestResult[]} results @param {Killer} killer */
function statusOf(results, { file, test }) {
  const found = results.filter((one) => one.file === file && one.fullName.includes(test));
  if (found.length === 0) return "missing";
  return found.some(({ status }) => status === "failed") ? "failed" : "passed";
}

/**
 * What stands in the way of a mutant being killed; nothing when it was.
 *
 * @param {Bench} bench
 * @param {Mutant} mutant
 * @returns {Promise<string[]>}
 */
async function attack(bench, mutant) {
  try {
    applyMutant(mutant, readFileSync(join(root, mutant.file), "utf8"));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  const { killedBy } = mutant;
  const { results, output } = await runKillers(bench, killedBy, mutant.name);
  if (results.length === 0) return [`no test ran:\n${output.trimEnd()}`];
  return killedBy
    .map((killer) => ({ killer, status: statusOf(results, killer) }))
    .filter(({ status }) => status !== "failed")
    .map(({ killer, status }) => `${status}: ${killer.file}: ${killer.test}`);
}

/**
 * The named tests pass without a mutant: otherwise their failure proves nothing. Each bench takes a share of the files.
 *
 * @param {readonly Bench[]} benches
 * @param {readonly Mutant[]} chosen
 * @returns {Promise<string[]>}
 */
async function baseline(benches, chosen) {
  const killers = chosen.flatMap(({ killedBy }) => killedBy);
  const waiting = filesOf(killers);
  /** @type {Set<string>} */
  const bad = new Set();
  /** @param {Bench} bench */
  const work = async (bench) => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const own = killers.filter((killer) => killer.file === file);
      const { results } = await runKillers(bench, own, "");
      slowestMs.set(file, Math.max(0, ...results.map(({ durationMs }) => durationMs)));
      for (const killer of own) {
        const status = statusOf(results, killer);
        if (status !== "passed") bad.add(`${status}: ${killer.file}: ${killer.test}`);
      }
    }
  };
  await Promise.all(benches.map(work));
  return [...bad];
}

/**
 * @param {readonly Mutant[]} chosen
 * @param {readonly Bench[]} benches So many at a time.
 * @returns {Promise<boolean>} True when all were killed.
 */
async function attackAll(chosen, benches) {
  const broken = await baseline(benches, chosen);
  if (broken.length > 0) {
    console.log(`These tests must pass without a mutant and do not:\n  ${broken.join("\n  ")}`);
    return false;
  }
  const width = Math.max(...chosen.map(({ name }) => name.length));
  let killed = 0;
  /** @param {Bench} bench @param {Mutant} mutant @param {boolean} last It survives for good when it survives this time. */
  const tryOne = async (bench, mutant, last) => {
    const startMs = performance.now();
    const reasons = await attack(bench, mutant);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const verdict = reasons.length === 0 ? "killed" : last ? "SURVIVED" : "again";
    console.log(
      `${verdict.padEnd(8)} ${mutant.promise.padEnd(24)} ${mutant.name.padEnd(width)} ${seconds.padStart(5)} s`,
    );
    if (last) for (const reason of reasons) console.log(`         ${reason}`);
    if (reasons.length === 0) killed++;
    return reasons.length === 0;
  };
  const queue = [...chosen];
  /** @type {Mutant[]} */
  const survivors = [];
  const alone = benches.length === 1;
  /** @param {Bench} bench */
  const work = async (bench) => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      if (!(await tryOne(bench, mutant, alone))) survivors.push(mutant);
    }
  };
  await Promise.all(benches.map(work));
  // Beside others a test may be too slow to tell: alone it is not.
  const [first] = benches;
  if (!alone && first !== undefined) for (const mutant of survivors) await tryOne(first, mutant, true);
  console.log(`${killed} killed, ${chosen.length - killed} survived`);
  return killed === chosen.length;
}

/**
 * Which of a list are in a part of it; nothing when that is no part.
 *
 * @param {string} part Such as "2/3".
 * @returns {((one: unknown, index: number) => boolean) | undefined}
 */
function filterOf(part) {
  const [, which = 0, of = 0] = (/^([1-9]\d?)\/([1-9]\d?)$/.exec(part) ?? []).map(Number);
  return which >= 1 && which <= of ? (_, index) => index % of === which - 1 : undefined;
}

const { values, positionals } = parseArgs({
  options: { jobs: { type: "string" }, without: { type: "string" }, part: { type: "string", default: "1/1" } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !mutants.some((mutant) => mutant.name === name));
const jobs = Number(values.jobs ?? 1);
const isInPart = filterOf(values.part);
/** @type {Bench[]} */
const benches = [];
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
  } else if (isInPart === undefined) {
    console.error("--part must be such as 2/3: the second of three.");
    process.exitCode = 1;
  } else {
    const named = positionals.length === 0 ? mutants : mutants.filter(({ name }) => positionals.includes(name));
    const built = values.without === "native" ? named.filter((one) => !one.killedBy.some(isNative)) : named;
    if (built.length < named.length) console.log(`${named.length - built.length} left out: they need C++ programs`);
    const chosen = built.filter(isInPart);
    if (chosen.length < built.length) console.log(`${built.length - chosen.length} left to the other parts`);
    for (let count = 0; count < jobs; count++) benches.push(new Bench());
    if (!(await attackAll(chosen, benches))) process.exitCode = 1;
  }
} finally {
  for (const bench of benches) bench.close();
}
