// @ts-check
/**
 * How many bytes an operation allocates on the JavaScript heap. The young generation is made so large that nothing is
 * collected between two readings of the heap's size; a round in which something was collected is repeated.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { cpuMs } from "../lanes.mjs";
import { nopImplementations, openNop } from "./nop.mjs";

/** MiB of one half of the young generation. */
const SEMI_SPACE_MIB = 256;
/** Operations of a round: few enough that 1 KiB each would still fit. */
const OPERATIONS = 102_400;
const BATCH = 128;
/** Rounds thrown away because of a collection, until it is taken for a fault. */
const REPEAT_MAX = 5;

/**
 * Runs `work` and tells by how much the heap grew.
 *
 * @param {() => Promise<void>} work
 * @returns {Promise<number>} Bytes.
 */
export async function allocatedBytes(work) {
  const { gc } = /** @type {{ gc?: () => void }} */ (globalThis);
  if (gc === undefined) throw new Error("allocation is measured with --expose-gc");
  for (let attempt = 0; attempt < REPEAT_MAX; attempt++) {
    let collections = 0;
    const observer = new PerformanceObserver((list) => {
      collections += list.getEntries().length;
    });
    gc();
    await turns();
    observer.observe({ entryTypes: ["gc"] });
    const before = process.memoryUsage().heapUsed;
    await work();
    const after = process.memoryUsage().heapUsed;
    // Collections are reported in later turns of the event loop.
    await turns();
    observer.disconnect();
    if (collections === 0) return after - before;
  }
  throw new Error(`the heap was collected in each of ${REPEAT_MAX} rounds`);
}

/** Lets what is due in the event loop happen. */
async function turns() {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Makes `OPERATIONS` operations in batches and awaits only the last of each: what is allocated is the operations' own,
 * each with its promise.
 *
 * @param {() => Promise<void>} operate
 */
async function operateInBatches(operate) {
  for (let made = 0; made < OPERATIONS; made += BATCH) {
    for (let index = 1; index < BATCH; index++) operate();
    await operate();
  }
}

/**
 * The same with every operation awaited by a lane of its own, so that V8's own cost of awaiting comes on top.
 *
 * @param {() => Promise<void>} operate
 */
async function operateInLanes(operate) {
  let left = OPERATIONS;
  const lane = async () => {
    while (left-- > 0) await operate();
  };
  await Promise.all(Array.from({ length: BATCH }, lane));
}

/** @type {import("../case.mjs").Case} */
export const nopAllocation = {
  name: "nop-allocation",
  title: "bytes on the JavaScript heap for each operation",
  unit: "operations",
  variants: [
    { name: "the operation", parameters: { awaited: false } },
    { name: "the operation, awaited", parameters: { awaited: true } },
  ],
  shows: "heap",
  baselines: [],
  goals: [{ implementation: "core alone", variant: "the operation", figure: "heapBytes", most: 300 }],
  nodeFlags: ["--expose-gc", `--max-semi-space-size=${SEMI_SPACE_MIB}`, `--min-semi-space-size=${SEMI_SPACE_MIB}`],
  implementations: nopImplementations,
  run: async (parameters) => {
    const { operate, close } = await openNop(parameters);
    const operateAll = parameters["awaited"] === true ? operateInLanes : operateInBatches;
    return {
      round: async () => {
        const cpuStart = process.cpuUsage();
        let elapsedMs = 0;
        const heapBytes = await allocatedBytes(async () => {
          const startMs = performance.now();
          await operateAll(operate);
          elapsedMs = performance.now() - startMs;
        });
        return { operations: OPERATIONS, elapsedMs, cpuMs: cpuMs(cpuStart), heapBytes };
      },
      close,
    };
  },
};
