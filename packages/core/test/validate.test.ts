import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkBoolean,
  checkDurationMs,
  checkInteger,
  checkOptions,
  checkSignal,
  DURATION_MS_MAX,
  describe as describeValue,
  encodePath,
  PATH_BYTES_MAX,
} from "../src/base/validate.js";

const code = (expected: string) => expect.objectContaining({ code: expected });

describe("checks at the border", () => {
  test("an integer within its range comes back, everything else is refused with one of two codes", () => {
    fc.assert(
      fc.property(fc.anything(), fc.integer(), fc.nat(), (value, min, span) => {
        const max = min + span;
        if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
          expect(checkInteger("test", "n", value, min, max)).toBe(value === 0 ? 0 : value);
        } else {
          const expected = typeof value === "number" ? "ERR_OUT_OF_RANGE" : "ERR_INVALID_ARG_TYPE";
          expect(() => checkInteger("test", "n", value, min, max)).toThrow(code(expected));
        }
      }),
    );
    fc.assert(
      fc.property(fc.integer(), (value) => {
        expect(checkInteger("test", "n", value, value, value)).toBe(value === 0 ? 0 : value);
        expect(() => checkInteger("test", "n", value + 0.5, value - 1, value + 1)).toThrow(code("ERR_OUT_OF_RANGE"));
      }),
    );
  });

  test("−0 becomes 0", () => {
    expect(Object.is(checkInteger("test", "n", -0, 0, 1), 0)).toBe(true);
  });

  test("a duration is 0 or more milliseconds, fractions allowed, at most what timers take", () => {
    for (const value of [0, 0.25, DURATION_MS_MAX]) expect(checkDurationMs("test", "d", value)).toBe(value);
    for (const value of [-0.1, Number.NaN, Infinity, DURATION_MS_MAX + 1]) {
      expect(() => checkDurationMs("test", "d", value)).toThrow(code("ERR_OUT_OF_RANGE"));
    }
    for (const value of ["1", null, undefined, 1n]) {
      expect(() => checkDurationMs("test", "d", value)).toThrow(code("ERR_INVALID_ARG_TYPE"));
    }
  });

  test("only true and false are booleans", () => {
    expect([checkBoolean("test", "b", true), checkBoolean("test", "b", false)]).toEqual([true, false]);
    for (const value of [0, 1, "true", null, undefined, {}]) {
      expect(() => checkBoolean("test", "b", value)).toThrow(code("ERR_INVALID_ARG_TYPE"));
    }
  });

  test("a signal is what can be aborted and listened to, of whatever realm", () => {
    const { signal } = new AbortController();
    expect(checkSignal("test", signal)).toBe(signal);
    for (const value of [null, undefined, {}, { aborted: false }, "abort"]) {
      expect(() => checkSignal("test", value)).toThrow(code("ERR_INVALID_ARG_TYPE"));
    }
  });

  test("an option that is not known is refused by name, inherited ones too", () => {
    const known = { path: true, mode: true } as const;
    expect(() => checkOptions("test", { path: 1 }, known)).not.toThrow();
    expect(() => checkOptions("test", { mod: 1 }, known)).toThrow(/"mod".*path, mode/);
    expect(() => checkOptions("test", Object.create({ mod: 1 }) as object, known)).toThrow(code("ERR_UNKNOWN_OPTION"));
    for (const value of [null, 7, "x", undefined]) {
      expect(() => checkOptions("test", value as never, known)).toThrow(code("ERR_INVALID_ARG_TYPE"));
    }
  });

  test("an option with the name of something that every object has is no option", () => {
    for (const name of ["toString", "constructor", "valueOf"]) {
      expect(() => checkOptions("test", { [name]: 1 }, { path: true })).toThrow(code("ERR_UNKNOWN_OPTION"));
    }
  });

  // mutant: nul-in-path-allowed
  test("a path is its bytes: any text without NUL, any bytes without NUL", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (text) => {
        if (text.includes("\0")) expect(() => encodePath("test", text)).toThrow(code("ERR_INVALID_PATH"));
        else
          expect(new TextDecoder().decode(encodePath("test", text))).toBe(
            new TextDecoder().decode(new TextEncoder().encode(text)),
          );
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        if (bytes.includes(0)) expect(() => encodePath("test", bytes)).toThrow(code("ERR_INVALID_PATH"));
        else expect(encodePath("test", bytes)).toEqual(bytes);
      }),
    );
    expect(encodePath("test", "x".repeat(PATH_BYTES_MAX))).toHaveLength(PATH_BYTES_MAX);
    // Two bytes a letter: the limit is in bytes.
    expect(() => encodePath("test", "ä".repeat(PATH_BYTES_MAX / 2 + 1))).toThrow(code("ERR_INVALID_PATH"));
  });

  test("a value in a message is what it is, never what it contains", () => {
    expect(["secret", ["secret"], { secret: 1 }, () => "secret", Symbol("x")].map(describeValue)).toEqual([
      "a string",
      "an instance of Array",
      "an instance of Object",
      "a function",
      "Symbol(x)",
    ]);
    expect(describeValue(Object.create(null))).toBe("an instance of Object");
    expect([null, undefined, 7, 7n, true].map(describeValue)).toEqual(["null", "undefined", "7", "7", "true"]);
  });
});
