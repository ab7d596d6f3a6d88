/** The child that is sent ahead: this runtime once more, with a script of one line. */
import { execFile } from "node:child_process";
import { basename } from "node:path";
import type { ChildEnd, SendChild } from "./ask-kernel.js";

/** Far more than a start takes (50 ms, measured with Node 20); what hangs longer is not waited for. */
const CHILD_LIMIT_MS = 5000;

/** Set for the child. A program whose executable ignores the arguments below would otherwise send child after child. */
const MARK = "BATON_PROBE_CHILD";

/** Loads the addon and prints its answers. Run as a script so that it needs no file that a bundler could lose. */
const SCRIPT = `
const { createRequire } = require("node:module");
const [addon, entries] = process.argv.slice(-2);
process.stdout.write(JSON.stringify(createRequire(addon)(addon).probeKernel(Number(entries))));
`;

/** Arguments that make this runtime run the script. */
function scriptArguments(versions: Readonly<Record<string, string | undefined>>): readonly string[] {
  // Deno reads a script as a module, and has `require` only when asked for.
  if (versions["deno"] !== undefined) {
    return ["eval", "--ext=cjs", SCRIPT];
  }
  return ["-e", SCRIPT];
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
export const sendChild: SendChild = (addon, entries) => {
  const refuse = (why: string) => Promise.resolve<ChildEnd>({ kind: "not-started", why, denied: false });
  if (process.env[MARK] !== undefined) return refuse("this process is such a child");
  if (!isRuntime()) return refuse(`${process.execPath} is no runtime that takes a script`);
  // NODE_OPTIONS may load what the program needs and the child does not; coverage would be written twice.
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...env } = process.env;
  const command = [...scriptArguments(process.versions), addon, String(entries)];
  return new Promise<ChildEnd>((resolve) => {
    try {
      execFile(
        process.execPath,
        command,
        {
          encoding: "utf8",
          timeout: CHILD_LIMIT_MS,
          killSignal: "SIGKILL",
          windowsHide: true,
          // An executable made by Electron is Node only when it is told to be.
          env: { ...env, [MARK]: "1", ELECTRON_RUN_AS_NODE: "1" },
        },
        (error, stdout) => resolve(readEnd(error, stdout)),
      );
    } catch (error) {
      resolve(notStarted(error));
    }
  });
};

type ExecError = Error & { readonly code?: unknown; readonly signal?: unknown; readonly killed?: unknown };

function readEnd(error: ExecError | null, stdout: string): ChildEnd {
  if (error === null) return { kind: "exited", code: 0, stdout };
  if (error.killed === true) return { kind: "timeout", afterMs: CHILD_LIMIT_MS };
  if (typeof error.signal === "string") return { kind: "signal", signal: error.signal };
  if (typeof error.code === "number") return { kind: "exited", code: error.code, stdout };
  return notStarted(error);
}

function notStarted(error: unknown): ChildEnd {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const why = error instanceof Error ? error.message.split("\n", 1)[0]! : String(error);
  return { kind: "not-started", why, denied: code === "ERR_ACCESS_DENIED" || /NotCapable|PermissionDenied/.test(why) };
}
