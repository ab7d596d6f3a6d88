/** What a survey of the candidates has found. */
import type { Driver } from "@baton-io/core";
import type { DriverName } from "./candidates.js";
import type { IoUringEvidence } from "./io-uring/evidence.js";
import type { DriverReport } from "./report.js";

/** A candidate after the survey: what was found, and the driver if it could be made. */
export interface Surveyed {
  readonly report: DriverReport;
  readonly driver: Driver | undefined;
}

/** All candidates, and what was seen of io_uring on the way; `null` where there is none to look for. */
export interface Survey {
  readonly drivers: ReadonlyMap<DriverName, Surveyed>;
  readonly ioUring: IoUringEvidence | null;
}
