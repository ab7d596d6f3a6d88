/** Runs the built command in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const packages = fileURLToPath(new URL("../../", import.meta.url));

const PROCESS_LIMIT_MS = 19_000;

/** The command as it was built; the tests are about that, not about the sources. */
export function builtCli(): string {
  const cli = join(packages, "detect/dist/cli/baton.js");
  if (!existsSync(cli)) throw new Error(`${cli} is missing: run \`npm run build\` first`);
  return cli;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cli?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  /** A command of the shell that sets limits for the process first. */
  readonly limit?: string;
  /** Called with what has been written to stdout so far. */
  readonly onOutput?: (stdout: string, child: ChildProcess) => void;
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { BATON_DRIVER: _driver, BATON_LOG: _log, FORCE_COLOR: _color, ...env } = process.env;
  const command = [process.execPath, options.cli ?? builtCli(), ...args];
  const limited = options.limit === undefined ? command : ["sh", "-c", `${options.limit}; exec "$@"`, "sh", ...command];
  const child = spawn(limited[0]!, limited.slice(1), {
    env: { ...env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    // What hangs must not outlive its test.
    timeout: PROCESS_LIMIT_MS,
    killSignal: "SIGKILL",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    options.onOutput?.(stdout, child);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** A directory that is removed with the test. */
export function temporaryDirectory(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "baton-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * An installation with only the given driver packages: the built command copied into a `node_modules` of its own, so
 * that what this checkout has besides cannot be found. `empty` packages have a manifest and nothing built.
 */
export function installation(
  directory: string,
  drivers: readonly string[],
  empty: readonly string[] = [],
): { readonly cli: string } {
  const modules = join(directory, "node_modules");
  mkdirSync(join(modules, "@baton-io/detect"), { recursive: true });
  cpSync(join(packages, "detect/dist"), join(modules, "@baton-io/detect/dist"), { recursive: true });
  cpSync(join(packages, "detect/package.json"), join(modules, "@baton-io/detect/package.json"));
  for (const name of ["core", ...drivers]) symlinkSync(join(packages, name), join(modules, "@baton-io", name));
  for (const name of empty) {
    mkdirSync(join(modules, "@baton-io", name));
    cpSync(join(packages, "driver-libuv/package.json"), join(modules, "@baton-io", name, "package.json"));
  }
  return { cli: join(modules, "@baton-io/detect/dist/cli/baton.js") };
}
