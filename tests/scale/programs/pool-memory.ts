/**
 * A pool that is full, or whose buffers come and go, in one of five ways: `pool-memory.mjs DRIVER LIMIT_BYTES WAY`. Tells
 * how much memory that took at its peak.
 */
import { readFileSync } from "node:fs";
import { memoryUsage } from "node:process";
import { type Backend, createBackend, type OwnedBuffer } from "@baton-io/core";
import { createDriver, say } from "../../life/programs/drivers.js";

const POOL_SIZES = [4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];
const SIZES = [...POOL_SIZES, 12_345, 100_000, 3_000_000];
const ROUNDS = 3;
const STEPS = 3000;
const PINNED_EVERY = 64;

/** What is in memory of this process, bytes; without objects, but for the runtime's heap for them. */
function residentBytes(withObjects: boolean): number {
  if (withObjects) globalThis.gc!();
  const resident = Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  return withObjects ? resident : resident - memoryUsage().heapTotal;
}

const [driver = "", limit = "", way = ""] = process.argv.slice(2);
const limitBytes = Number(limit);
/** It comes first and sees no garbage of others: there the objects on the heap count as well. */
const withObjects = way === "small";
const io = createBackend({ driver: createDriver(driver), poolBytesMax: limitBytes });
const turn = () => new Promise((resolve) => setImmediate(resolve));
let refused = 0;
let buffersMax = 0;
let peakBytes = 0;
let beforeBytes = 0;
/** Where the peak was, for whoever has to find out why. */
let peakAt = "";

function look(at: string): void {
  const { home, out } = io.buffers.stats();
  buffersMax = Math.max(buffersMax, home + out);
  const bytes = residentBytes(withObjects) - beforeBytes;
  if (bytes > peakBytes) {
    peakBytes = bytes;
    peakAt = at;
  }
}

function take(length: number): OwnedBuffer | undefined {
  const buffer = io.buffers.tryTake(length);
  buffer?.bytes.fill(1);
  return buffer;
}

/** Takes buffers of one size until there is none. */
function fill(size: number): OwnedBuffer[] {
  const out: OwnedBuffer[] = [];
  for (let buffer = take(size); buffer !== undefined; buffer = take(size)) out.push(buffer);
  return out;
}

const ways: Readonly<Record<string, () => Promise<void>>> = {
  /** The smallest size has all of it. */
  small: async () => {
    const out = fill(4096);
    refused++;
    look("all out");
    for (const buffer of out) buffer.release();
  },
  /** Each size has all of it, one after the other. */
  sizes: async () => {
    for (const size of [...POOL_SIZES, ...POOL_SIZES.toReversed(), ...POOL_SIZES]) {
      const out = fill(size);
      refused++;
      look(`${size} bytes each`);
      for (const buffer of out) buffer.release();
      await turn();
    }
  },
  /** Few that stay out, spread over all there is, and then another size. */
  pinned: async () => {
    for (const size of [16_384, 1_048_576]) {
      const small = fill(4096);
      look(`${small.length} small ones`);
      const pinned = small.filter((_, index) => index % PINNED_EVERY === 0);
      for (const [index, buffer] of small.entries()) if (index % PINNED_EVERY !== 0) buffer.release();
      await turn();
      const out = fill(size);
      refused++;
      look(`${size} bytes each`);
      for (const buffer of [...pinned, ...out]) buffer.release();
      await turn();
    }
  },
  /** All sizes at once. */
  mixed: async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const out: OwnedBuffer[] = [];
      for (let step = 0; step < STEPS; step++) {
        const buffer = take(SIZES[(step * 7919 + round) % SIZES.length]!);
        if (buffer !== undefined) out.push(buffer);
        else {
          refused++;
          for (const one of out.splice((step * 31) % Math.max(1, out.length), 5)) one.release();
        }
        if (step % 100 !== 0) continue;
        look(`step ${step}`);
        await turn();
      }
      for (const buffer of out) buffer.release();
    }
  },
  /** A few are out at any time, each of another size than the one before; what is at rest fills the pool. */
  churn: async () => {
    const out: OwnedBuffer[] = [];
    for (let step = 0; step < STEPS; step++) {
      const buffer = take(SIZES[(step * 31) % SIZES.length]!);
      if (buffer !== undefined) out.push(buffer);
      else refused++;
      while (io.buffers.bytesOut > limitBytes / 2) out.shift()!.release();
      if (step % 100 !== 0) continue;
      look(`step ${step}`);
      await turn();
    }
    for (const buffer of out) buffer.release();
  },
};

/** What the runtime and the code have to have once, so that it is not taken for the pool's. */
async function warmUp(other: Backend): Promise<void> {
  for (let index = 0; index < STEPS; index++) {
    const buffer = other.buffers.take(SIZES[index % 3]!);
    buffer.bytes.fill(1);
    buffer.release();
  }
  await other.close();
}

await io.nop();
await warmUp(createBackend({ driver: createDriver(driver), poolBytesMax: 2 ** 20 }));
await turn();
beforeBytes = residentBytes(withObjects);
await ways[way]!();
const { bytes } = io.buffers.stats();
await io.close();
say({ peakBytes, peakAt, buffersMax, refused, bytes, withObjects });
