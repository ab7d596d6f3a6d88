/** Runs a command under a filter on io_uring's calls. */
import { execFile } from "node:child_process";
import type { TestContext } from "vitest";
import { tool } from "./tools.js";

const LIMIT_MS = 18_000;

export interface LaunchResult {
  /** 159 when it died of SIGSYS, −1 of another signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command under a filter that does `action` to `calls`; see the head of `launcher.c`. */
export function launch(
  context: TestContext,
  action: string,
  calls: string,
  command: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<LaunchResult> {
  const launcher = tool("launcher");
  if ("missing" in launcher) return context.skip(launcher.missing);
  const { BATON_DRIVER: _driver, BATON_LOG: _log, BATON_PROBE: _probe, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(
      launcher.path,
      [action, calls, ...command],
      { env: { ...env, ...variables }, timeout: LIMIT_MS, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        const signal = error?.signal === "SIGSYS" ? 159 : -1;
        resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : signal, stdout, stderr });
      },
    );
  });
}
