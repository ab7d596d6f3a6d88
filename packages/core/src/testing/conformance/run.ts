/** The kit itself: the cases for one subject, and running them with or without a test runner. */
import { type Capabilities, isSupported, type OpcodeName } from "@baton-io/core";
import { featureNames, opcodeNames } from "@baton-io/core/driver";
import type { CaseDefinition, Clause, ConformanceCase, Need } from "./case.js";
import { clauses } from "./clauses.js";
import { CaseContext } from "./context.js";
import { ConformanceFailure, fail } from "./expect.js";
import { refusalOf } from "./refusals.js";
import { StrayRejections } from "./stray-rejections.js";
import { type ConformanceSubject, deadlinesOf, type SubjectSource, subjectFrom } from "./subject.js";

/** How long what a failed case has left behind may take to end, real milliseconds. */
const DISCARD_DEADLINE_MS = 10_000;

/**
 * The contract as cases for one driver. An operation or feature that the driver declares runs its positive cases;
 * one that it declares to lack runs the negative case, which names the positive ones it stands for.
 *
 * @example
 * for (const c of conformance(subject)) test(c.title, () => c.run());
 */
export function conformance(source: SubjectSource): readonly ConformanceCase[] {
  const subject = subjectFrom(source);
  const capabilities = declaredCapabilities(subject);
  const cases: ConformanceCase[] = [];
  const replaced = new Map<Need, string[]>();
  for (const clause of clauses) {
    for (const definition of clause.cases) {
      const id = `${clause.id}/${definition.id}`;
      const missing = missingNeed(capabilities, clause, definition);
      if (missing !== undefined) replaced.set(missing, [...(replaced.get(missing) ?? []), id]);
      else if (!isLeftOut(subject, definition)) {
        cases.push(positiveCase(id, clause, definition, source));
      }
    }
  }
  const needs: readonly Need[] = [...opcodeNames, ...featureNames];
  for (const need of needs.filter((one) => !isSupported(supportOf(capabilities, one)))) {
    cases.push(negativeCase(need, replaced.get(need) ?? [], source));
  }
  return cases;
}

/** Ids of the cases that a subject leaves out: it is rough, or does not supply what they need beside the driver. */
export function leftOut(source: SubjectSource): readonly string[] {
  const subject = subjectFrom(source);
  const capabilities = declaredCapabilities(subject);
  return clauses.flatMap((clause) =>
    clause.cases
      .filter((one) => isLeftOut(subject, one) && missingNeed(capabilities, clause, one) === undefined)
      .map((one) => `${clause.id}/${one.id}`),
  );
}

function isLeftOut(subject: ConformanceSubject, { calmOnly, subjectNeeds = [] }: CaseDefinition): boolean {
  return (subject.rough === true && calmOnly === true) || subjectNeeds.some((need) => subject[need] === undefined);
}

function declaredCapabilities(subject: ConformanceSubject): Capabilities {
  const probe = subject.createDriver().probe();
  if (!probe.available) {
    throw new ConformanceFailure(`The driver ${subject.name} is not available here: ${probe.cause}, ${probe.summary}`);
  }
  return probe.capabilities;
}

/** The first thing that the case needs and the driver lacks. */
function missingNeed(capabilities: Capabilities, clause: Clause, definition: CaseDefinition): Need | undefined {
  const needs = [...(clause.needs ?? []), ...(definition.needs ?? [])];
  return needs.find((need) => !isSupported(supportOf(capabilities, need)));
}

function supportOf(capabilities: Capabilities, need: Need): Capabilities["operations"][OpcodeName] {
  const { operations, features } = capabilities;
  return need in operations ? operations[need as OpcodeName] : features[need as keyof typeof features];
}

function positiveCase(id: string, clause: Clause, definition: CaseDefinition, source: SubjectSource): ConformanceCase {
  const promise = definition.promise ?? clause.promise;
  return {
    id,
    clause: clause.id,
    ...(promise !== undefined && { promise }),
    title: `${clause.title}: ${definition.title}`,
    kind: "positive",
    mutants: definition.mutants ?? [],
    replaces: [],
    run: () => runOne(source, (context) => definition.run(context)),
  };
}

function negativeCase(need: Need, replaces: readonly string[], source: SubjectSource): ConformanceCase {
  return {
    id: `refusal/${need}`,
    clause: "refusal",
    promise: "lacking-is-refused",
    title: `what the driver lacks: ${need} is refused, nothing is lent and nothing is left open`,
    kind: "negative",
    mutants: [],
    replaces,
    run: () => runOne(source, refusalOf(need)),
  };
}

/** Runs the body in a new world, then balances the ledger. */
async function runOne(source: SubjectSource, body: (context: CaseContext) => Promise<void> | void): Promise<void> {
  const subject = subjectFrom(source);
  const context = new CaseContext(subject);
  const { caseDeadlineMs } = deadlinesOf(subject);
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  const hung = new Promise<never>((_resolve, reject) => {
    watchdog = setTimeout(
      () => reject(new ConformanceFailure(`not done after ${caseDeadlineMs} ms:\n${context.describe()}`)),
      caseDeadlineMs,
    );
  });
  const whole = async () => {
    await body(context);
    await context.balance();
  };
  try {
    await Promise.race([whole(), hung]);
  } catch (error) {
    await discardInTime(context);
    throw error;
  } finally {
    clearTimeout(watchdog);
  }
}

/** A driver that has lost an operation may end nothing any more, and keeps no process alive until it is given up. */
async function discardInTime(context: CaseContext): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DISCARD_DEADLINE_MS);
  });
  await Promise.race([context.discard(), late]);
  clearTimeout(timer);
}

// --- without a test runner ------------------------------------------------------------------------------------------

/** How one case ended. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly kind: ConformanceCase["kind"];
  readonly passed: boolean;
  /** What was found, when it failed. */
  readonly error?: unknown;
  readonly durationMs: number;
}

/** Counts of a run. */
export interface ConformanceSummary {
  readonly driver: string;
  /** Cases that passed, negative ones included. */
  readonly passed: number;
  readonly failed: number;
  /** Of all: cases that showed something lacking to be refused. */
  readonly negative: number;
  /** Cases that the subject leaves out: see `leftOut`. */
  readonly leftOut: number;
  /** Ids of the cases that failed. */
  readonly failures: readonly string[];
}

/** What to run and whom to tell. */
export interface RunOptions {
  /** Chooses cases; default: all. */
  readonly select?: (one: ConformanceCase, index: number) => boolean;
  readonly onResult?: (result: CaseResult) => void;
}

/** Runs the cases, one after the other. A case also fails when it leaves a rejection behind that nobody waits for. */
export async function runConformance(source: SubjectSource, options: RunOptions = {}): Promise<ConformanceSummary> {
  const strays = new StrayRejections();
  try {
    const results = await runAll(source, strays, options);
    return summarise(subjectFrom(source).name, results, leftOut(source).length);
  } finally {
    strays.stop();
  }
}

async function runAll(
  source: SubjectSource,
  strays: StrayRejections,
  { select = () => true, onResult }: RunOptions,
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const one of conformance(source).filter(select)) {
    const startMs = performance.now();
    const ended = await one.run().then(
      () => ({ passed: true }),
      (error: unknown) => ({ passed: false, error }),
    );
    const stray = await strays.take();
    const outcome = ended.passed && stray !== undefined ? { passed: false, error: stray.reason } : ended;
    const result = {
      id: one.id,
      title: one.title,
      kind: one.kind,
      durationMs: performance.now() - startMs,
      ...outcome,
    };
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/** Counts results; for a test runner that collects them itself. */
export function summarise(
  driver: string,
  results: readonly Pick<CaseResult, "id" | "kind" | "passed">[],
  leftOutCount = 0,
): ConformanceSummary {
  if (results.length === 0) fail("at least one result");
  const failures = results.filter((result) => !result.passed).map(({ id }) => id);
  return {
    driver,
    passed: results.length - failures.length,
    failed: failures.length,
    negative: results.filter(({ kind }) => kind === "negative").length,
    leftOut: leftOutCount,
    failures,
  };
}

/** The line that ends a run. */
export function summaryLine({ driver, passed, failed, negative, leftOut: left }: ConformanceSummary): string {
  const tail = left > 0 ? `, ${left} left out` : "";
  return `conformance ${driver}: ${passed} passed, ${failed} failed, ${negative} negative${tail}`;
}
