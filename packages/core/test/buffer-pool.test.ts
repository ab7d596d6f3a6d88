import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "../src/base/clock.js";
import { BufferPool } from "../src/memory/buffer-pool.js";
import type { OwnedBuffer } from "../src/memory/owned-buffer.js";
import { POOL_SIZES } from "../src/memory/pool-store.js";
import { createHeapMemory } from "../src/spi/heap-memory.js";
import { collectUntil } from "./collect-garbage.js";
import { createPool } from "./counted-pool.js";

const KIB = 1024;

describe("the pool", () => {
  test("stays within its limit, gives each byte to one taker, and loses none, whatever is taken and released", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 300 * KIB }) }) },
      { weight: 2, arbitrary: fc.record({ release: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const bytesMax = 1024 * KIB;
        const { pool, allocated } = createPool(bytesMax);
        const out: { buffer: OwnedBuffer; mark: number }[] = [];
        for (const [index, one] of steps.entries()) {
          if ("release" in one) {
            const [gone] = out.splice(one.release % Math.max(1, out.length), 1);
            gone?.buffer.release();
          } else {
            const buffer = pool.tryTake(one.take);
            if (buffer !== undefined) {
              const mark = (index % 250) + 1;
              expect(buffer.bytes).toHaveLength(one.take);
              buffer.bytes.fill(mark);
              out.push({ buffer, mark });
            }
          }
          const stats = pool.stats();
          expect(stats.out).toBe(out.length);
          expect(stats.bytes).toBe(allocated());
          expect(stats.bytes).toBeLessThanOrEqual(bytesMax);
        }
        for (const { buffer, mark } of out) {
          expect(buffer.bytes.every((byte) => byte === mark)).toBe(true);
          buffer.release();
        }
        // With everything home, all of the limit can be had in one piece.
        pool.take(bytesMax).release();
        expect(pool.stats()).toMatchObject({ out: 0, leaked: 0 });
        expect(allocated()).toBe(pool.stats().bytes);
      }),
      { numRuns: 60 },
    );
  });

  test("gives a block back to the pool it came from, and a large one to the system", () => {
    const { pool, allocated } = createPool(64 * 1024 * KIB);
    const large = pool.take(POOL_SIZES.at(-1)! + 1);
    expect(allocated()).toBe(POOL_SIZES.at(-1)! + 4 * KIB);
    large.release();
    expect(allocated()).toBe(0);
    pool.take(1).release();
    expect(allocated()).toBeGreaterThan(0);
    expect(pool.stats().home).toBeGreaterThan(0);
  });

  test("memory that the program transferred away is the program's: the pool has other memory for the next taker", () => {
    const { pool } = createPool(16 * KIB);
    const first = pool.take(4 * KIB);
    const { buffer } = first.bytes;
    const moved = structuredClone(buffer, { transfer: [buffer] });
    first.release();
    expect(pool.stats()).toMatchObject({ transferred: 1, out: 0, leaked: 0 });
    const taken = [1, 2, 3, 4].map(() => pool.take(4 * KIB));
    for (const one of taken) one.bytes.fill(1);
    expect(new Uint8Array(moved).every((byte) => byte === 0)).toBe(true);
    expect(() => pool.take(4 * KIB)).toThrow(expect.objectContaining({ code: "ERR_POOL_EMPTY" }));
  });

  // mutant: views-live-after-release
  test("a view of a released buffer has ended, whether or not somebody takes the memory again", () => {
    const { pool } = createPool(16 * KIB);
    const first = pool.take(4 * KIB);
    const view = first.bytes;
    first.release();
    expect(view).toHaveLength(0);
  });

  test("a runtime that is out of memory is an empty pool, with the runtime's error as the cause", () => {
    const memory = createHeapMemory();
    expect(() => memory.allocate(2 ** 52, 1)).toThrow(
      expect.objectContaining({ code: "ERR_POOL_EMPTY", cause: expect.any(RangeError) }),
    );
  });

  test("waiters of one size do not wait for those of another", async () => {
    const { pool } = createPool(1024 * KIB + 64 * KIB);
    const large = pool.take(1024 * KIB);
    const small = [...Array(16)].map(() => pool.take(4 * KIB));
    const wantsLarge = pool.takeWhenFree(1024 * KIB);
    const wantsSmall = pool.takeWhenFree(4 * KIB);
    small.pop()!.release();
    (await wantsSmall).release();
    large.release();
    (await wantsLarge).release();
    for (const buffer of small) buffer.release();
  });

  // mutant: waiters-last-first
  test("a thousand waiters are served in their order", async () => {
    const { pool } = createPool(4 * KIB);
    const order: number[] = [];
    const held = pool.take(1);
    const waiting = Array.from({ length: 1000 }, async (_, index) => {
      const buffer = await pool.takeWhenFree(1);
      order.push(index);
      buffer.release();
    });
    expect(pool.stats().waiting).toBe(1000);
    held.release();
    await Promise.all(waiting);
    expect(order).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });
});

// mutant: waiting-keeps-no-process
test("a waiter with a time limit keeps the process until it is answered", async () => {
  const { pool } = createPool(4 * KIB);
  const held = pool.take(1);
  const active = () => process.getActiveResourcesInfo().filter((what) => what === "Timeout").length;
  const before = active();
  const waiting = pool.takeWhenFree(1, { timeoutMs: 60_000 });
  expect(active()).toBe(before + 1);
  held.release();
  (await waiting).release();
  expect(active()).toBe(before);
});

describe("memory moves between sizes", () => {
  for (const canDiscard of [false, true]) {
    const where = canDiscard ? "from within a slab" : "buffer by buffer";

    // mutant: memory-stays-in-its-size
    test(`one small buffer out of each slab does not keep the rest from others, ${where}`, () => {
      const { pool, allocated } = createPool(4096 * KIB, { canDiscard });
      const small = Array.from({ length: 1024 }, () => pool.take(4 * KIB));
      // One of each 64 stays.
      for (const [index, buffer] of small.entries()) if (index % 64 !== 0) buffer.release();
      expect(pool.stats().bytesOut).toBe(64 * KIB);
      const larger = Array.from({ length: 63 }, () => pool.take(64 * KIB));
      expect(() => pool.take(1)).toThrow(expect.objectContaining({ code: "ERR_POOL_EMPTY" }));
      expect(allocated()).toBeLessThanOrEqual(4096 * KIB);
      for (const buffer of larger) buffer.release();
      pool.take(1024 * KIB).release();
      pool.take(3000 * KIB).release();
      expect(small[64]!.bytes).toHaveLength(4 * KIB);
    });
  }

  test("a buffer that gave its pages back is the same buffer when its size is asked for again", () => {
    const { pool } = createPool(256 * KIB, { canDiscard: true });
    const out = Array.from({ length: 64 }, () => pool.take(4 * KIB));
    for (const buffer of out.slice(1)) buffer.release();
    pool.take(200 * KIB).release();
    const again = Array.from({ length: 63 }, () => pool.take(4 * KIB));
    for (const buffer of again) buffer.bytes.fill(1);
    expect(out[0]!.bytes.every((byte) => byte === 0)).toBe(true);
    expect(pool.stats()).toMatchObject({ bytes: 256 * KIB, bytesOut: 256 * KIB });
  });

  test("where the system refuses memory, the error says so and carries its cause; a waiter is told, not left waiting", async () => {
    const { pool, refuse } = createPool(1024 * KIB);
    refuse(true);
    const error = { code: "ERR_POOL_EMPTY", cause: expect.objectContaining({ message: "refused" }) };
    expect(() => pool.take(1)).toThrow(expect.objectContaining(error));
    await expect(pool.takeWhenFree(1)).rejects.toMatchObject({ code: "ERR_POOL_EMPTY" });
    refuse(false);
    pool.take(1).release();
  });
});

describe("dropped buffers", () => {
  // mutant: seen-leak-never-back
  test("one whose bytes were read comes back to the limit when its last view is gone, and not before", async () => {
    for (const canDiscard of [false, true]) {
      const { pool } = createPool(4 * KIB, { canDiscard, leakDetection: true });
      let view: Uint8Array | undefined;
      (() => {
        view = pool.take(4 * KIB).bytes.fill(5);
      })();
      expect(await collectUntil(() => pool.stats().leaked === 1)).toBe(true);
      expect(pool.tryTake(1)).toBeUndefined();
      expect(view![4095]).toBe(5);
      view = undefined;
      expect(await collectUntil(() => pool.stats().bytesOut === 0)).toBe(true);
      const buffer = pool.take(4 * KIB);
      expect(buffer.bytes).toHaveLength(4 * KIB);
      buffer.release();
      expect(pool.stats()).toMatchObject({ out: 0, leaked: 1 });
    }
  });
});

describe("foreign memory", () => {
  test("the memory of WebAssembly cannot move: ERR_BUFFER_FIXED, and it stays usable", () => {
    const { pool } = createPool(1024 * KIB);
    // The library types that the project compiles with do not know it.
    const { WebAssembly } = globalThis as unknown as {
      WebAssembly: { Memory: new (of: { initial: number }) => { buffer: ArrayBuffer } };
    };
    const { buffer } = new WebAssembly.Memory({ initial: 1 });
    expect(() => pool.adopt(buffer)).toThrow(expect.objectContaining({ code: "ERR_BUFFER_FIXED" }));
    expect(buffer.byteLength).toBe(65_536);
    expect(pool.stats().out).toBe(0);
  });

  // mutant: pooled-adopted
  test("a pooled Buffer of Node is refused or copied, and its neighbours stay", () => {
    const { pool } = createPool(1024 * KIB);
    const [neighbour, pooled] = [Buffer.from("neighbour"), Buffer.from("pooled")];
    expect(pooled.buffer.byteLength).toBeGreaterThan(pooled.length);
    expect(() => pool.adopt(pooled)).toThrow(expect.objectContaining({ code: "ERR_BUFFER_POOLED" }));
    const copy = pool.adopt(pooled, { partial: "copy" });
    expect(Buffer.from(copy.bytes).toString()).toBe("pooled");
    expect([neighbour.toString(), pooled.toString()]).toEqual(["neighbour", "pooled"]);
    copy.release();
  });

  test("an ArrayBuffer that the runtime copies instead of moving is refused: the caller's views would live on", () => {
    const { pool, heap } = createPool(1024 * KIB);
    const stubborn = new BufferPool({
      memory: { ...heap, adopt: (source) => heap.adopt(source.slice(0)) },
      clock: systemClock,
      pace: { tell: (run) => run() },
      bytesMax: 4096,
      leakDetection: false,
      leakStacks: false,
      onLeak: () => undefined,
    });
    expect(() => stubborn.adopt(new ArrayBuffer(8))).toThrow(expect.objectContaining({ code: "ERR_BUFFER_FIXED" }));
    expect(stubborn.stats().out).toBe(0);
    expect(pool.stats().out).toBe(0);
  });
});

describe("heap memory", () => {
  test("finds the live bytes of a buffer by number, from its offset on, after any number of detaches", () => {
    const memory = createHeapMemory();
    const { firstNumber, buffers } = memory.allocate(16, 3);
    let live = buffers[1]!;
    for (let round = 1; round < 4; round++) {
      new Uint8Array(live)[round] = round;
      live = memory.detach(firstNumber + 1, live);
    }
    expect([...memory.view(firstNumber + 1, 1, 3)]).toEqual([1, 2, 3]);
    const whole = Uint8Array.of(1, 2, 3, 4, 5);
    const borrowed = memory.borrow(whole.buffer, 2, 3);
    expect([...memory.view(borrowed.firstNumber, 1, 2)]).toEqual([4, 5]);
  });

  test("uses the number of a freed buffer again, and finds nothing under it in between", () => {
    const memory = createHeapMemory();
    const first = memory.allocate(16, 1);
    memory.free(first.firstNumber);
    expect(() => memory.view(first.firstNumber, 0, 1)).toThrow(expect.objectContaining({ code: "ERR_DRIVER_FAULT" }));
    expect(memory.allocate(16, 1).firstNumber).toBe(first.firstNumber);
    const row = memory.allocate(16, 4);
    expect(row.firstNumber).toBeGreaterThan(first.firstNumber);
  });
});
