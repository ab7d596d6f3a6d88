/** Expectations without a test runner: each throws a `ConformanceFailure` that says what was expected of what. */
import type { BatonError } from "@baton-io/core";

/** A case found the driver, or core, to behave otherwise than the contract says. */
export class ConformanceFailure extends Error {
  override readonly name = "ConformanceFailure";
}

/** Ends the case. */
export function fail(message: string): never {
  throw new ConformanceFailure(message);
}

/** Expects `condition`; `what` completes "expected …". */
export function ok(condition: boolean, what: string): asserts condition {
  if (!condition) fail(`expected ${what}`);
}

/** Expects the same value (`Object.is`). */
export function equal<T>(actual: T, expected: T, what: string): void {
  if (!Object.is(actual, expected)) fail(`expected ${what} to be ${show(expected)}, and it was ${show(actual)}`);
}

/** Expects one of several values. */
export function oneOf<T>(actual: T, expected: readonly T[], what: string): void {
  if (!expected.includes(actual)) {
    fail(`expected ${what} to be one of ${expected.map(show).join(", ")}, and it was ${show(actual)}`);
  }
}

/** Expects the same bytes. */
export function equalBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  equal(actual.length, expected.length, `the length of ${what}`);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  if (at >= 0) fail(`expected byte ${at} of ${what} to be ${expected[at]}, and it was ${actual[at]}`);
}

/** Fields that an error must have, by name. */
export type ErrorFields = Readonly<Record<string, unknown>>;

/** Expects a rejection with one of the codes (and fields), and returns the error. */
export async function rejects(
  promise: PromiseLike<unknown>,
  codes: string | readonly string[],
  fields: ErrorFields = {},
): Promise<BatonError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return checkError(error, codes, fields);
  }
  return fail(`expected a rejection with ${String(codes)}, and it resolved with ${show(value)}`);
}

/** Expects a throw with one of the codes, and returns the error. */
export function throws(action: () => unknown, codes: string | readonly string[], fields: ErrorFields = {}): BatonError {
  let value: unknown;
  try {
    value = action();
  } catch (error) {
    return checkError(error, codes, fields);
  }
  return fail(`expected ${String(codes)} to be thrown, and it returned ${show(value)}`);
}

/** Expects the error to be one of Baton's, with one of the codes and with the fields. */
export function checkError(error: unknown, codes: string | readonly string[], fields: ErrorFields): BatonError {
  const accepted = typeof codes === "string" ? [codes] : codes;
  if (!(error instanceof Error && "code" in error && accepted.includes(String(error.code)))) {
    fail(`expected an error with the code ${accepted.join(" or ")}, and it was ${show(error)}`);
  }
  for (const [name, expected] of Object.entries(fields)) {
    const actual = (error as unknown as Record<string, unknown>)[name];
    if (!Object.is(actual, expected)) {
      fail(`expected error.${name} of ${show(error)} to be ${show(expected)}, and it was ${show(actual)}`);
    }
  }
  // The check above has seen its code; the other fields of a BatonError are all optional.
  return error as BatonError;
}

/** A value in a message. */
export function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return `an instance of ${value.constructor?.name ?? "Object"}`;
  return String(value);
}
