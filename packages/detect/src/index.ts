export { type Candidate, candidates, type DriverName, driverNames } from "./candidates.js";
export { type CauseCode, causeTable } from "./cause.js";
export { type DetectedDriver, type DetectOptions, detect, type OpenBackendOptions, openBackend } from "./detect.js";
export { detection, FALLBACK_CHANNEL, FallbackEvent, SHORTFALL_CHANNEL, ShortfallEvent } from "./fallback.js";
export { type FormatOptions, formatReport } from "./format.js";
export { type IoUringCause, ioUringCauses } from "./io-uring/cause-table.js";
export type {
  DeniedKernel,
  Hint,
  IoUringEvidence,
  KernelAnswers,
  Limit,
  Platform,
  ProbeOutcome,
  ProbeStep,
  RefusedCall,
  Surroundings,
} from "./io-uring/evidence.js";
export type { WeighedRemedy } from "./io-uring/remedies.js";
export type { LogLevel } from "./override.js";
export type { Ability } from "./policy.js";
export { type ChoiceCode, type DetectReport, type DriverReport, REPORT_SCHEMA } from "./report.js";
