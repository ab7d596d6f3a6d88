/**
 * Workers are terminated, sooner or later: `terminate.mjs DRIVER operations|sessions COUNT PATH`. They have operations
 * of every kind in flight, or they open and close sessions all the time and are inside the driver most of it.
 * Reports the descriptors that were there before, those that came and stayed, and how many workers had come to start
 * something.
 */
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createBackend } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";
import { startAll } from "./in-flight.js";

interface Work {
  readonly driver: string;
  readonly kind: string;
  readonly path: string;
}

/** Workers before the count: the runtime keeps some descriptors from its first ones on. */
const WARM_UP = 3;
const LATE_MAX_MS = 5;
const SETTLE_MS = 3000;

const after = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));
/**
 * What is open, but for programs: Node leaves the file open when it terminates a worker that is just reading a module
 * of its program.
 */
const descriptors = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /\.m?js$/.test(target) ? [] : [target];
    } catch {
      // The descriptor of the listing itself.
      return [];
    }
  });

/** A small generator, so that a run can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Every tenth is terminated while it starts; the others up to 5 ms after everything was in flight. */
async function terminateOne(work: Work, random: () => number): Promise<boolean> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: work });
  const failed = once(worker, "error").then(([error]) => Promise.reject(error));
  const started = once(worker, "message");
  const early = random() < 0.1;
  if (early) await after(random() * 40);
  else await Promise.race([started, failed]);
  if (!early) await after(random() * LATE_MAX_MS);
  failed.catch(() => undefined);
  await worker.terminate();
  return !early;
}

async function main(work: Work, count: number): Promise<void> {
  const random = createRandom(count);
  for (let index = 0; index < WARM_UP; index++) await terminateOne(work, () => 0.5);
  const before = descriptors();
  let started = 0;
  for (let index = 0; index < count; index++) if (await terminateOne(work, random)) started++;
  // The kernel closes a ring some time after its descriptor is gone.
  const endMs = performance.now() + SETTLE_MS;
  while (descriptors().length > before.length && performance.now() < endMs) await after(20);
  const left = descriptors();
  for (const target of before) if (left.includes(target)) left.splice(left.indexOf(target), 1);
  say({ terminated: count, started, before: before.length, left });
}

/** Opens sessions, takes memory of every kind, and closes them. */
async function openAndClose(driver: string): Promise<never> {
  for (;;) {
    const io = createBackend({ driver: createDriver(driver), operationsMax: 64 });
    io.buffers.take(4096).release();
    io.buffers.adopt(new Uint8Array(5000)).release();
    io.buffers.unsafeBorrow(new Uint8Array(100)).release();
    await io.nop();
    await io.close();
  }
}

async function runWorker({ driver, kind, path }: Work): Promise<void> {
  const inFlight = kind === "operations" ? await startAll(driver, path) : undefined;
  parentPort?.postMessage("started");
  if (inFlight === undefined) await openAndClose(driver);
  // Reachable until the end, whenever that is.
  await new Promise(() => setInterval(() => inFlight, 60_000));
}

// No await at the top level: V8 ends the whole process when a worker is terminated just before such a module runs, with
// "Check failed: (location_) != nullptr" in ExecuteAsyncModule (Node 20.20).
if (isMainThread) {
  const [driver = "", kind = "", count = "", path = ""] = process.argv.slice(2);
  void main({ driver, kind, path }, Number(count));
} else {
  void runWorker(workerData as Work);
}
