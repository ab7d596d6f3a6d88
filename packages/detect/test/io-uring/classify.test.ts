import { ERRNO } from "@baton-io/core/driver";
import { describe, expect, test } from "vitest";
import { ioUringCauses } from "../../src/io-uring/cause-table.js";
import { classify } from "../../src/io-uring/classify.js";
import { describeEvidence, explainNext, explainUnavailable } from "../../src/io-uring/explain.js";
import { combinations } from "./combinations.js";
import { answered, type Changes, evidence, refused } from "./fixtures.js";
import { allRefused, filter, noMarker, noSysctl, type Row, setupRefused, situations, sysctl } from "./situations.js";

const { EPERM } = ERRNO;
const rows: readonly Row[] = [...situations, ...combinations];

describe("the cause, from what was seen", () => {
  for (const [situation, found, cause, next = []] of situations) {
    test(situation, () => {
      expect(classify(found)).toEqual({ cause, next });
    });
  }
});

describe("the cause, from combinations", () => {
  test("there are at least thirty", () => {
    expect(combinations.length).toBeGreaterThanOrEqual(30);
  });

  for (const [situation, found, cause, next] of combinations) {
    test(situation, () => {
      const { cause: foundCause, next: foundNext } = classify(found);
      expect(foundCause).toBe(cause);
      if (next !== undefined) expect(foundNext).toEqual(next);
    });
  }
});

describe("a kernel that was not asked", () => {
  const rings = { seccomp: { mode: 2 }, descriptors: { rings: 0 }, libuv: "1.52.1" } as const;

  // mutant: deno-believed-to-make-rings
  test("has refused Node's own rings when there are none; of other runtimes that says nothing", () => {
    const guess = (changes: Changes) =>
      classify(evidence({ kind: "not-asked", why: "" }, { ...rings, ...changes })).next;
    expect(guess({ runtime: "Node 24.21.0" })).toEqual(["SECCOMP_ERRNO"]);
    for (const runtime of ["Deno 2.9.6", "Bun 1.4.5"]) expect(guess({ runtime })).toEqual([]);
    expect(guess({ runtime: "Node 24.21.0", limits: { memlockBytes: 0 } })).toEqual(["MEMLOCK"]);
  });
});

describe("every cause", () => {
  test("of the table is found by some row, and no row finds another", () => {
    const found = new Set(rows.flatMap(([, seen]) => classify(seen).cause ?? []));
    found.delete("OK");
    expect([...found].sort()).toEqual(Object.keys(ioUringCauses).sort());
  });

  test("is explained in one line, with evidence, and with a remedy that protects", () => {
    for (const [situation, found] of rows) {
      const { cause, next } = classify(found);
      if (cause === null || cause === "OK") {
        for (const one of explainNext(next, found)) expect(one.summary, situation).toMatch(/^[A-Z].*\.$/);
        continue;
      }
      const explained = explainUnavailable({ cause, next }, cause, found);
      expect(explained.summary, situation).toMatch(/^(io_uring|[A-Z]).*\.$/);
      expect(explained.summary).not.toMatch(/undefined|null|NaN|\n/);
      expect(explained.remedy?.text, situation).toMatch(/\S/);
      expect(explained.next?.map((one) => one.cause)).toEqual(next);
      const text = JSON.stringify([explained, describeEvidence(found)]);
      expect(text).not.toMatch(/privileged|unconfined|seccomp=unconfined/i);
      for (const { value } of explained.evidence) expect(value).not.toMatch(/undefined|NaN|\n/);
    }
  });
});

describe("any errno", () => {
  const errnos = Array.from({ length: 133 }, (_, index) => index + 1);
  const places: readonly Changes[] = [
    {},
    filter,
    { ...filter, ...noMarker, ...noSysctl },
    sysctl(1),
    { seccomp: { mode: null } },
  ];

  test("from all three calls, from setup alone, and at every step is a cause and never a crash", () => {
    for (const errno of errnos) {
      for (const changes of places) {
        const probes = [
          allRefused(errno),
          setupRefused(errno),
          refused(EPERM, errno, errno),
          answered({ enter: errno }),
          answered({ register: errno }),
          answered({ opcodeProbe: errno }),
          { ...answered(), refused: { call: "io_uring_enter (flags: 8)", errno } },
          ...(["map", "enter", "completion"] as const).map((step) => answered({ step, roundTrip: errno })),
        ];
        for (const probe of probes) {
          const found = evidence(probe, changes);
          const { cause, next } = classify(found);
          expect(cause).not.toBeNull();
          if (cause !== "OK" && cause !== null) explainUnavailable({ cause, next }, cause, found);
        }
      }
    }
  });

  test("is blamed on the filter when all three calls answer it and there is one", () => {
    for (const errno of errnos) expect(classify(evidence(allRefused(errno), filter)).cause).toBe("SECCOMP_ERRNO");
  });

  test("is never blamed on the sysctl when the sysctl lets everybody in", () => {
    for (const errno of errnos) {
      for (const probe of [allRefused(errno), setupRefused(errno)]) {
        for (const changes of [{}, filter]) {
          const { cause, next } = classify(evidence(probe, changes));
          expect([cause, ...next].filter((one) => one?.startsWith("SYSCTL"))).toEqual([]);
        }
      }
    }
  });

  test("makes no ring, whatever it is: a ring that was refused is never OK", () => {
    for (const errno of errnos) expect(classify(evidence(setupRefused(errno))).cause).not.toBe("OK");
  });
});
