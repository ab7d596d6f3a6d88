/**
 * The drivers that tests know of, and which of them must be there. A driver that is missing is never skipped in
 * silence: `EXPECT_DRIVERS=uring,epoll,libuv` names those whose absence is a failure, and the default is the one that
 * runs everywhere.
 */
import type { Driver, Unavailable } from "@baton-io/core";

interface Candidate {
  readonly name: string;
  /** Held in a variable where it is imported, because the package may not be there to be type-checked. */
  readonly package: string;
  readonly factory: string;
}

const candidates: readonly Candidate[] = [
  { name: "uring", package: "@baton-io/driver-uring", factory: "uringDriver" },
  { name: "epoll", package: "@baton-io/driver-epoll", factory: "epollDriver" },
  { name: "libuv", package: "@baton-io/driver-libuv", factory: "libuvDriver" },
];

/** A driver that can run here. */
export interface FoundDriver {
  readonly name: string;
  readonly createDriver: () => Driver;
}

/** One that cannot, and why. */
export interface MissingDriver {
  readonly name: string;
  readonly why: string;
}

/** Names in `EXPECT_DRIVERS`; without it, `libuv`. */
export function expectedDrivers(text: string | undefined = process.env["EXPECT_DRIVERS"]): readonly string[] {
  if (text === undefined) return ["libuv"];
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Looks for one driver. */
export async function findDriver(name: string): Promise<FoundDriver | MissingDriver> {
  const candidate = candidates.find((one) => one.name === name);
  if (candidate === undefined) return { name, why: `there is no driver called "${name}"` };
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(candidate.package)) as typeof module;
  } catch (error) {
    return { name, why: `${candidate.package} cannot be imported: ${(error as Error).message}` };
  }
  const factory = module[candidate.factory];
  if (typeof factory !== "function") return { name, why: `${candidate.package} exports no ${candidate.factory}` };
  // The package's own types say so; here it is known by name only.
  const createDriver = factory as () => Driver;
  const probe = createDriver().probe();
  return probe.available ? { name, createDriver } : { name, why: reasonOf(probe) };
}

function reasonOf({ cause, summary }: Unavailable): string {
  return `${cause}: ${summary}`;
}

/** All drivers, found or missing. */
export async function findDrivers(): Promise<readonly (FoundDriver | MissingDriver)[]> {
  return Promise.all(candidates.map(({ name }) => findDriver(name)));
}

export function isFound(driver: FoundDriver | MissingDriver): driver is FoundDriver {
  return "createDriver" in driver;
}

/** Those of the expected drivers that are not there. Empty is the good case. */
export function missingOf(
  found: readonly (FoundDriver | MissingDriver)[],
  expected: readonly string[],
): readonly MissingDriver[] {
  return expected.flatMap((name) => {
    const driver = found.find((one) => one.name === name) ?? { name, why: `there is no driver called "${name}"` };
    return isFound(driver) ? [] : [driver];
  });
}
