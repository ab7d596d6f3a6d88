import { describe, expect, it } from "vitest";
import { ARENA_AREA_BYTES_MAX, Arena, arenaLayout } from "../../src/memory/arena.js";
import { OPCODE } from "../../src/spi/opcode.js";

const CHUNKS = 3;

/** It has no chunk of its own. */
const opcode = OPCODE.receiveMessage;
const layout = arenaLayout(CHUNKS * ARENA_AREA_BYTES_MAX, 0);

/** Areas of `length` bytes until there are no more. */
function fill(arena: Arena, length: number): number[] {
  const offsets: number[] = [];
  for (let offset = arena.allocate(length, opcode); offset >= 0; offset = arena.allocate(length, opcode))
    offsets.push(offset);
  return offsets;
}

describe("the arena", () => {
  it("uses all of its memory for whichever size is asked for, again and again", () => {
    const arena = new Arena(new ArrayBuffer(layout.bytes), layout);
    for (const length of [512, 8192, 500, 2048, 300, 8000]) {
      const bytes = [512, 2048, 8192].find((size) => size >= length)!;
      const offsets = fill(arena, length);
      expect(offsets.length, `areas of ${length} bytes`).toBe((CHUNKS * ARENA_AREA_BYTES_MAX) / bytes);
      for (const offset of offsets) arena.release(offset, length, opcode);
      expect(arena.lent).toBe(0);
    }
  });

  it("never gives the same bytes to two, whatever comes and goes", () => {
    const arena = new Arena(new ArrayBuffer(layout.bytes), layout);
    const lent = new Map<number, number>();
    const owners = new Uint8Array(CHUNKS * ARENA_AREA_BYTES_MAX);
    for (let step = 0; step < 20_000; step++) {
      const length = [257, 400, 900, 5000][(step * 7 + (step >> 4)) & 3]!;
      const offset = step % 3 === 0 ? -1 : arena.allocate(length, opcode);
      if (offset >= 0) {
        expect(owners.subarray(offset, offset + length).every((owner) => owner === 0)).toBe(true);
        owners.fill(1, offset, offset + length);
        lent.set(offset, length);
      } else {
        const [first] = lent;
        if (first === undefined) continue;
        lent.delete(first[0]);
        owners.fill(0, first[0], first[0] + first[1]);
        arena.release(...first, opcode);
      }
    }
  });
});
