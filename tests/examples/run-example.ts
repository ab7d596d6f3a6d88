/** Runs an example as a reader would: with `node`, over the built packages, in a process of its own. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));
const PROCESS_LIMIT_MS = 19_000;

export interface ExampleResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningExample {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves with the first match in what it has written to stdout; rejects when it ends without one. */
  output(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<ExampleResult>;
}

/** Starts `node script …args` over exactly this driver. */
export function startExample(script: string, driver: string, args: readonly string[] = []): RunningExample {
  const built = join(root, "packages/detect/dist/index.js");
  if (!existsSync(built)) throw new Error(`${built} is missing: run \`npm run build\` first`);
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    env: { ...process.env, BATON_DRIVER: driver, BATON_LOG: "warn", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    // What hangs must not outlive its test.
    timeout: PROCESS_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<ExampleResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const output = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(stdout);
        if (match !== null) resolve(match);
      };
      child.stdout.on("data", look);
      look();
      void ended.then(() => reject(new Error(`${script} ended without ${pattern}\n${stdout}\n${stderr}`)));
    });
  return { child, output, ended };
}

/** Runs it to its end. */
export function runExample(script: string, driver: string, args: readonly string[] = []): Promise<ExampleResult> {
  return startExample(script, driver, args).ended;
}
