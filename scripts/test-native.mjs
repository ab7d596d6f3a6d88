// @ts-check
/**
 * Builds and runs the C++ tests of the shared native half and of the engines, without Node:
 *
 *   node scripts/test-native.mjs [--sanitize address|thread|none|all] [NAME...]
 *
 * One line per program, then what failed in full; the last line is `N passed, N failed`. Exit code 1 when something
 * failed, 3 when nothing could be built here. A program is built again only when a source of it has changed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runQuietly } from "./child.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const output = join(root, ".baton", "native-test");
const RUN_TIMEOUT_MS = 120_000;

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

/** @param {Suite} suite */
const nativeDirectory = (suite) => join(root, "packages", suite.package, "native");

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
  return readdirSync(directory)
    .filter((file) => file.endsWith("_test.cc"))
    .map((file) => basename(file, ".cc"))
    .filter((name) => names.length === 0 || names.includes(name))
    .filter((name) => sanitizer === "none" || name.includes("_thread_") === (sanitizer === "thread"))
    .map((name) => ({ suite, name, sanitizer }));
}

/** A fingerprint of every native source: what a program includes is not worth finding out. */
function fingerprintSources() {
  const hash = createHash("sha256");
  for (const name of ["core", "driver-uring", "driver-epoll"]) {
    const directory = join(root, "packages", name, "native");
    if (!existsSync(directory)) continue;
    for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()) {
      if (/\.(h|cc)$/.test(file)) hash.update(file).update(readFileSync(join(directory, file)));
    }
  }
  return hash.digest("hex");
}

/** @param {Program} program */
const binaryOf = ({ suite, name, sanitizer }) => join(output, `${suite.package}-${name}-${sanitizer}`);

/** @param {Program} program @returns {string[]} */
function compilerArguments(program) {
  const { suite, name, sanitizer } = program;
  const include = ["core/native", "core/native/test", `${suite.package}/native`];
  return [
    ...flags,
    ...sanitizers[sanitizer],
    ...include.map((path) => `-I${join(root, "packages", path)}`),
    join(nativeDirectory(suite), "test", `${name}.cc`),
    ...(suite.package === "core" ? [] : engineSources(suite)),
    ...["-o", binaryOf(program)],
    ...suite.libraries,
    "-pthread",
  ];
}

/**
 * @param {Program} program @param {string} sources Fingerprint of them.
 * @returns {Promise<{ passed: number, failed: number, line: string, failures: string }>}
 */
async function runProgram(program, sources) {
  const binary = binaryOf(program);
  const title = `${program.suite.package}/${program.name} (${program.sanitizer})`;
  const arguments_ = compilerArguments(program);
  const stamp = createHash("sha256")
    .update(`${sources} ${arguments_.join(" ")}`)
    .digest("hex");
  const stampFile = `${binary}.stamp`;
  if (!existsSync(binary) || !existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
    const build = await runQuietly("g++", arguments_);
    if (build.code !== 0) {
      return { passed: 0, failed: 1, line: `${title}: does not compile`, failures: build.output };
    }
    writeFileSync(stampFile, stamp);
  }
  const startMs = performance.now();
  const test = await runQuietly(binary, [], { env: environment, timeoutMs: RUN_TIMEOUT_MS });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const last = test.stdout.trimEnd().split("\n").at(-1) ?? "";
  const counts = /(\d+) passed, (\d+) failed/.exec(last);
  const passed = Number(counts?.[1] ?? 0);
  // A program that dies, or says nothing, has failed whatever it counted before.
  const failed = test.code === 0 && passed > 0 ? 0 : Math.max(1, Number(counts?.[2] ?? 0));
  return { passed, failed, line: `${title}, ${seconds} s: ${last}`, failures: failed > 0 ? test.output : "" };
}

/** @param {readonly Program[]} programs */
async function runAll(programs) {
  mkdirSync(output, { recursive: true });
  const sources = fingerprintSources();
  const waiting = [...programs];
  let passed = 0;
  let failed = 0;
  const work = async () => {
    for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
      const result = await runProgram(program, sources);
      passed += result.passed;
      failed += result.failed;
      console.log(result.line);
      if (result.failures !== "") console.log(result.failures.trimEnd());
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

/** @param {string} sanitize @returns {readonly (keyof typeof sanitizers)[] | undefined} */
function chooseSanitizers(sanitize) {
  if (sanitize === "all") return ["address", "thread"];
  return Object.hasOwn(sanitizers, sanitize) ? [/** @type {keyof typeof sanitizers} */ (sanitize)] : undefined;
}

const { values, positionals } = parseArgs({
  options: { sanitize: { type: "string", default: "address" } },
  allowPositionals: true,
});
const chosen = chooseSanitizers(values.sanitize);
if (chosen === undefined) {
  console.error("usage: node scripts/test-native.mjs [--sanitize address|thread|none|all] [NAME...]");
  process.exit(2);
}
if (spawnSync("g++", ["--version"]).status !== 0) {
  console.log("skipped: there is no g++");
  process.exit(3);
}
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
process.exitCode = (await runAll(programs)) ? 0 : 1;
