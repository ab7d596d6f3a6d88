import { describe, expect, it } from "vitest";
import { ARENA_AREA_BYTES_MAX, Arena } from "../../src/arena.js";

const CHUNKS = 3;

/** Areas of `length` bytes until there are no more. */
function fill(arena: Arena, length: number): number[] {
  const offsets: number[] = [];
  for (let offset = arena.allocate(length); offset >= 0; offset = arena.allocate(length)) offsets.push(offset);
  return offsets;
}

describe("the arena", () => {
  it("uses all of its memory for whichever size is asked for, again and again", () => {
    const arena = new Arena(new ArrayBuffer(CHUNKS * ARENA_AREA_BYTES_MAX));
    for (const length of [128, 8192, 500, 2048, 100, 8000]) {
      const bytes = [128, 512, 2048, 8192].find((size) => size >= length)!;
      const offsets = fill(arena, length);
      expect(offsets.length, `areas of ${length} bytes`).toBe((CHUNKS * ARENA_AREA_BYTES_MAX) / bytes);
      for (const offset of offsets) arena.release(offset, length);
      expect(arena.lent).toBe(0);
    }
  });

  it("never gives the same bytes to two, whatever comes and goes", () => {
    const arena = new Arena(new ArrayBuffer(CHUNKS * ARENA_AREA_BYTES_MAX));
    const lent = new Map<number, number>();
    const owners = new Uint8Array(CHUNKS * ARENA_AREA_BYTES_MAX);
    for (let step = 0; step < 20_000; step++) {
      const length = [1, 200, 900, 5000][(step * 7 + (step >> 4)) & 3]!;
      const offset = step % 3 === 0 ? -1 : arena.allocate(length);
      if (offset >= 0) {
        expect(owners.subarray(offset, offset + length).every((owner) => owner === 0)).toBe(true);
        owners.fill(1, offset, offset + length);
        lent.set(offset, length);
      } else {
        const [first] = lent;
        if (first === undefined) continue;
        lent.delete(first[0]);
        owners.fill(0, first[0], first[0] + first[1]);
        arena.release(...first);
      }
    }
  });
});
