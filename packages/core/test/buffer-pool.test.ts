import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, POOL_SIZES } from "../src/buffer-pool.js";
import { systemClock } from "../src/clock.js";
import { createHeapMemory, type HeapMemory } from "../src/heap-memory.js";
import type { OwnedBuffer } from "../src/owned-buffer.js";

const KIB = 1024;

/** A pool over memory that counts what is allocated. */
function createPool(bytesMax: number) {
  const heap = createHeapMemory();
  const live = new Map<number, number>();
  const memory: HeapMemory = {
    ...heap,
    allocate: (bytes, count) => {
      const slab = heap.allocate(bytes, count);
      live.set(slab.firstNumber, bytes * count);
      return slab;
    },
    free: (firstNumber) => {
      live.delete(firstNumber);
      heap.free(firstNumber);
    },
  };
  const pool = new BufferPool({
    memory,
    clock: systemClock,
    bytesMax,
    leakDetection: false,
    leakStacks: false,
    onLeak: () => undefined,
  });
  return { pool, heap, allocated: () => [...live.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

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

  test("leaves a block out that the program transferred away after releasing it", () => {
    const { pool } = createPool(16 * KIB);
    const first = pool.take(4 * KIB);
    const { buffer } = first.bytes;
    first.release();
    structuredClone(buffer, { transfer: [buffer] });
    const rest = [1, 2, 3].map(() => pool.take(4 * KIB));
    for (const taken of rest) expect(taken.bytes).toHaveLength(4 * KIB);
    expect(() => pool.take(4 * KIB)).toThrow(expect.objectContaining({ code: "ERR_POOL_EMPTY" }));
    expect(pool.stats().leaked).toBe(1);
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
