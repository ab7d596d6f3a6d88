/** Thousands of operations in flight at once, half of them canceled at random moments. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { isLong, rounds } from "../life/amounts.js";
import { bundlePrograms } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";

const OPERATIONS = 10_000;
const SEEDS = rounds({ short: 1, long: 20 });
const FILE_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = isLong ? 600_000 : 60_000;

const programs = bundlePrograms(new URL("programs/cancels.ts", import.meta.url));
let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "baton-cancels-"));
  writeFileSync(join(directory, "data"), new Uint8Array(FILE_BYTES));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

for (const driver of await findDrivers()) {
  describe(`${driver.name}: ${OPERATIONS} operations at once, half of them canceled`, () => {
    test("each ends once and every buffer comes home", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      for (let seed = 1; seed <= SEEDS; seed++) {
        const ending = await runProgram(programs.path("cancels"), {
          arguments: [driver.name, String(OPERATIONS), String(seed), join(directory, "data")],
        });
        const report = reportOf<{ mostInFlight: number; endings: Readonly<Record<string, number>> }>(ending);
        expect(report, `seed ${seed}`).toMatchObject({
          ended: OPERATIONS,
          lent: 0,
          inFlight: 0,
          buffersOut: 0,
          stale: 0,
          unconfirmedOperations: 0,
        });
        // They were really there together, and they really were canceled or came to their end.
        expect(report.mostInFlight).toBeGreaterThan(OPERATIONS / 2);
        expect(Object.keys(report.endings).sort()).toEqual(["ERR_OPERATION_CANCELED", "ok"]);
      }
    });
  });
}
