/** Runs the kit in a process of its own and tells what it found. */
import { isLong, rounds } from "../life/amounts.js";
import type { Programs } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";

/** A sample of the kit for every day; all of it takes minutes in this way. */
const EVERY = rounds({ short: 8, long: 1 });
const TIMEOUT_MS = 600_000;

export interface KitReport {
  readonly passed: number;
  readonly failures: readonly string[];
  /** Collections of garbage that the program asked for. */
  readonly collections: number;
}

export interface KitOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly nodeArguments?: readonly string[];
  /** Which part of the kit a sample is: different tests take different parts. */
  readonly sample?: number;
  /** The sample: one of so many cases. */
  readonly every?: number;
}

/** Runs the kit, or the sample of it, and prints how much of it passed. */
export async function runKit(
  programs: Programs,
  driver: string,
  title: string,
  options: KitOptions = {},
): Promise<KitReport & { readonly stderr: string }> {
  const every = isLong ? 1 : (options.every ?? EVERY);
  const ending = await runProgram(programs.path("kit"), {
    arguments: [driver, String(every), String(options.sample ?? 0)],
    ...(options.environment !== undefined && { environment: options.environment }),
    ...(options.nodeArguments !== undefined && { nodeArguments: options.nodeArguments }),
    timeoutMs: TIMEOUT_MS,
  });
  const report = reportOf<KitReport>(ending);
  const part = every === 1 ? "whole kit" : `1 of ${every} cases`;
  process.stdout.write(
    `kit ${driver}, ${title} (${part}): ${report.passed} passed, ${report.failures.length} failed\n`,
  );
  return { ...report, stderr: ending.stderr };
}
