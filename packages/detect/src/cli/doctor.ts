/** `baton doctor`: which driver runs here, and what keeps the others from running. */
import { createBackend, type Driver, type Shortfall } from "@baton-io/core";
import { examine, readWish } from "../detect.js";
import { processHost } from "../host.js";
import type { DetectReport } from "../report.js";
import { type ReportPart, renderReport } from "./report-table.js";
import { columnsOf, paintFor } from "./terminal.js";

export interface DoctorOptions {
  readonly json: boolean;
  readonly explain: boolean;
}

/** What `baton doctor` exits with. */
export const DOCTOR_EXIT = {
  /** The driver that should run here runs. */
  expected: 0,
  /** Another one runs. */
  fallback: 3,
  /** None runs, or not the one that was forced. */
  none: 4,
} as const;

/** Examines and prints; returns the exit code. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const host = processHost();
  const { report: found, surveyed } = await examine(host, readWish(host, {}), { depth: "thorough" });
  const driver = found.chosen === null ? undefined : surveyed.get(found.chosen)?.driver;
  const report = { ...found, shortfalls: driver === undefined ? [] : await openOnce(driver) };
  const { stdout } = process;
  const parts: readonly ReportPart[] = options.explain ? ["details", "abilities"] : ["details"];
  stdout.write(
    options.json
      ? `${JSON.stringify(report, null, 2)}\n`
      : renderReport(report, { paint: paintFor(stdout), columns: columnsOf(stdout), parts }),
  );
  return doctorExitCode(report);
}

/** What a driver has less of than it asks for: only opening it tells. */
async function openOnce(driver: Driver): Promise<readonly Shortfall[]> {
  try {
    await using io = createBackend({ driver });
    return io.inspect().shortfalls;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0]! : String(error);
    return [{ what: "backends", wanted: 1, got: 0, reason }];
  }
}

export function doctorExitCode({ choice }: DetectReport): number {
  switch (choice) {
    case "EXPECTED":
    case "FORCED":
      return DOCTOR_EXIT.expected;
    case "FALLBACK":
      return DOCTOR_EXIT.fallback;
    case "NONE":
      return DOCTOR_EXIT.none;
  }
}
