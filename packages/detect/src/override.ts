/** What the operator says by environment variables: `BATON_DRIVER` and `BATON_LOG`. */
import { batonError } from "@baton-io/core";
import { type DriverName, driverNames, isDriverName } from "./candidates.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** How much detection says on stderr. */
export type LogLevel = "silent" | "warn" | "info" | "debug";

const logLevels: readonly LogLevel[] = ["silent", "warn", "info", "debug"];

/**
 * The driver that `BATON_DRIVER` forces; `undefined` for `auto` and when it is not set. Throws `ERR_DRIVER_UNKNOWN`.
 */
export function forcedDriver(env: Environment): DriverName | undefined {
  const value = env["BATON_DRIVER"];
  if (value === undefined || value === "" || value === "auto") return undefined;
  return expectDriverName("BATON_DRIVER", value);
}

/** Returns the name of a driver, or throws `ERR_DRIVER_UNKNOWN`; `where` is what named it. */
export function expectDriverName(where: string, value: unknown): DriverName {
  if (isDriverName(value)) return value;
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw batonError("ERR_DRIVER_UNKNOWN", `${where}: ${text} is none of ${driverNames.join(", ")}.`);
}

/**
 * What `BATON_LOG` says; default `warn`. A value that means nothing is told about, not thrown: a misspelt log level is
 * no reason for a program not to start.
 */
export function logLevel(env: Environment): { readonly level: LogLevel; readonly misspelt: string | undefined } {
  const value = env["BATON_LOG"];
  if (value === undefined || value === "") return { level: "warn", misspelt: undefined };
  const level = logLevels.find((known) => known === value);
  return level === undefined ? { level: "warn", misspelt: value } : { level, misspelt: undefined };
}
