/** The pool against a model of it: what is out, who waits, and what could be served. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OwnedBuffer } from "../src/memory/owned-buffer.js";
import { POOL_SIZES } from "../src/memory/pool-store.js";
import { createPool } from "./counted-pool.js";

const KIB = 1024;
const BYTES_MAX = 2048 * KIB;

/** What a buffer of this length costs at least. */
function leastCost(length: number): number {
  return Math.ceil(length / 4096) * 4096;
}

/** What it costs while so many bytes are out. */
function costWith(outBytes: number, length: number): number {
  const size = POOL_SIZES.find((bytes) => length <= bytes);
  return size !== undefined && outBytes + size <= BYTES_MAX ? size : leastCost(length);
}

/** Places that tell whether a buffer shares a byte with another: its ends, and one in each page. */
function samples(length: number): number[] {
  return [...Array.from({ length: Math.ceil(length / 4096) }, (_, page) => page * 4096), length - 1];
}

interface Waiting {
  readonly length: number;
  readonly controller: AbortController;
  state: "waiting" | "served" | "gone";
}

const lengths = fc.oneof(
  fc.constantFrom(1, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB, 1024 * KIB + 1, BYTES_MAX),
  fc.integer({ min: 1, max: 1500 * KIB }),
);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ take: lengths }) },
    { weight: 3, arbitrary: fc.record({ wait: lengths }) },
    { weight: 5, arbitrary: fc.record({ release: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ abort: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ transfer: fc.nat() }) },
  ),
  { maxLength: 120, size: "max" },
);

describe("the pool, by a model", () => {
  for (const canDiscard of [false, true]) {
    // mutant: aborted-waiter-serves-nobody
    test(`refuses and lets wait exactly what does not fit, ${canDiscard ? "with" : "without"} discarding`, async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (given) => {
          const { pool, allocated } = createPool(BYTES_MAX, { canDiscard });
          const out: { buffer: OwnedBuffer; cost: number; mark: number }[] = [];
          let transferred = false;
          const waiting: Waiting[] = [];
          const outBytes = () => out.reduce((sum, { cost }) => sum + cost, 0);
          const hold = (buffer: OwnedBuffer, length: number) => {
            const mark = (out.length % 250) + 1;
            for (const at of samples(length)) buffer.bytes[at] = mark;
            out.push({ buffer, cost: costWith(outBytes(), length), mark });
          };
          const wait = (length: number) => {
            const one: Waiting = { length, controller: new AbortController(), state: "waiting" };
            waiting.push(one);
            pool.takeWhenFree(length, { signal: one.controller.signal }).then(
              (buffer) => {
                one.state = "served";
                hold(buffer, length);
              },
              () => {
                one.state = "gone";
              },
            );
          };
          for (const step of given) {
            if ("take" in step) {
              const buffer = pool.tryTake(step.take);
              expect(buffer !== undefined).toBe(outBytes() + leastCost(step.take) <= BYTES_MAX);
              if (buffer !== undefined) hold(buffer, step.take);
            } else if ("wait" in step) {
              wait(step.wait);
            } else if ("abort" in step) {
              waiting
                .filter(({ state }) => state === "waiting")
                .at(step.abort % 7)
                ?.controller.abort();
            } else {
              const index = ("release" in step ? step.release : step.transfer) % Math.max(1, out.length);
              const [gone] = out.splice(index, 1);
              if (gone === undefined) continue;
              const { buffer, mark } = gone;
              expect(samples(buffer.length).map((at) => buffer.bytes[at])).toEqual(samples(buffer.length).fill(mark));
              if ("transfer" in step) {
                structuredClone(gone.buffer.bytes.buffer, { transfer: [gone.buffer.bytes.buffer] });
                transferred = true;
              }
              gone.buffer.release();
            }
            // Whoever was served is told in a microtask.
            await new Promise<void>((resolve) => setImmediate(resolve));
            const stats = pool.stats();
            expect(stats).toMatchObject({ out: out.length, bytesOut: outBytes() });
            expect(stats.bytes).toBeLessThanOrEqual(BYTES_MAX);
            // Of pages that went back and came again, and of what was transferred away, the memory below cannot tell.
            if (!canDiscard && !transferred) expect(stats.bytes).toBe(allocated());
            const still = waiting.filter(({ state }) => state === "waiting");
            expect(stats.waiting).toBe(still.length);
            // Nobody waits for what is there: not the one who waits longest.
            if (still.length > 0) expect(outBytes() + leastCost(still[0]!.length)).toBeGreaterThan(BYTES_MAX);
          }
          for (const { controller } of waiting) controller.abort();
          await new Promise<void>((resolve) => setImmediate(resolve));
          for (const { buffer } of out) buffer.release();
          pool.take(BYTES_MAX).release();
        }),
        { numRuns: 40 },
      );
    });
  }

  // mutant: large-waiter-passed-for-ever
  test("a large waiter is served although small ones come for ever", async () => {
    const { pool } = createPool(1024 * KIB);
    let stopped = false;
    let served = 0;
    const small = async () => {
      while (!stopped) {
        const buffer = await pool.takeWhenFree(64 * KIB);
        await new Promise<void>((resolve) => setImmediate(resolve));
        buffer.release();
        served++;
      }
    };
    const loops = Array.from({ length: 32 }, small);
    const large = await pool.takeWhenFree(1024 * KIB);
    const before = served;
    expect(pool.stats().bytesOut).toBe(1024 * KIB);
    large.release();
    stopped = true;
    await Promise.all(loops);
    expect(before).toBeLessThan(500);
  });

  // mutant: aborted-waiter-serves-nobody
  test("a waiter behind one that gives up is served when it fits", async () => {
    const { pool } = createPool(4096 * KIB);
    const held = pool.take(2000 * KIB);
    const controller = new AbortController();
    const first = pool.takeWhenFree(3000 * KIB, { signal: controller.signal });
    const second = pool.takeWhenFree(2000 * KIB);
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: "ABORT_ERR" });
    (await second).release();
    held.release();
  });
});
