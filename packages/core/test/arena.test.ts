import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ARENA_AREA_BYTES_MAX, ARENA_SMALL_BYTES, Arena, arenaLayout } from "../src/memory/arena.js";
import { OPCODE } from "../src/spi/opcode.js";

const SHARED_BYTES = 64 * 1024;
const SMALL_COUNT = 20;

function createArena(sharedBytes = SHARED_BYTES, smallCount = SMALL_COUNT): Arena {
  const layout = arenaLayout(sharedBytes, smallCount);
  return new Arena(new ArrayBuffer(layout.bytes), layout);
}

/** Areas of `length` bytes for an opcode, until there are no more. */
function exhaust(arena: Arena, length: number, opcode: number): number[] {
  const offsets: number[] = [];
  for (let offset = arena.allocate(length, opcode); offset >= 0; offset = arena.allocate(length, opcode)) {
    offsets.push(offset);
  }
  return offsets;
}

describe("the arena", () => {
  test("never gives a byte to two operations, and every area is aligned for 64-bit numbers", () => {
    const step = fc.oneof(
      fc.record({
        take: fc.oneof(
          fc.integer({ min: 1, max: ARENA_SMALL_BYTES }),
          fc.integer({ min: 1, max: ARENA_AREA_BYTES_MAX }),
        ),
        opcode: fc.constantFrom(OPCODE.open, OPCODE.stat, OPCODE.readv, OPCODE.receiveMessage),
      }),
      fc.record({ release: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
        const arena = createArena();
        const areas: { offset: number; length: number; opcode: number }[] = [];
        for (const one of steps) {
          if ("release" in one) {
            const [area] = areas.splice(one.release % Math.max(1, areas.length), 1);
            if (area !== undefined) arena.release(area.offset, area.length, area.opcode);
            continue;
          }
          const offset = arena.allocate(one.take, one.opcode);
          if (offset < 0) continue;
          expect(offset % 8).toBe(0);
          expect(offset + one.take).toBeLessThanOrEqual(arena.bytes.length);
          for (const other of areas) {
            expect(offset >= other.offset + other.length || other.offset >= offset + one.take).toBe(true);
          }
          areas.push({ offset, length: one.take, opcode: one.opcode });
        }
        expect(arena.lent).toBe(areas.length);
        for (const { offset, length, opcode } of areas) arena.release(offset, length, opcode);
        expect(arena.lent).toBe(0);
        // Whatever it was cut into before, all of it can be had in the largest size.
        const whole = Array.from({ length: SHARED_BYTES / ARENA_AREA_BYTES_MAX }, () =>
          arena.allocate(ARENA_AREA_BYTES_MAX, OPCODE.receiveMessage),
        );
        expect(Math.min(...whole)).toBeGreaterThanOrEqual(0);
        expect(new Set(whole).size).toBe(whole.length);
      }),
      { numRuns: 200 },
    );
  });

  test("says that it is full with −1, and refuses what no area holds", () => {
    const arena = createArena(ARENA_AREA_BYTES_MAX);
    expect(exhaust(arena, ARENA_AREA_BYTES_MAX, OPCODE.receiveMessage)).toEqual([0]);
    expect(exhaust(arena, 1, OPCODE.receiveMessage)).toHaveLength(SMALL_COUNT);
    expect(arena.allocate(1, OPCODE.open)).toBe(-1);
    expect(() => arena.allocate(ARENA_AREA_BYTES_MAX + 1, OPCODE.open)).toThrow(RangeError);
  });

  // mutant: no-chunk-of-its-own
  test("has room for each opcode when all others hold what they can get, for as many as fit a chunk", () => {
    for (const length of [ARENA_SMALL_BYTES + 1, 2048, ARENA_AREA_BYTES_MAX]) {
      const arena = createArena();
      const held = new Set<number>();
      for (const opcode of [OPCODE.open, OPCODE.stat, OPCODE.readv, OPCODE.symlink, OPCODE.sendMessage]) {
        const offsets = exhaust(arena, length, opcode);
        expect(offsets.length, `areas of ${length} bytes`).toBeGreaterThan(0);
        for (const offset of offsets) held.add(offset);
        expect(held.size).toBe(arena.lent);
      }
    }
  });

  // mutant: small-areas-share-chunks
  test("keeps small places for all, whatever the long ones hold, and long ones never take them", () => {
    const arena = createArena();
    for (const opcode of [OPCODE.open, OPCODE.readv]) exhaust(arena, 4000, opcode);
    expect(exhaust(arena, ARENA_SMALL_BYTES, OPCODE.receiveMessage)).toHaveLength(SMALL_COUNT);
  });

  test("reads signed 64-bit numbers", () => {
    const arena = createArena();
    new DataView(arena.bytes.buffer).setBigInt64(24, -5n, true);
    expect(arena.int64(8, 2)).toBe(-5n);
  });
});
