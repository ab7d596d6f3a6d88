/**
 * Buffers of many sizes, taken and given back in turns, with a pool that is full all the time:
 * `pool-memory.mjs DRIVER LIMIT_BYTES`. Tells how much memory that took at its peak.
 */
import { readFileSync } from "node:fs";
import { memoryUsage } from "node:process";
import { createBackend, type OwnedBuffer } from "@baton-io/core";
import { createDriver, say } from "../../life/programs/drivers.js";

const SIZES = [4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 12_345, 100_000, 3_000_000];
const ROUNDS = 4;
const STEPS = 3000;

/** What is in memory of this process, and how much of that is the runtime's heap for objects; bytes. */
function measure(): { readonly resident: number; readonly arrayBuffers: number } {
  const residentKib = /^VmRSS:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  const { heapTotal, arrayBuffers } = memoryUsage();
  return { resident: Number(residentKib) * 1024 - heapTotal, arrayBuffers };
}

const [driver = "", limit = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver), poolBytesMax: Number(limit) });
await io.nop();
const before = measure();
const peak = { residentBytes: 0, arrayBuffersBytes: 0 };
const out: OwnedBuffer[] = [];
let refused = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (let step = 0; step < STEPS; step++) {
    const buffer = io.buffers.tryTake(SIZES[(step * 7919 + round) % SIZES.length]!);
    if (buffer !== undefined) {
      buffer.bytes.fill(step);
      out.push(buffer);
    } else {
      refused++;
      for (const one of out.splice((step * 31) % Math.max(1, out.length), 5)) one.release();
    }
    if (step % 100 !== 0) continue;
    const now = measure();
    peak.residentBytes = Math.max(peak.residentBytes, now.resident - before.resident);
    peak.arrayBuffersBytes = Math.max(peak.arrayBuffersBytes, now.arrayBuffers - before.arrayBuffers);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const buffer of out.splice(0)) buffer.release();
}
const { bytes } = io.buffers.stats();
await io.close();
say({ ...peak, refused, bytes });
