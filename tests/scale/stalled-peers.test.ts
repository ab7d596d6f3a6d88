/**
 * Very many peers that send and never read, with a server that answers all of them: an honest client is served in time,
 * while they arrive and fill up and when they have stalled.
 */
import type { Inspection } from "@baton-io/core";
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { isLong, rounds } from "../life/amounts.js";
import { bundlePrograms } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";
import { descriptorLimit } from "./limits.js";

/**
 * Each takes some 700 KiB of the kernel's memory for TCP until it has stalled, of which a machine has a tenth of its own
 * in all: when that is used up the kernel resets connections, of other programs too.
 */
const PEERS = rounds({ short: 2000, long: 5000 });
/** 16 MiB for 5,000 of them. */
const POOL_BYTES = Math.floor((PEERS / 5000) * 16 * 2 ** 20);
/** Processor time of the server's between a question and its answer: what else the machine does is not in it. */
const CPU_MS_MAX = 100;
/** Chunks of others before it: less than one for each peer, as it would be if all were served in turn. */
const OTHERS_MAX = PEERS * 0.6;
const TIMEOUT_MS = isLong ? 300_000 : 120_000;

interface Worst {
  readonly questions: number;
  readonly cpuMs: number;
  readonly others: number;
}

type Report = Readonly<Record<"filling" | "arriving" | "stalled", Worst>> &
  Pick<Inspection, "receiving" | "buffers"> & { readonly connections: number };

const programs = bundlePrograms(
  new URL("programs/stalled-server.ts", import.meta.url),
  new URL("programs/stalled-peers.ts", import.meta.url),
);

for (const driver of await findDrivers()) {
  describe(`${driver.name}: ${PEERS} peers that never read`, () => {
    test("an honest client is served while they fill up, and when they have stalled", {
      timeout: TIMEOUT_MS,
    }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      const limit = await descriptorLimit();
      if (limit < PEERS + 100) return skip(`a process may open ${limit} descriptors only`);
      const ending = await runProgram(programs.path("stalled-server"), {
        arguments: [driver.name, String(PEERS), String(POOL_BYTES)],
        timeoutMs: TIMEOUT_MS,
      });
      const { receiving, buffers, connections, ...worst } = reportOf<Report>(ending);
      for (const [when, { questions, cpuMs, others }] of Object.entries(worst)) {
        process.stdout.write(
          `stalled peers ${driver.name}, ${when}: ${questions} questions, at most ${cpuMs.toFixed(1)} ms of the processor and ${others} chunks of others before the answer\n`,
        );
      }
      // The inspector shows who has what.
      expect(receiving.short).toBe(true);
      expect(receiving.reserveBytes).toBe(Math.floor(POOL_BYTES / 8 / 256) * 256);
      expect(buffers.bytes).toBeLessThanOrEqual(POOL_BYTES);
      expect(buffers.bytesOut).toBeGreaterThan(POOL_BYTES / 2);
      expect(buffers.leaked).toBe(0);
      expect(connections).toBeGreaterThan(PEERS);
      // On libuv the runtime accepts one connection in each of its turns, and reads for all that are there in each.
      const byRuntime = driver.name === "libuv";
      const { arriving, ...others } = worst;
      for (const { questions, cpuMs } of Object.values(byRuntime ? others : worst)) {
        expect(questions).toBeGreaterThan(0);
        expect(cpuMs).toBeLessThanOrEqual(CPU_MS_MAX);
      }
      expect(arriving.questions).toBeGreaterThan(0);
      expect(worst.stalled.others).toBeLessThanOrEqual(OTHERS_MAX);
      if (byRuntime) return;
      expect(worst.filling.others).toBeLessThanOrEqual(OTHERS_MAX);
      expect(arriving.others).toBeLessThanOrEqual(OTHERS_MAX);
    });
  });
}
