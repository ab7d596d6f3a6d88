/** Runs the kit in a process of its own and tells what it found. */
import { isLong, rounds } from "../life/amounts.js";
import type { Programs } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";

/** A sample of the kit for every day; all of it takes minutes in this way. */
const EVERY = rounds({ short: 8, long: 1 });
const TIMEOUT_MS = 1_200_000;

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
  /** The whole kit in so many processes, one after the other: each has a limit of its own. Default 1. */
  readonly parts?: number;
}

/** Runs the kit, or the sample of it, and prints how much of it passed. */
export async function runKit(
  programs: Programs,
  driver: string,
  title: string,
  options: KitOptions = {},
): Promise<KitReport & { readonly stderr: string }> {
  const startMs = performance.now();
  const parts = isLong ? (options.parts ?? 1) : 1;
  const every = isLong ? parts : (options.every ?? EVERY);
  const samples = isLong ? Array.from({ length: parts }, (_, part) => part) : [options.sample ?? 0];
  const all = { passed: 0, failures: [] as string[], collections: 0, stderr: "" };
  for (const sample of samples) {
    const ending = await runProgram(programs.path("kit"), {
      arguments: [driver, String(every), String(sample)],
      ...(options.environment !== undefined && { environment: options.environment }),
      ...(options.nodeArguments !== undefined && { nodeArguments: options.nodeArguments }),
      timeoutMs: TIMEOUT_MS,
    });
    const { passed, failures, collections } = reportOf<KitReport>(ending);
    all.passed += passed;
    all.failures.push(...failures);
    all.collections += collections;
    all.stderr += ending.stderr;
  }
  const part = isLong ? "whole kit" : `1 of ${every} cases`;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  process.stdout.write(
    `kit ${driver}, ${title} (${part}): ${all.passed} passed, ${all.failures.length} failed, ${seconds} s\n`,
  );
  return all;
}
