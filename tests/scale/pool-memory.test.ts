/** What the limit of the pool bounds: memory, whatever sizes are asked for and in which order. */
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";
import { isTurn, OTHER_TURN } from "../setup/turns.js";

const LIMITS_MIB = [16, 64];
/** What a full pool does, and whether it meets its limit. */
const WAYS = {
  small: "full of the smallest",
  sizes: "full of one size after the other",
  pinned: "full of one size, with some of another all over it",
  mixed: "full of all sizes at once",
  churn: "a place where buffers come and go",
};
/** So many times the limit at most … */
const TIMES_MAX = 1.25;
/** … and so much for each buffer there was at once, for what stands for it outside of the runtime's heap. */
const BYTES_PER_BUFFER_MAX = 768;
const TIMEOUT_MS = 120_000;

interface Report {
  readonly peakBytes: number;
  readonly peakAt: string;
  readonly buffersMax: number;
  readonly refused: number;
  readonly bytes: number;
  /** The objects on the runtime's heap are in the peak. */
  readonly withObjects: boolean;
}

const programs = bundlePrograms(new URL("programs/pool-memory.ts", import.meta.url));

let variants = 0;
for (const driver of await findDrivers()) {
  describe.each(LIMITS_MIB)(`${driver.name}: a pool of %d MiB`, (limitMib) => {
    // mutant: freed-memory-waits-for-the-collector
    // mutant: freed-memory-stays-with-the-allocator
    // mutant: pages-at-rest-are-kept
    test.for(Object.entries(WAYS).map(([way, title]) => [way, title, variants++] as const))(
      "%s: bounded in memory when it is %s",
      { timeout: TIMEOUT_MS },
      async ([way, , index], { skip }) => {
        if (!isFound(driver)) return skip(driver.why);
        if (!isTurn(index)) return skip(OTHER_TURN);
        const limit = limitMib * 2 ** 20;
        const ending = await runProgram(programs.path("pool-memory"), {
          arguments: [driver.name, String(limit), way],
          // The young generation grows with any load, and what the runtime's threads compile and sweep with comes and
          // goes: neither is the pool's.
          nodeArguments: ["--expose-gc", "--max-semi-space-size=1", "--single-threaded"],
          timeoutMs: TIMEOUT_MS,
        });
        const { peakBytes, peakAt, buffersMax, refused, bytes, withObjects } = reportOf<Report>(ending);
        process.stdout.write(
          `pool memory ${driver.name} ${limitMib} MiB, ${way}: ${(peakBytes / limit).toFixed(2)} times the limit with up to ${buffersMax} buffers, at ${peakAt}\n`,
        );
        expect(bytes).toBeLessThanOrEqual(limit);
        if (way !== "churn") expect(refused).toBeGreaterThan(0);
        const besideBytes = withObjects ? 0 : buffersMax * BYTES_PER_BUFFER_MAX;
        expect(peakBytes).toBeLessThanOrEqual(limit * TIMES_MAX + besideBytes);
        expect(peakBytes).toBeGreaterThan(limit / 3);
      },
    );
  });
}
