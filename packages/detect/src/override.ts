/** What the operator says by environment variables: `BATON_DRIVER`, `BATON_LOG` and `BATON_PROBE`. */
import { batonError, describeValue, type Environment } from "@baton-io/core/driver";
import { type DriverName, driverNames, isDriverName } from "./candidates.js";
import type { ProbeSetting } from "./io-uring/ask-kernel.js";

/** How much detection says on stderr. */
export type LogLevel = "silent" | "warn" | "info" | "debug";

const logLevels: readonly LogLevel[] = ["silent", "warn", "info", "debug"];
const probeSettings: readonly ProbeSetting[] = ["auto", "child", "off"];

/**
 * The driver that `BATON_DRIVER` forces; `undefined` for `auto` and when it is not set. Throws `ERR_DRIVER_UNKNOWN`.
 */
export function forcedDriver(env: Environment): DriverName | undefined {
  const value = env["BATON_DRIVER"];
  if (value === undefined || value === "" || value === "auto") return undefined;
  return expectDriverName("BATON_DRIVER", value);
}

/** What was given for a name, for a message; a program without types may give anything. */
export function nameText(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : describeValue(value);
}

/** Returns the name of a driver, or throws `ERR_DRIVER_UNKNOWN`; `where` is what named it. */
export function expectDriverName(where: string, value: unknown): DriverName {
  if (isDriverName(value)) return value;
  throw batonError("ERR_DRIVER_UNKNOWN", `${where}: ${nameText(value)} is none of ${driverNames.join(", ")}.`);
}

/**
 * What `BATON_LOG` says; default `warn`. A value that means nothing is told about, not thrown: a misspelt log level is
 * no reason for a program not to start.
 */
export function logLevel(env: Environment): { readonly level: LogLevel; readonly misspelt: string | undefined } {
  const { value, misspelt } = readSetting(env, "BATON_LOG", logLevels, "warn");
  return { level: value, misspelt };
}

/** How `BATON_PROBE` wants the kernel to be asked; default `auto`, as for a value that means nothing, which is told about. */
export function probeSetting(env: Environment): {
  readonly setting: ProbeSetting;
  readonly misspelt: string | undefined;
} {
  const { value, misspelt } = readSetting(env, "BATON_PROBE", probeSettings, "auto");
  return { setting: value, misspelt };
}

function readSetting<T extends string>(
  env: Environment,
  name: string,
  known: readonly T[],
  otherwise: T,
): { readonly value: T; readonly misspelt: string | undefined } {
  const text = env[name];
  if (text === undefined || text === "") return { value: otherwise, misspelt: undefined };
  const value = known.find((one) => one === text);
  return value === undefined ? { value: otherwise, misspelt: text } : { value, misspelt: undefined };
}
