/** `baton demo`: the main job on real input, over every driver that runs here, side by side. */
import { accessSync, constants, statSync } from "node:fs";
import { constants as osConstants, tmpdir } from "node:os";
import { basename, resolve } from "node:path";
import type { Driver } from "@baton-io/core";
import type { DriverName } from "../candidates.js";
import { hashFile, type JobProgress, type JobResult, runJob } from "../demo/job.js";
import { type EndSignal, makeScratch } from "../demo/scratch.js";
import { examine, readWish } from "../detect.js";
import { processHost } from "../host.js";
import { type DetectReport, driverRow } from "../report.js";
import { jobLines, summaryTable } from "./demo-table.js";
import { CommandFailure } from "./failure.js";
import { createProgress } from "./progress.js";
import { renderReport } from "./report-table.js";
import { columnsOf, paintFor } from "./terminal.js";

export interface DemoOptions {
  readonly json: boolean;
  /** Only this driver; it must run. */
  readonly driver: DriverName | undefined;
  /** Directory in which the copies' own directory is made. */
  readonly to: string | undefined;
  readonly port: number;
  readonly inFlight: number;
  readonly chunkBytes: number;
  readonly connections: number;
  readonly roundTrips: number;
  readonly raceRounds: number;
}

interface DriverToShow {
  readonly name: DriverName;
  readonly driver: Driver;
}

/** Runs the demo and prints it; returns the exit code. Throws `CommandFailure` and errors of the system. */
export async function demo(file: string, options: DemoOptions): Promise<number> {
  const source = resolve(file);
  const sourceBytes = checkSource(source);
  const { report, drivers } = await findDrivers(options.driver);
  const { stdout } = process;
  const paint = paintFor(stdout);
  const print = (text: string) => {
    if (!options.json) stdout.write(`${text}\n`);
  };

  using scratch = makeScratch(options.to === undefined ? tmpdir() : resolve(options.to));
  const { signal } = scratch;
  const progress = createProgress(process.stderr);
  try {
    print(renderReport(report, { paint, columns: columnsOf(stdout), parts: [] }));
    if (report.drivers.some((driver) => !driver.available)) print("What can be done about it: baton doctor\n");
    const sourceHash = await hashFile(source, signal);
    const jobs: JobResult[] = [];
    for (const { name, driver } of drivers) {
      const onProgress: JobProgress = (part, done, total) => progress.update(`${name.padEnd(8)}${part}`, done, total);
      const settings = { ...options, source, sourceHash, directory: scratch.directory, signal };
      const job = await runJob(driver, sourceBytes, settings, onProgress);
      progress.clear();
      jobs.push(job);
      print(`${jobLines(job, paint)}\n`);
    }
    print(`${basename(source)}: SHA-256 ${sourceHash}\n\n${summaryTable(jobs, paint)}`);
    if (options.json) {
      const result = { source: { path: source, bytes: sourceBytes, sha256: sourceHash }, report, jobs };
      stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    }
    return 0;
  } catch (error) {
    progress.clear();
    // Whatever broke off, it was the signal that broke it off.
    if (signal.aborted) throw stoppedBy(signal.reason as EndSignal);
    throw error;
  }
}

/** Exit codes as shells know them: 128 and the number of the signal. */
function stoppedBy(signal: EndSignal): CommandFailure {
  return new CommandFailure(`stopped by ${signal}; nothing is left behind`, 128 + osConstants.signals[signal]);
}

/** Size of the file, once it is certain that it can be copied. */
function checkSource(path: string): number {
  const stat = statSync(path);
  if (stat.isDirectory()) throw new CommandFailure(`${path} is a directory; give a file`);
  // A pipe or a device may have no end.
  if (!stat.isFile()) throw new CommandFailure(`${path} is not a regular file`);
  accessSync(path, constants.R_OK);
  return stat.size;
}

/** The forced driver, or every driver that runs. */
async function findDrivers(
  only: DriverName | undefined,
): Promise<{ readonly report: DetectReport; readonly drivers: readonly DriverToShow[] }> {
  const host = processHost();
  const wish = readWish(host, {});
  const forced = only === undefined ? wish.forced : { name: only, by: "--driver" };
  const { report, surveyed } = await examine(host, { ...wish, forced });
  if (report.chosen === null) {
    const { cause, summary, remedy } = driverRow(report, report.expected);
    const fix = remedy?.command === undefined ? "" : ` Fix: ${remedy.command}`;
    throw new CommandFailure(`${report.reason} ${summary}${fix}`.replace(`${cause}. `, `${cause}: `));
  }
  const drivers: DriverToShow[] = [];
  for (const [name, { driver }] of surveyed) {
    const shown = report.forcedBy === null ? driverRow(report, name).available : name === report.chosen;
    if (shown && driver !== undefined) drivers.push({ name, driver });
  }
  return { report, drivers };
}
