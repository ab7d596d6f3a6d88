/** Looks at every candidate: imports its package, makes the driver, asks its probe. Whatever fails is a finding. */
import type { Driver, Unavailable } from "@baton-io/core";
import { type Candidate, candidates, type DriverName } from "./candidates.js";
import { loadFailed, notBuilt, notInstalled, probeFailed, wrongPlatform } from "./cause.js";
import type { DetectHost } from "./host.js";
import { type DriverReport, driverReport } from "./report.js";

/** A candidate after the survey: what was found, and the driver if it could be made. */
export interface Surveyed {
  readonly report: DriverReport;
  readonly driver: Driver | undefined;
}

/** Surveys all candidates, one after the other, so that the findings of one cannot depend on another's timing. */
export async function surveyDrivers(host: DetectHost): Promise<ReadonlyMap<DriverName, Surveyed>> {
  const found = new Map<DriverName, Surveyed>();
  for (const candidate of candidates) found.set(candidate.name, await surveyDriver(candidate, host));
  return found;
}

async function surveyDriver(candidate: Candidate & { readonly name: DriverName }, host: DetectHost): Promise<Surveyed> {
  const finding = (unavailable: Unavailable): Surveyed => ({
    report: driverReport(candidate, unavailable),
    driver: undefined,
  });
  if (candidate.platforms !== "any" && !candidate.platforms.includes(host.platform)) {
    return finding(wrongPlatform(candidate, host.platform));
  }
  const driver = await loadDriver(candidate, host);
  if ("available" in driver) return finding(driver);
  try {
    return { report: driverReport(candidate, driver.probe()), driver };
  } catch (error) {
    return finding(probeFailed(candidate, messageOf(error)));
  }
}

async function loadDriver(candidate: Candidate, host: DetectHost): Promise<Driver | Unavailable> {
  let module: unknown;
  try {
    module = await host.importModule(candidate.package);
  } catch (error) {
    return explainImportFailure(candidate, error);
  }
  const factory = property(module, candidate.factory);
  if (typeof factory !== "function") return loadFailed(candidate, `it does not export ${candidate.factory}`);
  try {
    const driver: unknown = factory();
    if (isDriver(driver)) return driver;
    return loadFailed(candidate, `${candidate.factory}() did not return a driver`);
  } catch (error) {
    return loadFailed(candidate, messageOf(error));
  }
}

/**
 * Node, Bun and Deno all name the package when it is missing, and the file when the package is there and the file
 * its manifest points to is not.
 */
function explainImportFailure(candidate: Candidate, error: unknown): Unavailable {
  const message = messageOf(error);
  if (property(error, "code") !== "ERR_MODULE_NOT_FOUND") return loadFailed(candidate, message);
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

function property(value: unknown, name: string): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** First line of an error's message: evidence is one line. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}
