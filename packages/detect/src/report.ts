/** The result of detection as data: what was found of each driver, which one is used, and why. Fit for JSON. */
import type { Capabilities, DriverProbe, Evidence, Shortfall, Unavailable } from "@baton-io/core";
import type { Candidate, DriverName } from "./candidates.js";
import type { IoUringEvidence } from "./io-uring/evidence.js";
import type { WeighedRemedy } from "./io-uring/remedies.js";

/** Version of the report's shape. Fields are added without raising it; it is raised when one changes its meaning. */
export const REPORT_SCHEMA = 1;

/** What was found of one driver. */
export interface DriverReport {
  readonly name: DriverName;
  readonly package: string;
  readonly available: boolean;
  /** `"OK"`, or a permanent code of what keeps the driver from running. */
  readonly cause: string;
  /** One sentence for a person. */
  readonly summary: string;
  /** What was seen; never a conclusion. */
  readonly evidence: readonly Evidence[];
  readonly remedy: WeighedRemedy | null;
  /** What would be the next obstacle once this is mended; of a driver that runs, what keeps it below its best. */
  readonly next: readonly Unavailable[];
  /** What it can do here; `null` when it cannot run. */
  readonly capabilities: Capabilities | null;
}

/** How the choice came about. */
export type ChoiceCode =
  /** The best driver that could be expected on this system. */
  | "EXPECTED"
  /** The one that was forced. */
  | "FORCED"
  /** Not the expected one: that cannot run, see its cause. */
  | "FALLBACK"
  /** The forced or only allowed one cannot run, or none can. */
  | "NONE";

/** What detection found and chose. */
export interface DetectReport {
  readonly schema: typeof REPORT_SCHEMA;
  readonly runtime: string;
  readonly platform: string;
  readonly arch: string;
  /** The driver in use; `null` when none can be. */
  readonly chosen: DriverName | null;
  /** The driver that should run here, given the system and the preferences. */
  readonly expected: DriverName;
  readonly choice: ChoiceCode;
  /** Why, in one sentence. */
  readonly reason: string;
  /** What forced the driver: `"BATON_DRIVER"`, `"--driver"`, `"allowFallback: false"`; `null` when nothing did. */
  readonly forcedBy: string | null;
  /** In the order of preference in general, not that of this call. */
  readonly drivers: readonly DriverReport[];
  /** Everything that is known about io_uring here, as it was seen; `null` where io_uring is not made for. */
  readonly ioUring: IoUringEvidence | null;
  /**
   * What the chosen driver has less of than it asked for, since it was opened last; empty before it is opened, because
   * only opening it tells.
   */
  readonly shortfalls: readonly Shortfall[];
  /** True when the findings are those of an earlier look (`cache: true`). */
  readonly cached: boolean;
  /** Time detection took. */
  readonly elapsedMs: number;
}

/** What the probe of a driver says, as a row of the report. */
export function driverReport(candidate: Candidate & { readonly name: DriverName }, probe: DriverProbe): DriverReport {
  const { name, package: packageName } = candidate;
  if (!probe.available) {
    return {
      name,
      package: packageName,
      available: false,
      cause: probe.cause,
      summary: probe.summary,
      evidence: probe.evidence,
      remedy: probe.remedy ?? null,
      next: probe.next ?? [],
      capabilities: null,
    };
  }
  return {
    name,
    package: packageName,
    available: true,
    cause: "OK",
    summary: capabilitySummary(probe.capabilities),
    evidence: probe.evidence,
    remedy: null,
    next: [],
    capabilities: probe.capabilities,
  };
}

function capabilitySummary(capabilities: Capabilities): string {
  const operations = Object.values(capabilities.operations);
  const count = (kind: string) => operations.filter((support) => support.kind === kind).length;
  const parts = [`${count("native")} of ${operations.length} operations native`];
  if (count("emulated") > 0) parts.push(`${count("emulated")} emulated`);
  if (count("unsupported") > 0) parts.push(`${count("unsupported")} unsupported`);
  return parts.join(", ");
}

/** A frozen copy: a report is a record of what was found and does not change afterwards. */
export function freezeReport(report: DetectReport): DetectReport {
  const copy = structuredClone(report);
  freezeDeep(copy);
  return copy;
}

function freezeDeep(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeDeep(part);
}

/** The row of a driver. */
export function driverRow(report: DetectReport, name: DriverName): DriverReport {
  const row = report.drivers.find((driver) => driver.name === name);
  // Reports are made with a row for every name there is.
  if (row === undefined) throw new Error(`The report has no row for ${name}.`);
  return row;
}
