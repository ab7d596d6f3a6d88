/** The child that is sent ahead: this runtime once more, with a script of three lines. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { ChildEnd, SendChild } from "./ask-kernel.js";

/** Far more than a start takes (50 ms, measured with Node 20); what hangs longer is not waited for. */
const CHILD_LIMIT_MS = 5000;
/** How often a child that has begun to ask is looked after. */
const LOOK_MS = 50;

/** Set for the child. A program whose executable ignores the arguments below would otherwise send child after child. */
const MARK = "BATON_PROBE_CHILD";
/** What the child says before it asks. */
const ASKING = "asking\n";

/** Loads the addon and prints its answers. A script and not a file: no bundler can lose it. */
const SCRIPT = `
const [addon, entries] = process.argv.slice(-2);
const { probeKernel } = require("node:module").createRequire(addon)(addon);
const { writeSync } = require("node:fs");
writeSync(1, ${JSON.stringify(ASKING)});
writeSync(1, JSON.stringify(probeKernel(Number(entries))));
`;

/** Arguments that make this runtime run the script. */
function scriptArguments(versions: Readonly<Record<string, string | undefined>>): readonly string[] {
  // Deno reads a script as a module, and has `require` only when asked for.
  return versions["deno"] === undefined ? ["-e", SCRIPT] : ["eval", "--ext=cjs", SCRIPT];
}

/**
 * True when the executable is a runtime that takes a script. One that an application was built into (a single
 * executable, `bun build --compile`) would start the application a second time.
 */
function isRuntime(): boolean {
  return (
    /^(node|nodejs|bun|deno)[-\d.]*$/.test(basename(process.execPath)) || process.versions["electron"] !== undefined
  );
}

/** Sends a child of this process. */
export const sendChild: SendChild = async (addon, entries) => {
  const refuse = (why: string): ChildEnd => ({ kind: "not-started", why, denied: false });
  if (process.env[MARK] !== undefined) return refuse("this process is such a child");
  if (!isRuntime()) return refuse(`${process.execPath} is no runtime that takes a script`);
  // NODE_OPTIONS may load what the program needs and the child does not; coverage would be written twice.
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...env } = process.env;
  try {
    const child = spawn(process.execPath, [...scriptArguments(process.versions), addon, String(entries)], {
      stdio: ["ignore", "pipe", "ignore"],
      windowsHide: true,
      // An executable made by Electron is Node only when it is told to be.
      env: { ...env, [MARK]: "1", ELECTRON_RUN_AS_NODE: "1" },
    });
    return await watch(child);
  } catch (error) {
    return notStarted(error);
  }
};

/** Waits for the child's end, and ends it when it will not come by itself. */
async function watch(child: ChildProcess): Promise<ChildEnd> {
  let stdout = "";
  let ended: ChildEnd | undefined;
  // A child that will not go must not keep the program from ending either.
  const endWith = (end: ChildEnd) => {
    ended ??= end;
    child.kill("SIGKILL");
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const limit = setTimeout(() => endWith({ kind: "timeout", afterMs: CHILD_LIMIT_MS }), CHILD_LIMIT_MS);
  let deadLooks = 0;
  const look = setInterval(() => {
    // Seen twice, because a child that has ended altogether looks so until it is collected.
    if (!stdout.startsWith(ASKING) || !isMainThreadDead(child)) deadLooks = 0;
    else if (++deadLooks > 1) endWith({ kind: "thread-died" });
  }, LOOK_MS);
  try {
    return await new Promise<ChildEnd>((resolve) => {
      child.on("error", (error) => resolve(notStarted(error)));
      child.on("close", (code, signal) => {
        const own: ChildEnd =
          signal === null
            ? { kind: "exited", code: code ?? 1, stdout: stdout.slice(ASKING.length) }
            : { kind: "signal", signal };
        resolve(ended ?? own);
      });
    });
  } finally {
    clearTimeout(limit);
    clearInterval(look);
  }
}

/**
 * A filter with SECCOMP_RET_KILL_THREAD kills the thread that asked and leaves the others: the process stays, and its
 * main thread is a zombie. Source: seccomp(2).
 */
function isMainThreadDead(child: ChildProcess): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${child.pid}/status`, "utf8"));
  } catch {
    // It has ended in the meantime, or /proc is not there: then the limit has to do.
    return false;
  }
}

function notStarted(error: unknown): ChildEnd {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const why = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error);
  return { kind: "not-started", why, denied: code === "ERR_ACCESS_DENIED" || /NotCapable|PermissionDenied/.test(why) };
}
