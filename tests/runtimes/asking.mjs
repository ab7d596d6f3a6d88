// @ts-check
/**
 * Detection on a runtime, where a seccomp filter kills and where the runtime forbids: `asking.mjs PROGRAM [ARGUMENT...]`
 * with the command that runs a script. Whatever the filter does to whichever of io_uring's calls, a program lives as long
 * as the runtime itself does; whatever the runtime forbids, another driver is used. One line per check; the last one is
 * `N passed, N failed`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runQuietly } from "../../scripts/child.mjs";
import { root } from "../../scripts/setup.mjs";

const PROGRAM = join(root, "packages/detect/test/seccomp/asking-program.mjs");
const PLAIN = join(root, "packages/detect/test/seccomp/plain-program.mjs");
/** A thread that was killed leaves a process that never ends. */
const TIMEOUT_MS = 10_000;
const [program = process.execPath, ...args] = process.argv.slice(2);
const isDeno = /deno$/.test(program);
const directory = mkdtempSync(join(tmpdir(), "baton-asking-"));
const launcher = join(directory, "launcher");
let passed = 0;
let failed = 0;

/** @param {string} what @param {boolean} good @param {string} seen */
function check(what, good, seen) {
  if (good) passed++;
  else failed++;
  if (!good) console.log(`failed: ${what}\n${seen}`);
}

/** @param {string} path @param {readonly string[]} parameters @param {Record<string, string>} [variables] */
async function run(path, parameters, variables = {}) {
  const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "", BATON_LOG: "silent", ...variables };
  const { code, stdout, output } = await runQuietly(path, parameters, { cwd: root, env, timeoutMs: TIMEOUT_MS });
  return { code, stdout: stdout.trim(), output };
}

async function checkFilters() {
  for (const action of ["KILL_PROCESS", "KILL_THREAD", "TRAP", "TRACE"]) {
    for (const call of ["setup", "enter", "register"]) {
      const what = `${action} to ${call}`;
      const plain = await run(launcher, [action, call, program, ...args, PLAIN]);
      if (plain.code !== 0) {
        console.log(`skipped: ${what}: the runtime makes the call itself, and does not live`);
        continue;
      }
      const { code, stdout, output } = await run(launcher, [action, call, program, ...args, PROGRAM]);
      const cause = action === "TRACE" ? /^epoll SECCOMP_(ERRNO|PARTIAL)$/ : /^epoll SECCOMP_KILL$/;
      check(what, code === 0 && cause.test(stdout), output);
    }
  }
  const allowed = await run(launcher, ["LOG", "all", program, ...args, PROGRAM]);
  check("a filter that allows everything", allowed.stdout === "uring OK", allowed.output);
  const off = await run(launcher, ["KILL_PROCESS", "register", program, ...args, PROGRAM], { BATON_PROBE: "off" });
  check("BATON_PROBE=off", off.stdout === "epoll PROBE_OFF", off.output);
}

/** Everything but one permission at a time, and what the driver is then. */
async function checkDenoPermissions() {
  const all = ["env", "sys", "read", "run", "ffi", "net", "write"];
  /** @type {Record<string, RegExp>} */
  const expected = { read: /^libuv /, ffi: /^libuv RUNTIME_PERMISSION$/ };
  const script = join(root, "tests/runtimes/open-program.mjs");
  for (const missing of all) {
    const permissions = all.filter((name) => name !== missing).map((name) => `--allow-${name}`);
    const { code, stdout, output } = await run(program, ["run", "--no-prompt", ...permissions, script]);
    check(`without --allow-${missing}`, code === 0 && (expected[missing] ?? /^uring OK$/).test(stdout), output);
  }
  const { stdout, output } = await run(program, ["run", "--no-prompt", "--allow-ffi", "--allow-read", script]);
  check("with what the remedy names and nothing else", stdout === "uring OK", output);
}

try {
  const source = join(root, "packages/detect/test/seccomp/launcher.c");
  const compiled = await run("cc", ["-std=c17", "-D_GNU_SOURCE", source, "-o", launcher]);
  if (compiled.code === 0) await checkFilters();
  else check("the launcher compiles", false, compiled.output);
  if (isDeno) await checkDenoPermissions();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
