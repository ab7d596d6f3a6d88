/** Runs a program to its end and tells how it ended. */
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { root } from "./bundle-programs.js";

export interface RunOptions {
  /** The runtime. Default: the one that runs the tests. */
  readonly program?: string;
  readonly arguments?: readonly string[];
  /** What the runtime is started by: a command and its arguments. */
  readonly within?: readonly string[];
  /** For the runtime, before the program. */
  readonly nodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Descriptors that it is given, from 3 on. */
  readonly descriptors?: readonly number[];
  /** Called with each line of its output as it comes. */
  readonly onLine?: (line: string, process: RunningProgram) => void;
}

export interface RunningProgram {
  kill(signal: NodeJS.Signals): void;
}

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It did not end by itself in time. */
  readonly hung: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

const TIMEOUT_MS_DEFAULT = 60_000;

/** The addons, named for programs that do not lie where the drivers look for theirs. */
export const addonEnvironment: Readonly<Record<string, string>> = {
  BATON_URING_BINARY: `${root}packages/driver-uring/prebuilds/${process.platform}-${process.arch}/driver-uring.node`,
  BATON_EPOLL_BINARY: `${root}packages/driver-epoll/prebuilds/${process.platform}-${process.arch}/driver-epoll.node`,
};

/** Starts a program and waits for its end. */
export function runProgram(path: string, options: RunOptions = {}): Promise<Ending> {
  const startMs = performance.now();
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const [command, ...before] = [...(options.within ?? []), options.program ?? process.execPath];
  const child = spawn(command!, [...before, ...(options.nodeArguments ?? []), path, ...(options.arguments ?? [])], {
    env: { ...inherited, ...addonEnvironment, ...options.environment },
    stdio: ["ignore", "pipe", "pipe", ...(options.descriptors ?? [])],
  });
  const output = child.stdout as Readable;
  const errors = child.stderr as Readable;
  let stdout = "";
  let stderr = "";
  let lines = 0;
  let hung = false;
  output.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    const complete = stdout.split("\n").slice(0, -1);
    for (const line of complete.slice(lines)) options.onLine?.(line, { kill: (signal) => child.kill(signal) });
    lines = complete.length;
  });
  errors.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? TIMEOUT_MS_DEFAULT);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, hung, stdout, stderr, durationMs: performance.now() - startMs });
    });
  });
}

/** The report that a program printed as its last line. Throws, with all it printed, when it did not end well. */
export function reportOf<T>(ending: Ending): T {
  const last = ending.stdout.trimEnd().split("\n").at(-1) ?? "";
  if (ending.code !== 0 || !last.startsWith("{")) throw new Error(describeEnding(ending));
  return JSON.parse(last) as T;
}

/** How it ended, and everything it said. */
export function describeEnding({ code, signal, hung, stdout, stderr }: Ending): string {
  const how = hung ? "it did not end" : signal === null ? `it exited with ${code}` : `${signal} ended it`;
  return `${how}\n${stdout}\n${stderr}`;
}
