/** The tables that several parts must agree on: operations, records, errnos, errors, features. */
import { constants } from "node:os";
import { describe, expect, test } from "vitest";
import {
  defineCapabilities,
  describeErrno,
  ERRNO,
  emulated,
  errnoFromCode,
  featureNames,
  featureTable,
  native,
  OPCODE,
  opcodeNames,
  opcodeTable,
  unsupported,
} from "../src/driver.js";
import { errorTable, isSupported } from "../src/index.js";
import { type OpcodeDefinition, opcodeDefinition } from "../src/spi/opcode.js";
import * as record from "../src/spi/record.js";

describe("the table of operations", () => {
  test("numbers are the places in the table, and fit into the low byte of a record", () => {
    for (const [index, row] of opcodeTable.entries()) {
      expect(row.number).toBe(index);
      expect(OPCODE[row.name]).toBe(index);
      expect(opcodeNames[index]).toBe(row.name);
      expect(opcodeDefinition(row.number)).toBe(row);
    }
    expect(opcodeTable.length).toBeLessThan(256);
    expect(new Set(opcodeNames).size).toBe(opcodeTable.length);
    expect(Object.isFrozen(OPCODE)).toBe(true);
  });

  test("an operation that carries a buffer moves bytes, and one whose answer is in its area has one", () => {
    for (const row of opcodeTable as readonly OpcodeDefinition[]) {
      const { area = "none" } = row;
      if (area === "vector" || area === "message") expect(row.buffer, row.name).not.toBe("none");
      if (row.buffer !== "none") expect(row.result, row.name).toBe("bytes");
      if (row.result === "arena") expect(area, row.name).not.toBe("none");
    }
  });

  test("what has the word of a second handle has none of a timeout", () => {
    for (const row of opcodeTable as readonly OpcodeDefinition[]) {
      if (row.handles === "two") expect(row.flags, row.name).not.toContain("timeout");
    }
  });

  test("what ends a handle or makes one without asking again is not repeated", () => {
    for (const name of ["close", "connect", "listen"] as const)
      expect(opcodeTable[OPCODE[name]].repeatable).toBe(false);
    for (const name of ["read", "write", "receive", "send", "accept"] as const) {
      expect(opcodeTable[OPCODE[name]].repeatable).toBe(true);
    }
  });
});

describe("the layout of records", () => {
  test("the words of a submission are 16 different ones, and as many bytes as a record has", () => {
    const words = Object.values(record.WORD);
    expect([...words].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, index) => index));
    expect(record.SUBMISSION_WORDS).toBe(16);
    expect(record.SUBMISSION_BYTES).toBe(record.SUBMISSION_WORDS * 4);
    expect(1 << record.SUBMISSION_SHIFT).toBe(record.SUBMISSION_WORDS);
  });

  test("the words of a completion are 4 different ones", () => {
    expect(Object.values(record.COMPLETION_WORD).sort()).toEqual([0, 1, 2, 3]);
    expect(record.COMPLETION_BYTES).toBe(record.COMPLETION_WORDS * 4);
    expect(1 << record.COMPLETION_SHIFT).toBe(record.COMPLETION_WORDS);
  });

  test("flags are single bits that meet neither the opcode nor the auxiliary number", () => {
    const single = (bits: Readonly<Record<string, number>>) => {
      const values = Object.values(bits);
      for (const bit of values) expect(Math.log2(bit) % 1).toBe(0);
      expect(new Set(values).size).toBe(values.length);
      return values.reduce((all, bit) => all | bit, 0);
    };
    expect(single(record.SUBMIT_FLAG) & 0xff).toBe(0);
    expect(single(record.COMPLETION_FLAG) >>> record.AUXILIARY_SHIFT).toBe(0);
    single(record.OPEN_FLAG);
    single(record.SOCKET_OPTION);
  });

  test("an auxiliary number comes back from the flags word, up to the largest", () => {
    for (const number of [0, 1, 0x7fffff, record.AUXILIARY_MAX]) {
      const flags = (number << record.AUXILIARY_SHIFT) | record.COMPLETION_FLAG.more;
      expect(flags >>> record.AUXILIARY_SHIFT).toBe(number);
    }
  });

  test("the answer to stat and an address fit into their bytes", () => {
    const fields = Object.values(record.STAT_FIELD);
    expect(new Set(fields).size).toBe(fields.length);
    expect(Math.max(...fields) * 8 + 8).toBe(record.STAT_BYTES);
    expect(record.STAT_WORDS * 4).toBe(record.STAT_BYTES);
    expect(record.ADDRESS_BYTES_AT).toBe((Math.max(...Object.values(record.ADDRESS_WORD)) + 1) * 4);
    expect(record.ADDRESS_BYTES_AT + 108).toBeLessThanOrEqual(record.ADDRESS_BYTES);
  });

  test("control words are different, and within the block", () => {
    const words = Object.values(record.CONTROL);
    expect(new Set(words).size).toBe(words.length);
    expect(Math.max(...words)).toBeLessThan(record.CONTROL_WORDS);
  });
});

describe("errnos", () => {
  test.runIf(process.platform === "linux")("have the numbers of this system", () => {
    const here = constants.errno as Readonly<Record<string, number>>;
    let compared = 0;
    for (const [code, number] of Object.entries(ERRNO)) {
      if (here[code] === undefined) continue;
      expect(number, code).toBe(here[code]);
      compared++;
    }
    expect(compared).toBeGreaterThan(60);
  });

  test("have a name and a text each, by either sign; an unknown one has its number", () => {
    for (const [code, number] of Object.entries(ERRNO)) {
      expect(describeErrno(number).code).toBe(code);
      expect(describeErrno(-number)).toEqual(describeErrno(number));
      expect(describeErrno(number).text).not.toBe("");
      expect(errnoFromCode(code)).toBe(number);
    }
    expect(describeErrno(-4095)).toEqual({ code: "ERRNO_4095", text: "unknown system error" });
    expect(errnoFromCode("ENONSENSE")).toBeUndefined();
    expect(errnoFromCode("EOPNOTSUPP")).toBe(ERRNO.ENOTSUP);
  });

  test("a name that every object has is no errno", () => {
    for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
      expect(typeof errnoFromCode(name)).not.toBe("function");
      expect(errnoFromCode(name)).toBeUndefined();
    }
  });
});

describe("the table of errors", () => {
  test("codes look like codes, and each row has a sentence for what happened and one for what to do", () => {
    for (const [code, { meaning, remedy }] of Object.entries(errorTable)) {
      expect(code).toMatch(/^(ERR_[A-Z_]+|ABORT_ERR)$/);
      for (const text of [meaning, remedy]) expect(text).toMatch(/^([A-Z`]|[a-z]+\(\)).*[.]$/s);
    }
  });
});

describe("capabilities", () => {
  // mutant: undeclared-is-native
  test("what a driver does not mention is unsupported, for the reason given", () => {
    const { operations, features } = defineCapabilities(
      { operations: { read: native(), write: emulated("by hand") }, features: { links: native("of iron") } },
      "never heard of it",
    );
    expect(Object.keys(operations)).toEqual([...opcodeNames]);
    expect(Object.keys(features)).toEqual([...featureNames]);
    expect(operations.read).toEqual({ kind: "native" });
    expect(operations.write).toEqual({ kind: "emulated", how: "by hand" });
    expect(features.links).toEqual({ kind: "native", how: "of iron" });
    expect(operations.nop).toEqual({ kind: "unsupported", why: "never heard of it" });
    expect([native(), emulated("x"), unsupported("x")].map(isSupported)).toEqual([true, true, false]);
  });

  test("features have different names, and each a meaning", () => {
    expect(new Set(featureNames).size).toBe(featureTable.length);
    for (const [, meaning] of featureTable) expect(meaning.length).toBeGreaterThan(10);
  });
});
