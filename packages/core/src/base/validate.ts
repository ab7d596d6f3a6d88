/** Checks at the public border: every bad input gets a clear error with a permanent code, before anything is lent. */
import { batonError } from "./errors.js";

/** Names of options as keys, so that a look-up is one property. */
export type OptionNames = Readonly<Record<string, true>>;

/** Refuses what is not an options object, and an options object with a property that is not an option. */
export function checkOptions(where: string, options: object, known: OptionNames): void {
  if (typeof options !== "object" || options === null) {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: options must be an object, not ${describe(options)}.`);
  }
  for (const key in options) {
    // Not `in`: every object has a `toString`.
    if (known[key] !== true) {
      const names = Object.keys(known).join(", ");
      throw batonError("ERR_UNKNOWN_OPTION", `${where}: there is no option "${key}"; there are: ${names}.`);
    }
  }
}

/** The error for an argument of the wrong type; `expected` as in "a File". */
export function wrongType(where: string, name: string, expected: string, value: unknown): Error {
  return batonError("ERR_INVALID_ARG_TYPE", `${where}: ${name} must be ${expected}, not ${describe(value)}.`);
}

/** Refuses what is not an integer in [`min`, `max`]. */
export function checkInteger(where: string, name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number") {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: ${name} must be a number, not ${describe(value)}.`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw batonError("ERR_OUT_OF_RANGE", `${where}: ${name} must be an integer from ${min} to ${max}, not ${value}.`);
  }
  // −0 is an integer in range but would survive into messages and records.
  return value + 0;
}

/** Refuses what is not a non-negative, finite number of milliseconds. */
export function checkDurationMs(where: string, name: string, value: unknown): number {
  if (typeof value !== "number") {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: ${name} must be a number, not ${describe(value)}.`);
  }
  if (!(value >= 0 && value <= DURATION_MS_MAX)) {
    throw batonError("ERR_OUT_OF_RANGE", `${where}: ${name} must be 0 to ${DURATION_MS_MAX} ms, not ${value}.`);
  }
  return value;
}

/** The longest delay `setTimeout` keeps: about 24.8 days. */
export const DURATION_MS_MAX: number = 2 ** 31 - 1;

export function checkBoolean(where: string, name: string, value: unknown): boolean {
  if (typeof value !== "boolean") {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: ${name} must be a boolean, not ${describe(value)}.`);
  }
  return value;
}

export function checkSignal(where: string, value: unknown): AbortSignal {
  const names = ["aborted", "addEventListener", "removeEventListener"];
  if (typeof value !== "object" || value === null || !names.every((name) => name in value)) {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: signal must be an AbortSignal, not ${describe(value)}.`);
  }
  return value as AbortSignal;
}

const encoder = new TextEncoder();

/** The longest path in bytes, without a terminating NUL: PATH_MAX of Linux less one. */
export const PATH_BYTES_MAX = 4095;

/** The bytes of a path given as text or as bytes. */
export function encodePath(where: string, path: unknown): Uint8Array {
  const bytes = typeof path === "string" ? encoder.encode(path) : path instanceof Uint8Array ? path : undefined;
  if (bytes === undefined) {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: path must be a string or bytes, not ${describe(path)}.`);
  }
  if (bytes.length === 0) throw batonError("ERR_INVALID_PATH", `${where}: the path is empty.`);
  if (bytes.includes(0)) throw batonError("ERR_INVALID_PATH", `${where}: the path contains a NUL byte.`);
  if (bytes.length > PATH_BYTES_MAX) {
    throw batonError("ERR_INVALID_PATH", `${where}: the path has ${bytes.length} bytes, more than ${PATH_BYTES_MAX}.`);
  }
  return bytes;
}

/** A value in an error message: what it is, never its content. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object") return `an instance of ${classNameOf(value)}`;
  if (typeof value === "string") return "a string";
  return typeof value === "function" ? "a function" : String(value);
}

/** Reading it may run code of the caller's, which may throw or answer anything. */
function classNameOf(value: object): string {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === "string" ? name : "Object";
  } catch {
    return "Object";
  }
}
