/**
 * Many connections: nothing is left of them, closing them is quick, and ten times as many cost about ten times as much.
 */
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { isLong, rounds } from "../life/amounts.js";
import { bundlePrograms } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";
import { descriptorLimit } from "./limits.js";

const FEW = rounds({ short: 500, long: 1000 });
const MANY = rounds({ short: 2000, long: 10_000 });
const IDLE = 5000;
/** So many that what is paid once, as for the compilers' threads and for the code they make, is paid before. */
const IDLE_WARM_UP = 2000;
const TIMEOUT_MS = isLong ? 300_000 : 60_000;
const CLOSE_MAX_MS = 2000;
/** A fifth more than the connections are; beyond that is a step that looks at all of them for each. */
const COST_MAX = (1.2 * MANY) / FEW;
/** Less than this and the clock's grain is in the ratio. */
const COST_MIN_MS = 20;
/**
 * Objects of core for a stream and its receive in flight, the driver's record and state, and the program's callback.
 */
const IDLE_BYTES_MAX = 1536;
/** Buffers that the driver takes from, however many connections wait for one; the programs say so. */
const PROVIDED_MAX = 64;

const programs = bundlePrograms(
  new URL("programs/server.ts", import.meta.url),
  new URL("programs/client.ts", import.meta.url),
  new URL("programs/idle.ts", import.meta.url),
);

interface Round {
  readonly connections: number;
  readonly openMs: number;
  readonly closeMs: number;
  readonly cpuMs: number;
  readonly descriptorsLeft: number;
  readonly resourcesLeft: number;
  readonly buffersLeft: number;
}

interface IdleReport {
  readonly provided: boolean;
  readonly bytesEach: number;
  readonly buffersOut: number;
}

const say = (line: string) => process.stdout.write(`${line}\n`);

for (const driver of await findDrivers()) {
  describe(`${driver.name}: many connections between two processes`, () => {
    test(`${MANY} are accepted, echoed and closed, and cost about ${MANY / FEW} times as much as ${FEW}`, {
      timeout: TIMEOUT_MS,
    }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      const limit = await descriptorLimit();
      if (limit < MANY + 100) return skip(`a process may open ${limit} descriptors only`);
      const ending = await runProgram(programs.path("server"), {
        // The first round is for the compiler, and for the descriptors that the runtime keeps.
        arguments: [driver.name, programs.path("client"), ...[FEW, FEW, MANY].map(String)],
        timeoutMs: TIMEOUT_MS,
      });
      const report = reportOf<{ rounds: readonly Round[]; unconfirmedOperations: number }>(ending);
      const [, few, many] = report.rounds;
      const cost = many!.cpuMs / Math.max(COST_MIN_MS, few!.cpuMs);
      say(
        `connections ${driver.name}: ${MANY} opened and echoed in ${many!.openMs} ms, closed in ${many!.closeMs} ms; ` +
          `${FEW} → ${MANY} costs ${cost.toFixed(1)} times the processor time`,
      );
      for (const round of [few!, many!]) {
        expect(round).toMatchObject({ descriptorsLeft: 0, resourcesLeft: 0 });
        expect(round.buffersLeft).toBeLessThanOrEqual(PROVIDED_MAX);
      }
      expect(report).toMatchObject({ unconfirmedOperations: 0, buffersOut: 0 });
      expect(many!.closeMs).toBeLessThan(CLOSE_MAX_MS);
      expect(cost).toBeLessThanOrEqual(COST_MAX);
    });

    test(`${IDLE} idle ones hold no buffer and little memory`, { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      const limit = await descriptorLimit();
      if (limit < IDLE + IDLE_WARM_UP + 100) return skip(`a process may open ${limit} descriptors only`);
      const measure = () =>
        runProgram(programs.path("idle"), {
          arguments: [driver.name, programs.path("client"), String(IDLE_WARM_UP), String(IDLE)],
          // The young generation grows with any load, up to 16 MiB, and holds nothing of a connection that waits; holes
          // that opening them left in the old one are the collector's to close.
          nodeArguments: ["--expose-gc", "--max-semi-space-size=1", "--compact-on-every-full-gc"],
          timeoutMs: TIMEOUT_MS,
        });
      let report = reportOf<IdleReport>(await measure());
      // What the runtime's other threads take meanwhile is counted too, and only ever adds.
      for (let more = 0; driver.name === "uring" && more < 2 && report.bytesEach >= IDLE_BYTES_MAX; more++) {
        report = reportOf<IdleReport>(await measure());
      }
      const holds = report.provided ? "no buffer" : "a buffer each";
      say(`idle ${driver.name}: ${IDLE} connections with ${holds} cost ${report.bytesEach} bytes each`);
      if (report.provided) expect(report.buffersOut).toBeLessThanOrEqual(PROVIDED_MAX);
      // The others are shown: what libuv costs, Node allocates.
      if (driver.name === "uring") expect(report.bytesEach).toBeLessThan(IDLE_BYTES_MAX);
    });
  });
}
