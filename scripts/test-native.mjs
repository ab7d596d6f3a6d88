// Builds and runs the C++ tests of the shared native half and of the engines, without Node:
//   node scripts/test-native.mjs [--sanitize address|thread] [NAME...]
// Prints what each program prints; its last line counts. Exit code 1 when one fails.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const names = process.argv.slice(2);
let sanitize = "address";
const flag = names.indexOf("--sanitize");
if (flag >= 0) [, sanitize] = names.splice(flag, 2);
const sanitizers = { address: "address,undefined", thread: "thread" };
if (!(sanitize in sanitizers)) {
  console.error("usage: node scripts/test-native.mjs [--sanitize address|thread] [NAME...]");
  process.exit(2);
}

/** The test programs, and what each is built with. */
const suites = [
  { directory: "packages/core/native/test", include: [], libraries: [] },
  {
    directory: "packages/driver-uring/native/test",
    include: ["packages/driver-uring/native"],
    libraries: ["-l:liburing.a"],
    header: "/usr/include/liburing.h",
  },
  {
    directory: "packages/driver-epoll/native/test",
    include: ["packages/driver-epoll/native"],
    libraries: [],
    sources: ["packages/driver-epoll/native/engine_start.cc", "packages/driver-epoll/native/engine_events.cc"],
  },
];

const warnings = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"];
const common = [
  "-std=c++20",
  "-O1",
  "-g",
  "-fno-exceptions",
  "-fno-rtti",
  "-fno-omit-frame-pointer",
  `-fsanitize=${sanitizers[sanitize]}`,
  "-fno-sanitize-recover=all",
];
const output = join(root, ".baton", "native-test");
mkdirSync(output, { recursive: true });
const environment = {
  ...process.env,
  ASAN_OPTIONS: "detect_leaks=1:allow_user_segv_handler=1:handle_segv=0:handle_sigbus=0",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};

let failed = 0;
for (const suite of suites) {
  const directory = join(root, suite.directory);
  if (!existsSync(directory)) continue;
  if (suite.header !== undefined && !existsSync(suite.header)) {
    console.log(`skipped: ${suite.directory}: ${suite.header} is not installed`);
    continue;
  }
  for (const file of readdirSync(directory).filter((name) => name.endsWith("_test.cc"))) {
    const name = basename(file, ".cc");
    if (names.length > 0 && !names.includes(name)) continue;
    // A test that needs one sanitizer says so in its name: worker_pool_thread_test runs under thread only.
    if (name.includes("_thread_") !== (sanitize === "thread")) continue;
    if (!run(suite, directory, name)) failed++;
  }
}
process.exit(failed === 0 ? 0 : 1);

function run(suite, directory, name) {
  const binary = join(output, `${suite.directory.split("/")[1]}-${name}-${sanitize}`);
  const include = ["packages/core/native", "packages/core/native/test", ...suite.include].map(
    (path) => `-I${join(root, path)}`,
  );
  const source = join(directory, `${name}.cc`);
  const build = spawnSync(
    "g++",
    [
      ...common,
      ...warnings,
      ...include,
      source,
      ...(suite.sources ?? []).map((path) => join(root, path)),
      "-o",
      binary,
      ...suite.libraries,
      "-pthread",
    ],
    { encoding: "utf8" },
  );
  if (build.status !== 0) {
    console.log(`${name}: does not compile\n${build.stderr}`);
    return false;
  }
  const started = Date.now();
  const test = spawnSync(binary, [], { encoding: "utf8", env: environment, timeout: 120_000 });
  const lines = test.stdout.trimEnd().split("\n");
  console.log(
    `${suite.directory.split("/")[1]}/${name} (${sanitize}, ${((Date.now() - started) / 1000).toFixed(1)} s): ${lines.pop()}`,
  );
  if (test.status === 0) return true;
  console.log([...lines, test.stderr].join("\n"));
  return false;
}
