import { plantedBugNames, runSimProgram, type SimProgramReport } from "@baton-io/core/testing";
import { describe, expect, it } from "vitest";

const SEEDS = 300;
/** Few enough for a test to be quick where much else runs. */
const SEEDS_AT_ONCE = 30;
/** A planted bug must be caught within so many seeds. */
const CANARY_SEEDS_MAX = 100;

describe("random programs on a simulated machine", () => {
  const reports: SimProgramReport[] = [];

  for (let first = 1; first <= SEEDS; first += SEEDS_AT_ONCE) {
    const last = first + SEEDS_AT_ONCE - 1;
    // mutant: failed-write-forgets-its-part, own-position-ignores-aborted-writes, pipe-leaves-own-position
    // mutant: no-reserve, shortage-ends-the-accept, reset-received-as-end
    it(`balance their books with each seed from ${first} to ${last}`, async () => {
      const failures: string[] = [];
      for (let seed = first; seed <= last; seed++) {
        const report = await runSimProgram({ seed });
        reports.push(report);
        failures.push(...report.failures.map((failure) => `seed ${seed}: ${failure}`));
      }
      expect(failures).toEqual([]);
    });
  }

  it("meet every fault there is, and end their operations in every way", () => {
    const faults: Record<string, number> = {};
    const outcomes: Record<string, number> = {};
    for (const report of reports) {
      for (const [name, count] of Object.entries(report.faults)) faults[name] = (faults[name] ?? 0) + count;
      for (const [code, count] of Object.entries(report.outcomes)) outcomes[code] = (outcomes[code] ?? 0) + count;
    }
    expect(Object.entries(faults).filter(([, count]) => count === 0)).toEqual([]);
    for (const code of ["ok", "ABORT_ERR", "ERR_TIMEOUT", "ERR_OPERATION_CANCELED", "ERR_OPERATION_ABANDONED"]) {
      expect(outcomes[code], code).toBeGreaterThan(100);
    }
    for (const code of ["ERR_RESOURCE_CLOSED", "ERR_BACKEND_CLOSED", "ERR_OPERATION_LIMIT", "ERR_BUFFER_LENT"]) {
      expect(outcomes[code], code).toBeGreaterThan(10);
    }
  });

  it("take the same way with the same seed", async () => {
    for (const { seed, hash, events } of reports.filter(({ seed }) => seed % 20 === 0)) {
      const again = await runSimProgram({ seed });
      expect({ hash: again.hash, events: again.events }, `seed ${seed}`).toEqual({ hash, events });
    }
    expect(new Set(reports.map(({ hash }) => hash)).size).toBe(SEEDS);
  });

  for (const plantedBug of plantedBugNames) {
    it(`catch a driver with the bug ${plantedBug}`, async () => {
      const caught: string[] = [];
      for (let seed = 1; seed <= CANARY_SEEDS_MAX && caught.length === 0; seed++) {
        caught.push(...(await runSimProgram({ seed, plantedBug })).failures);
      }
      expect(caught).not.toEqual([]);
    });
  }
});
