import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ARENA_AREA_BYTES_MAX, Arena } from "../src/arena.js";

const ARENA_BYTES = 64 * 1024;

describe("the arena", () => {
  test("never gives a byte to two operations, and every area is aligned for 64-bit numbers", () => {
    const step = fc.oneof(
      fc.record({ take: fc.integer({ min: 1, max: ARENA_AREA_BYTES_MAX }) }),
      fc.record({ release: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
        const arena = new Arena(new ArrayBuffer(ARENA_BYTES));
        const areas: { offset: number; length: number }[] = [];
        for (const one of steps) {
          if ("release" in one) {
            const [area] = areas.splice(one.release % Math.max(1, areas.length), 1);
            if (area !== undefined) arena.release(area.offset, area.length);
            continue;
          }
          const offset = arena.allocate(one.take);
          if (offset < 0) continue;
          expect(offset % 8).toBe(0);
          expect(offset + one.take).toBeLessThanOrEqual(ARENA_BYTES);
          for (const other of areas) {
            expect(offset >= other.offset + other.length || other.offset >= offset + one.take).toBe(true);
          }
          areas.push({ offset, length: one.take });
        }
        expect(arena.lent).toBe(areas.length);
        for (const { offset, length } of areas) arena.release(offset, length);
        expect(arena.lent).toBe(0);
        // Whatever it was cut into before, all of it can be had in the largest size.
        const whole = Array.from({ length: ARENA_BYTES / ARENA_AREA_BYTES_MAX }, () =>
          arena.allocate(ARENA_AREA_BYTES_MAX),
        );
        expect(Math.min(...whole)).toBeGreaterThanOrEqual(0);
        expect(new Set(whole).size).toBe(whole.length);
      }),
      { numRuns: 200 },
    );
  });

  test("says that it is full with −1, and refuses what no area holds", () => {
    const arena = new Arena(new ArrayBuffer(ARENA_AREA_BYTES_MAX));
    expect(arena.allocate(ARENA_AREA_BYTES_MAX)).toBe(0);
    expect(arena.allocate(1)).toBe(-1);
    expect(() => arena.allocate(ARENA_AREA_BYTES_MAX + 1)).toThrow(RangeError);
  });

  test("reads signed 64-bit numbers", () => {
    const arena = new Arena(new ArrayBuffer(ARENA_AREA_BYTES_MAX));
    new DataView(arena.bytes.buffer).setBigInt64(24, -5n, true);
    expect(arena.int64(8, 2)).toBe(-5n);
  });
});
