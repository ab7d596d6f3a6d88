export type { CaseDefinition, Clause, ConformanceCase, Need, PromiseId } from "./case.js";
export { type CaseBackendOptions, CaseContext, type Pair } from "./context.js";
export { ConformanceFailure } from "./expect.js";
export {
  type CaseResult,
  type ConformanceSummary,
  conformance,
  leftOut,
  type RunOptions,
  runConformance,
  summarise,
  summaryLine,
} from "./run.js";
export type { ConformanceSubject, FileOracle, OwnDescriptors, SubjectMeans, SubjectSource } from "./subject.js";
