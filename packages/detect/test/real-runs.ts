/** Runs the built command in surroundings that are made for real, and says why where they cannot be. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, type TestContext } from "vitest";
import type { DetectReport } from "../src/index.js";
import { type CliOptions, type CliResult, runCli } from "./run-cli.js";

export const isLinux: boolean = process.platform === "linux";
export const isRoot: boolean = process.getuid?.() === 0;
export const JOB: readonly string[] = ["--connections", "2", "--round-trips", "50", "--race-rounds", "4"];
/** A user with no other process: locked memory is counted by user. */
export const NOBODY_ELSE = 61_234;

export const manifest: string = fileURLToPath(new URL("../package.json", import.meta.url));
const root = fileURLToPath(new URL("../../../", import.meta.url));

export function need(context: TestContext, met: boolean, reason: string): void {
  if (!met) context.skip(reason);
}

/** Whether io_uring runs here when nothing is put in its way. */
export async function needIoUring(context: TestContext): Promise<void> {
  need(context, isLinux, "io_uring is of Linux");
  const { stdout } = await runCli(["doctor", "--json"]);
  const { chosen, drivers } = JSON.parse(stdout) as DetectReport;
  need(context, chosen === "uring", `io_uring does not run here anyway: ${drivers[0]?.cause}`);
}

export async function examine(
  options: CliOptions,
): Promise<{ readonly code: number | null; readonly report: DetectReport }> {
  const { code, stdout, stderr } = await runCli(["doctor", "--json"], options);
  expect(stderr).toBe("");
  return { code, report: JSON.parse(stdout) as DetectReport };
}

/** The main job, done in the same surroundings; returns the drivers it was done with. */
export async function driversOfJob(options: CliOptions): Promise<readonly string[]> {
  const { code, stdout, stderr } = await runCli(["demo", manifest, ...JOB, "--json"], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { jobs } = JSON.parse(stdout) as { readonly jobs: readonly { readonly driver: string }[] };
  return jobs.map(({ driver }) => driver);
}

/** Runs any command and collects what it prints. */
export function run(command: readonly string[], user: Pick<CliOptions, "uid"> = {}): Promise<CliResult> {
  const { BATON_DRIVER: _driver, BATON_LOG: _log, BATON_PROBE: _probe, ...env } = process.env;
  const child = spawn(command[0]!, command.slice(1), {
    ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.uid }),
    ...{ env, cwd: root, timeout: 19_000, killSignal: "SIGKILL" },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
