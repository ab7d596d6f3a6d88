/** `baton doctor`: which driver runs here, and what keeps the others from running. */
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
  const { report } = await examine(host, readWish(host, {}), { depth: "thorough" });
  const { stdout } = process;
  const parts: readonly ReportPart[] = options.explain ? ["details", "abilities"] : ["details"];
  stdout.write(
    options.json
      ? `${JSON.stringify(report, null, 2)}\n`
      : renderReport(report, { paint: paintFor(stdout), columns: columnsOf(stdout), parts }),
  );
  return doctorExitCode(report);
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
