/** Looks at every candidate: imports its package, makes the driver, asks its probe. Whatever fails is a finding. */
import { BatonError, type Driver, type Unavailable } from "@baton-io/core";
import { type Candidate, candidates, type DriverName } from "./candidates.js";
import {
  loadFailed,
  noDescriptors,
  notBuilt,
  notInstalled,
  optionsRefused,
  probeFailed,
  readingForbidden,
  wrongPlatform,
} from "./cause.js";
import type { DetectHost } from "./host.js";
import { classify } from "./io-uring/classify.js";
import type { IoUringEvidence } from "./io-uring/evidence.js";
import { describeEvidence, explainNext, explainUnavailable } from "./io-uring/explain.js";
import type { DriverHook } from "./io-uring/gather.js";
import type { Depth } from "./io-uring/surroundings.js";
import { driverReport } from "./report.js";
import type { Survey, Surveyed } from "./surveyed.js";

type NamedCandidate = Candidate & { readonly name: DriverName };

export interface SurveyOptions {
  readonly depth: Depth;
  /**
   * The driver that the operator asks for by name: known harm on this kernel does not count for it. A distribution may
   * have mended its kernel under the same number, and whoever names the driver knows.
   */
  readonly trusted: DriverName | undefined;
}

/** Surveys all candidates, one after the other, so that the findings of one cannot depend on another's timing. */
export async function surveyDrivers(host: DetectHost, { depth, trusted }: SurveyOptions): Promise<Survey> {
  const drivers = new Map<DriverName, Surveyed>();
  let ioUring: IoUringEvidence | null = null;
  for (const candidate of candidates as readonly NamedCandidate[]) {
    if (candidate.platforms !== "any" && !candidate.platforms.includes(host.platform)) {
      drivers.set(candidate.name, finding(candidate, wrongPlatform(candidate, host.platform)));
      continue;
    }
    const module = await importPackage(candidate, host);
    const hook = readHook(candidate, module);
    if (hook === undefined) {
      drivers.set(candidate.name, surveyDriver(candidate, module));
      continue;
    }
    const evidence = await host.gatherEvidence("available" in hook ? hook.summary : hook, depth);
    ioUring = trusted === candidate.name ? { ...evidence, denied: null } : evidence;
    drivers.set(candidate.name, surveyOverKernel(candidate, module, hook, ioUring));
  }
  return { drivers, ioUring };
}

function finding(candidate: NamedCandidate, unavailable: Unavailable): Surveyed {
  return { report: driverReport(candidate, unavailable), driver: undefined };
}

/** A driver that nothing but itself can tell about. */
function surveyDriver(candidate: NamedCandidate, module: Imported): Surveyed {
  const driver = makeDriver(candidate, module);
  if ("available" in driver) return finding(candidate, driver);
  try {
    return { report: driverReport(candidate, driver.probe()), driver };
  } catch (error) {
    return finding(candidate, probeFailed(candidate, messageOf(error)));
  }
}

/** A driver that is let near the kernel only when the kernel has been asked, and is not known to refuse it. */
function surveyOverKernel(
  candidate: NamedCandidate,
  module: Imported,
  hook: DriverHook | Unavailable,
  evidence: IoUringEvidence,
): Surveyed {
  const found = classify(evidence);
  const refused = found.cause === "OK" || found.cause === null ? undefined : found.cause;
  if ("available" in hook) {
    // The package itself comes first; what was seen without it would be the next obstacle.
    const behind = refused === undefined ? found.next : [refused, ...found.next];
    return finding(candidate, { ...hook, next: [...(hook.next ?? []), ...explainNext(behind, evidence)] });
  }
  if (refused !== undefined) return finding(candidate, explainUnavailable(found, refused, evidence));
  const surveyed = surveyDriver(candidate, module);
  const { report } = surveyed;
  return {
    ...surveyed,
    report: {
      ...report,
      evidence: [...report.evidence, ...describeEvidence(evidence)],
      next: [...report.next, ...explainNext(found.next, evidence)],
    },
  };
}

/** A package's exports, or why there are none. */
type Imported = { readonly exports: unknown } | Unavailable;

async function importPackage(candidate: NamedCandidate, host: DetectHost): Promise<Imported> {
  try {
    return { exports: await host.importModule(candidate.package) };
  } catch (error) {
    return explainImportFailure(candidate, error);
  }
}

/** The hook of a candidate that has one: what to ask with, or why there is nothing. */
function readHook(candidate: NamedCandidate, module: Imported): DriverHook | Unavailable | undefined {
  if (candidate.kernelHook === undefined) return undefined;
  if ("available" in module) return module;
  const open = property(module.exports, candidate.kernelHook);
  // A package of another version, without the hook: its driver's own probe has to do.
  if (typeof open !== "function") return undefined;
  try {
    const hook: unknown = open();
    if (isHook(hook) || isUnavailable(hook)) return hook;
    return loadFailed(candidate, `${candidate.kernelHook}() returned something else`);
  } catch (error) {
    return explainFactoryFailure(candidate, error);
  }
}

function makeDriver(candidate: Candidate, module: Imported): Driver | Unavailable {
  if ("available" in module) return module;
  const factory = property(module.exports, candidate.factory);
  if (typeof factory !== "function") return loadFailed(candidate, `it does not export ${candidate.factory}`);
  try {
    const driver: unknown = factory();
    if (isDriver(driver)) return driver;
    return loadFailed(candidate, `${candidate.factory}() did not return a driver`);
  } catch (error) {
    return explainFactoryFailure(candidate, error);
  }
}

/** Detection gives no options, so one that is refused came from the environment: `BATON_URING_DISABLE`, for one. */
function explainFactoryFailure(candidate: Candidate, error: unknown): Unavailable {
  const explain = error instanceof BatonError ? optionsRefused : loadFailed;
  return explain(candidate, messageOf(error));
}

/**
 * Node, Bun and Deno all name the package when it is missing, and the file when the package is there and the file
 * its manifest points to is not.
 */
function explainImportFailure(candidate: Candidate, error: unknown): Unavailable {
  const message = messageOf(error);
  const code = property(error, "code");
  if (code === "EMFILE" || code === "ENFILE" || /too many open files/i.test(message)) {
    return noDescriptors(candidate, message);
  }
  // Deno says it in the message alone, under the code of a module that is missing.
  if (code === "ERR_ACCESS_DENIED" || /--allow-(fs-)?read/.test(message)) return readingForbidden(candidate, message);
  if (code !== "ERR_MODULE_NOT_FOUND") return loadFailed(candidate, message);
  if (message.includes(`'${candidate.package}'`) || message.includes(`"${candidate.package}"`)) {
    return notInstalled(candidate);
  }
  const directory = candidate.package.slice(candidate.package.indexOf("/"));
  const file = /Cannot find module '([^']+)'/.exec(message)?.[1];
  return file?.includes(directory) ? notBuilt(candidate, file) : loadFailed(candidate, message);
}

/** The border to other packages: what they export is looked at, not believed. */
function isDriver(value: unknown): value is Driver {
  return (
    typeof property(value, "name") === "string" &&
    typeof property(value, "probe") === "function" &&
    typeof property(value, "open") === "function"
  );
}

function isHook(value: unknown): value is DriverHook {
  return (
    typeof property(value, "entries") === "number" &&
    typeof property(value, "ask") === "function" &&
    typeof property(value, "askInChild") === "function"
  );
}

function isUnavailable(value: unknown): value is Unavailable {
  return property(value, "available") === false && typeof property(value, "cause") === "string";
}

function property(value: unknown, name: string): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** First line of an error's message: evidence is one line. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}
