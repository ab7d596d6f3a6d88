// @ts-check
/** Keeps a number of operations in flight for a while, and accounts for them. */

/** The clock is read once in so many operations: read every time it would be a part of what is measured. */
const OPERATIONS_PER_CLOCK = 256;

/**
 * What each lane does. It waits for the very promise that `operate` returns: a function around it would add a promise
 * of its own to each operation, and be a good part of what is measured.
 *
 * @template T
 * @typedef {{ operate: (lane: number) => Promise<T>, check?: (result: T, lane: number) => void }} Work
 */

/**
 * Runs `depth` lanes, each one operation at a time, for about `durationMs`, or until `operationsMax` are done.
 *
 * @template T
 * @param {number} depth
 * @param {number} durationMs
 * @param {Work<T>} work
 * @param {{ operationsPerClock?: number, operationsMax?: number }} [limits] Slow operations want the clock read often.
 * @returns {Promise<import("./case.mjs").Sample>}
 */
export async function measureLanes(depth, durationMs, { operate, check }, limits = {}) {
  const { operationsPerClock = OPERATIONS_PER_CLOCK, operationsMax = Number.POSITIVE_INFINITY } = limits;
  let begun = 0;
  let operations = 0;
  let running = true;
  const cpuStart = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  /** @param {number} number */
  const lane = async (number) => {
    while (running && begun < operationsMax) {
      begun++;
      const result = await operate(number);
      check?.(result, number);
      operations++;
      if (operations % operationsPerClock === 0 && performance.now() >= endMs) running = false;
    }
  };
  await Promise.all(Array.from({ length: depth }, (_, number) => lane(number)));
  const elapsedMs = performance.now() - startMs;
  return { operations, elapsedMs, cpuMs: cpuMs(cpuStart) };
}

/** @param {NodeJS.CpuUsage} since CPU time of this process since then, of all threads, user and system. */
export function cpuMs(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
