/** What of a vectored operation only its record, and completions in a chosen order, can show. */
import { describe, expect, test } from "vitest";
import { ERRNO, VECTOR_ENTRY_BYTES, VECTOR_WORD, WORD } from "../src/driver.js";
import { createHandDriver, flushed, handBackend, handFile, type Taken } from "./sim/hand-driver.js";

async function setUp({ position = 0 } = {}) {
  const hand = createHandDriver();
  const io = handBackend(hand);
  return { hand, io, file: await handFile(io, hand, position) };
}

/** What the driver finds in the arena. */
function vectorOf({ record }: Taken, arena: ArrayBuffer) {
  const words = new Int32Array(arena);
  return Array.from({ length: record[WORD.vectorCount]! }, (_, index) => {
    const word = (record[WORD.arenaOffset]! + index * VECTOR_ENTRY_BYTES) >> 2;
    return {
      number: words[word + VECTOR_WORD.buffer]!,
      offset: words[word + VECTOR_WORD.offset]!,
      length: words[word + VECTOR_WORD.length]!,
    };
  });
}

describe("a vectored operation", () => {
  // mutant: vector-offset-ignored
  test("names each part by number, offset and length, in the order of the list", async () => {
    const { hand, io, file } = await setUp();
    const [one, two] = [io.buffers.take(100), io.buffers.take(50)];
    const pending = file.writev([two.slice(10, 30), one, two], { position: 7 });
    await flushed();
    const taken = hand.last("writev");
    const parts = vectorOf(taken, hand.shared.arena);
    expect(parts.map(({ offset, length }) => [offset, length])).toEqual([
      [10, 20],
      [0, 100],
      [0, 50],
    ]);
    expect(parts[0]!.number).toBe(parts[2]!.number);
    expect(parts[1]!.number).not.toBe(parts[0]!.number);
    expect([taken.record[WORD.buffer], taken.record[WORD.positionLow], taken.record[WORD.positionHigh]]).toEqual([
      -1, 7, 0,
    ]);
    hand.complete(taken, 170);
    expect((await pending).bytesWritten).toBe(170);
  });

  test("leaves no count of entries behind in a record that is used again", async () => {
    const { hand, io, file } = await setUp();
    const buffer = io.buffers.take(8);
    const pending = file.readv([buffer], { position: 0 });
    await flushed();
    hand.complete(hand.last("readv"), 8);
    await pending;
    const reading = file.read(buffer, { position: 0 });
    await flushed();
    const { slot, record } = hand.last("read");
    expect(slot).toBe(hand.last("readv").slot);
    expect(record[WORD.vectorCount]).toBe(0);
    hand.complete(hand.last("read"), 8);
    await reading;
  });

  // mutant: vectored-read-is-dropped
  test("on what cannot seek that has read before its abort leaves its bytes, from all parts, to the next reads", async () => {
    const { hand, io, file } = await setUp({ position: -1 });
    const [one, two] = [io.buffers.take(3), io.buffers.take(4)];
    const controller = new AbortController();
    const pending = file.readv([one, two], { signal: controller.signal });
    await flushed();
    const taken = hand.last("readv");
    controller.abort("enough");
    for (const { number, offset, length } of vectorOf(taken, hand.shared.arena)) {
      hand.memory.view(number, offset, length).set(new TextEncoder().encode("abcdefg").subarray(0, length));
    }
    hand.complete(taken, 5);
    await expect(pending).rejects.toMatchObject({ code: "ABORT_ERR", cause: "enough" });
    expect([one.state, two.state]).toEqual(["owned", "owned"]);
    const [small, large] = [io.buffers.take(2), io.buffers.take(16)];
    const { bytesRead } = await file.readv([small, large]);
    expect(bytesRead).toBe(5);
    const text = new TextDecoder();
    expect(text.decode(small.bytes) + text.decode(large.bytes.subarray(0, 3))).toBe("abcab");
  });

  // mutant: vector-stays-lent-after-an-error
  test("whose result is an error brings every buffer home, with the error", async () => {
    const { hand, io, file } = await setUp();
    const buffers = [io.buffers.take(3), io.buffers.take(4)];
    const pending = file.writev(buffers, { position: 0 });
    await flushed();
    expect(buffers.map(({ state }) => state)).toEqual(["lent", "lent"]);
    hand.complete(hand.last("writev"), -ERRNO.ENOSPC);
    await expect(pending).rejects.toMatchObject({ code: "ENOSPC", buffers, bytesTransferred: 0 });
    expect(buffers.map(({ state }) => state)).toEqual(["owned", "owned"]);
  });
});
