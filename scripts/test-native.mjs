// @ts-check
/**
 * Builds and runs the C++ tests of the shared native half and of the engines, without Node:
 *
 *   node scripts/test-native.mjs [--sanitize address|thread|none|all] [--test TEXT] [--mutant MUTANT] [--list] [NAME...]
 *
 * A name is that of a program or of a header of its cases; `PACKAGE/NAME` is the one of that package, where others have
 * programs of the same name. `--test` runs the tests whose sentences contain the text, and
 * names those that pass; it may be given several times. `--mutant` builds a copy of the sources with a mutant of
 * `tests/mutants` in it. `--list` says which programs would run.
 *
 * One line per program, then what failed in full; the last line is `N passed, N failed`. Exit code 1 when something
 * failed, 3 when nothing could be built here. A program is built again only when a source of it has changed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mutants } from "../tests/mutants/list.mjs";
import { applyMutant } from "../tests/mutants/plugin.mjs";
import { runQuietly } from "./child.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const output = join(root, ".baton", "native-test");
const RUN_TIMEOUT_MS = 120_000;
/** A mutant may make a program wait for ever. */
const MUTANT_TIMEOUT_MS = 20_000;
const packageNames = ["core", "driver-uring", "driver-epoll"];

/** Compiler flags by sanitizer; `none` is built as the addons are, optimised. */
const sanitizers = {
  address: ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  thread: ["-O1", "-fsanitize=thread", "-fno-sanitize-recover=all"],
  none: ["-O2"],
};
const flags = [
  ...["-std=c++20", "-g", "-fno-exceptions", "-fno-rtti", "-fno-omit-frame-pointer"],
  ...["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"],
];
const environment = {
  ...process.env,
  ASAN_OPTIONS: "detect_leaks=1:allow_user_segv_handler=1:handle_segv=0:handle_sigbus=0",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};

/**
 * A directory of test programs, and what they are built with.
 *
 * @typedef {object} Suite
 * @property {string} package
 * @property {readonly string[]} libraries
 * @property {string} [header] It cannot be built without this one.
 */

/** @type {readonly Suite[]} */
const suites = [
  { package: "core", libraries: [] },
  { package: "driver-uring", libraries: ["-l:liburing.a"], header: "/usr/include/liburing.h" },
  { package: "driver-epoll", libraries: [] },
];

/**
 * One test program under one sanitizer.
 *
 * @typedef {{ suite: Suite, name: string, sanitizer: keyof typeof sanitizers }} Program
 */

/** Where the sources are that are built: those of the repository, or a copy of them with a mutant. */
let sourceRoot = root;

/** @param {Suite} suite */
const nativeDirectory = (suite) => join(sourceRoot, "packages", suite.package, "native");

/**
 * Sources of an engine: those of the addon that know nothing of Node.
 *
 * @param {Suite} suite
 */
function engineSources(suite) {
  const directory = nativeDirectory(suite);
  return readdirSync(directory)
    .filter((name) => name.endsWith(".cc"))
    .map((name) => join(directory, name))
    .filter((path) => !/#include <(napi|node_api)\.h>/.test(readFileSync(path, "utf8")));
}

/**
 * A program with `_thread_` in its name is for the thread sanitizer; all others are for the address sanitizer. Plain,
 * every program runs.
 *
 * @param {Suite} suite @param {keyof typeof sanitizers} sanitizer @param {readonly string[]} names
 * @returns {Program[]}
 */
function programsOf(suite, sanitizer, names) {
  const directory = join(nativeDirectory(suite), "test");
  if (!existsSync(directory)) return [];
  const prefix = `${suite.package}/`;
  const own = names
    .filter((name) => !name.includes("/") || name.startsWith(prefix))
    .map((name) => name.slice(name.lastIndexOf("/") + 1));
  /** @param {string} file */
  const isNamed = (file) => {
    const text = readFileSync(join(directory, file), "utf8");
    return own.some((name) => name === basename(file, ".cc") || text.includes(`#include "${name}.h"`));
  };
  return readdirSync(directory)
    .filter((file) => file.endsWith("_test.cc"))
    .filter((file) => names.length === 0 || isNamed(file))
    .map((file) => basename(file, ".cc"))
    .filter((name) => sanitizer === "none" || name.includes("_thread_") === (sanitizer === "thread"))
    .map((name) => ({ suite, name, sanitizer }));
}

/** A fingerprint of every native source: what a program includes is not worth finding out. */
function fingerprintSources() {
  const hash = createHash("sha256");
  for (const name of packageNames) {
    const directory = join(sourceRoot, "packages", name, "native");
    if (!existsSync(directory)) continue;
    for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()) {
      if (/\.(h|cc)$/.test(file)) hash.update(file).update(readFileSync(join(directory, file)));
    }
  }
  return hash.digest("hex");
}

/** Where something is built. @param {Program["suite"]} suite @param {string} name @param {Program["sanitizer"]} sanitizer */
const placeOf = (suite, name, sanitizer) =>
  join(output, [suite.package, name, sanitizer, ...(values.mutant === undefined ? [] : [values.mutant])].join("-"));

/** @param {Program} program */
const binaryOf = ({ suite, name, sanitizer }) => placeOf(suite, name, sanitizer);

/** What of the engine is built once for all programs of a suite. @param {Program} program */
const objectsOf = ({ suite, sanitizer }) =>
  suite.package === "core"
    ? []
    : engineSources(suite).map((source) => ({
        source,
        object: `${placeOf(suite, basename(source, ".cc"), sanitizer)}.o`,
        suite,
        sanitizer,
      }));

/** @param {Suite} suite @param {Program["sanitizer"]} sanitizer @returns {string[]} */
function compilerFlags(suite, sanitizer) {
  const include = ["core/native", "core/native/test", `${suite.package}/native`];
  return [
    ...flags,
    ...sanitizers[sanitizer],
    // Optimising is what takes the compiler long.
    ...(values.mutant === undefined ? [] : ["-O0"]),
    ...include.map((path) => `-I${join(sourceRoot, "packages", path)}`),
    "-pthread",
  ];
}

/** @param {Program} program @returns {string[]} */
function compilerArguments(program) {
  const { suite, name, sanitizer } = program;
  return [
    ...compilerFlags(suite, sanitizer),
    join(nativeDirectory(suite), "test", `${name}.cc`),
    ...objectsOf(program).map(({ object }) => object),
    ...["-o", binaryOf(program)],
    ...suite.libraries,
  ];
}

/**
 * Runs the compiler, unless what it would make is there and of the same sources.
 *
 * @param {string} made @param {readonly string[]} arguments_ @param {string} sources Fingerprint of them.
 * @returns {Promise<string | undefined>} What the compiler had to say when it failed.
 */
async function compile(made, arguments_, sources) {
  const stamp = createHash("sha256")
    .update(`${sources} ${arguments_.join(" ")}`)
    .digest("hex");
  const stampFile = `${made}.stamp`;
  if (existsSync(made) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return undefined;
  const { code, output: said } = await runQuietly("g++", arguments_);
  if (code !== 0) return said;
  writeFileSync(stampFile, stamp);
  return undefined;
}

/**
 * @param {Program} program @param {string} sources Fingerprint of them.
 * @returns {Promise<{ passed: number, failed: number, line: string, failures: string }>}
 */
async function runProgram(program, sources) {
  const binary = binaryOf(program);
  const title = `${program.suite.package}/${program.name} (${program.sanitizer})`;
  const failures = await compile(binary, compilerArguments(program), sources);
  if (failures !== undefined) return { passed: 0, failed: 1, line: `${title}: does not compile`, failures };
  const startMs = performance.now();
  // Each test that is asked for has a process of its own: one that dies takes no other with it.
  const runs = [];
  for (const text of values.test ?? [undefined]) runs.push(await runBinary(binary, text));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  return {
    passed: runs.reduce((sum, run) => sum + run.passed, 0),
    failed: runs.reduce((sum, run) => sum + run.failed, 0),
    line: `${title}, ${seconds} s: ${runs.map(({ last }) => last).join(" · ")}`,
    failures: runs
      .filter(({ failed }) => failed > 0 || values.test !== undefined)
      .map(({ output }) => output)
      .join(""),
  };
}

/**
 * One run of a program.
 *
 * @param {string} binary
 * @param {string | undefined} text Of the names of the tests to run; all without.
 */
async function runBinary(binary, text) {
  const timeoutMs = values.mutant === undefined ? RUN_TIMEOUT_MS : MUTANT_TIMEOUT_MS;
  const run = await runQuietly(binary, text === undefined ? [] : [text], { env: environment, timeoutMs });
  const last = run.stdout.trimEnd().split("\n").at(-1) ?? "";
  const counts = /(\d+) passed, (\d+) failed/.exec(last);
  const passed = Number(counts?.[1] ?? 0);
  // A program that dies, or says nothing, has failed whatever it counted before.
  const failed = run.code === 0 && passed > 0 ? 0 : Math.max(1, Number(counts?.[2] ?? 0));
  return { passed, failed, last, output: run.output };
}

/**
 * Does something with each, as many at a time as there are processors.
 *
 * @template T
 * @param {readonly T[]} all @param {(one: T) => Promise<void>} action
 */
async function forEach(all, action) {
  const waiting = [...all];
  const work = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await action(one);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** @param {readonly Program[]} programs */
async function runAll(programs) {
  mkdirSync(output, { recursive: true });
  const sources = fingerprintSources();
  let passed = 0;
  let failed = 0;
  const objects = new Map(programs.flatMap(objectsOf).map((one) => [one.object, one]));
  await forEach([...objects.values()], async ({ source, object, suite, sanitizer }) => {
    const failures = await compile(object, [...compilerFlags(suite, sanitizer), "-c", source, "-o", object], sources);
    if (failures === undefined) return;
    failed++;
    console.log(`${suite.package}/${basename(source)} (${sanitizer}): does not compile\n${failures.trimEnd()}`);
  });
  await forEach(failed > 0 ? [] : programs, async (program) => {
    const result = await runProgram(program, sources);
    passed += result.passed;
    failed += result.failed;
    console.log(result.line);
    if (result.failures !== "") console.log(result.failures.trimEnd());
  });
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

/**
 * A copy of the native sources with the mutant in it.
 *
 * @param {string} name
 */
function plantMutant(name) {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant called ${name}`);
  const copy = join(output, `mutant-${name}`);
  rmSync(copy, { recursive: true, force: true });
  for (const package_ of packageNames) {
    const directory = join("packages", package_, "native");
    cpSync(join(root, directory), join(copy, directory), { recursive: true });
  }
  writeFileSync(join(copy, mutant.file), applyMutant(mutant, readFileSync(join(root, mutant.file), "utf8")));
  return copy;
}

/** @param {string} sanitize @returns {readonly (keyof typeof sanitizers)[] | undefined} */
function chooseSanitizers(sanitize) {
  if (sanitize === "all") return ["address", "thread"];
  return Object.hasOwn(sanitizers, sanitize) ? [/** @type {keyof typeof sanitizers} */ (sanitize)] : undefined;
}

const { values, positionals } = parseArgs({
  options: {
    sanitize: { type: "string", default: "address" },
    test: { type: "string", multiple: true },
    mutant: { type: "string" },
    list: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const chosen = chooseSanitizers(values.sanitize);
if (chosen === undefined) {
  console.error("usage: node scripts/test-native.mjs [--sanitize address|thread|none|all] [NAME...]");
  process.exit(2);
}
if (!values.list && spawnSync("g++", ["--version"]).status !== 0) {
  console.log("skipped: there is no g++");
  process.exit(3);
}
if (values.mutant !== undefined) sourceRoot = plantMutant(values.mutant);
/** @type {Program[]} */
const programs = [];
for (const suite of suites) {
  if (suite.header !== undefined && !existsSync(suite.header)) {
    console.log(`skipped: the C++ tests of ${suite.package}: ${suite.header} is not installed`);
  } else {
    for (const sanitizer of chosen) programs.push(...programsOf(suite, sanitizer, positionals));
  }
}
if (programs.length === 0) {
  console.error(`no test program is called ${positionals.join(", ")}`);
  process.exit(2);
}
if (values.list) {
  for (const { suite, name, sanitizer } of programs) console.log(`${suite.package}/${name} (${sanitizer})`);
} else {
  process.exitCode = (await runAll(programs)) ? 0 : 1;
}
if (values.mutant !== undefined) {
  const made = programs.flatMap((program) => [binaryOf(program), ...objectsOf(program).map(({ object }) => object)]);
  for (const path of made) for (const file of [path, `${path}.stamp`]) rmSync(file, { force: true });
  rmSync(sourceRoot, { recursive: true, force: true });
}
