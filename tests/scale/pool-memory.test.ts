/** What the limit of the pool bounds: memory, whatever sizes are asked for one after the other. */
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";

const LIMIT_BYTES = 64 * 2 ** 20;
/** So many times the limit at most. The rest is what stands for buffers, and what the allocator rounds up. */
const TIMES_MAX = 1.25;
const TIMEOUT_MS = 60_000;

const programs = bundlePrograms(new URL("programs/pool-memory.ts", import.meta.url));
const timesOf = (bytes: number) => bytes / LIMIT_BYTES;

for (const driver of await findDrivers()) {
  describe(`${driver.name}: a pool that is full of buffers of all sizes`, () => {
    // mutant: freed-memory-waits-for-the-collector
    test(`takes no more than ${TIMES_MAX} times its limit`, { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      const ending = await runProgram(programs.path("pool-memory"), {
        arguments: [driver.name, String(LIMIT_BYTES)],
        // The young generation grows with any load, and is not the pool's.
        nodeArguments: ["--max-semi-space-size=1"],
        timeoutMs: TIMEOUT_MS,
      });
      const report =
        reportOf<Readonly<Record<"residentBytes" | "arrayBuffersBytes" | "refused" | "bytes", number>>>(ending);
      process.stdout.write(
        `pool memory ${driver.name}: ${timesOf(report.residentBytes).toFixed(2)} times the limit is resident, ` +
          `${timesOf(report.arrayBuffersBytes).toFixed(2)} times it is the runtime's\n`,
      );
      expect(report.refused).toBeGreaterThan(0);
      expect(report.bytes).toBeLessThanOrEqual(LIMIT_BYTES);
      // The runtime's allocator keeps what it was given back; how much the runtime has is all that libuv's pool decides.
      const taken = driver.name === "libuv" ? report.arrayBuffersBytes : report.residentBytes;
      expect(timesOf(taken)).toBeLessThanOrEqual(TIMES_MAX);
      expect(timesOf(taken)).toBeGreaterThan(0.5);
    });
  });
}
