// Builds the native half of a driver and puts it where its package looks for it:
//   node scripts/build-native.mjs driver-uring [--asan]
// Where it cannot be built (no compiler, no liburing) it says so in one line and succeeds, because the libuv driver
// works without it; with BATON_REQUIRE_NATIVE=1 it fails.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const [name, ...flags] = process.argv.slice(2);
if (name === undefined || !existsSync(join(root, "packages", name, "binding.gyp"))) {
  console.error("usage: node scripts/build-native.mjs driver-uring|driver-epoll [--asan]");
  process.exit(2);
}
const asan = flags.includes("--asan");
const directory = join(root, "packages", name);
const target = name.replace("-", "_");

/** Ends the script where there is no native half to be had. */
function giveUp(reason) {
  console.error(`${name}: native half not built: ${reason}`);
  process.exit(process.env.BATON_REQUIRE_NATIVE === "1" ? 1 : 0);
}

if (process.platform !== "linux") giveUp(`${process.platform} has neither io_uring nor epoll`);
if (name === "driver-uring" && !existsSync("/usr/include/liburing.h")) giveUp("the liburing headers are not installed");

// The headers that came with this Node, where they did; otherwise node-gyp fetches them.
const prefix = dirname(dirname(process.execPath));
const nodedir = existsSync(join(prefix, "include", "node", "node_api.h")) ? [`--nodedir=${prefix}`] : [];

const gyp = createRequire(import.meta.url).resolve("node-gyp/bin/node-gyp.js");
// A build with sanitizers has its own directory and never replaces the real one.
const arguments_ = asan ? ["--", "-Dasan=1"] : [];
for (const step of [["configure", ...arguments_], ["build"]]) {
  const run = spawnSync(process.execPath, [gyp, ...nodedir, ...step], { cwd: directory, encoding: "utf8" });
  if (run.status !== 0) {
    const lines = `${run.stdout}\n${run.stderr}`.split("\n").filter((line) => /error|not found|fatal/i.test(line));
    if (process.env.BATON_REQUIRE_NATIVE === "1") console.error(run.stdout, run.stderr);
    giveUp(lines[0]?.trim() ?? `node-gyp ${step[0]} failed`);
  }
}
const output = asan
  ? join(directory, "build", "asan")
  : join(directory, "prebuilds", `${process.platform}-${process.arch}`);
mkdirSync(output, { recursive: true });
const file = join(output, `${name}.node`);
// Never write into a file that a running process has mapped.
copyFileSync(join(directory, "build", "Release", `${target}.node`), `${file}.tmp`);
renameSync(`${file}.tmp`, file);
