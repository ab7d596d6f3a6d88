/** The own position of a file and the lengths of transfers, as they stand in the records that the driver gets. */
import { describe, expect, test } from "vitest";
import { BUFFER_BYTES_MAX, ERRNO, TRANSFER_BYTES_MAX, WORD } from "../src/driver.js";
import { createHandDriver, flushed, handBackend, handFile, type Taken } from "./sim/hand-driver.js";

async function setUp({ position = 0, flags = "r+" }: { position?: number; flags?: "r+" | "a+" } = {}) {
  const hand = createHandDriver();
  const io = handBackend(hand);
  return { hand, io, file: await handFile(io, hand, position, flags) };
}

const positionOf = ({ record }: Taken) => record[WORD.positionHigh]! * 2 ** 32 + (record[WORD.positionLow]! >>> 0);
const partOf = ({ record }: Taken) => [record[WORD.bufferOffset]! >>> 0, record[WORD.length]! >>> 0];

describe("a file that can seek", () => {
  // mutant: own-position-left-to-the-driver
  test("has every transfer at its own position handed over with an explicit one, from where the driver says it stands", async () => {
    const { hand, io, file } = await setUp({ position: 5 * 2 ** 32 + 7 });
    const buffer = io.buffers.take(10);
    const writing = file.writeFull(buffer);
    await flushed();
    expect([positionOf(hand.last("write")), partOf(hand.last("write"))]).toEqual([5 * 2 ** 32 + 7, [0, 10]]);
    hand.complete(hand.last("write"), 4);
    await flushed();
    expect([positionOf(hand.last("write")), partOf(hand.last("write"))]).toEqual([5 * 2 ** 32 + 11, [4, 6]]);
    hand.complete(hand.last("write"), -ERRNO.ENOSPC);
    await expect(writing).rejects.toMatchObject({ code: "ENOSPC", bytesTransferred: 4 });
    const reading = file.read(buffer);
    await flushed();
    expect(positionOf(hand.last("read"))).toBe(5 * 2 ** 32 + 11);
    hand.complete(hand.last("read"), 0);
    await reading;
  });

  test("is read again where a read that nobody was told of has read", async () => {
    const { hand, io, file } = await setUp();
    const controller = new AbortController();
    const late = expect(file.read(io.buffers.take(8), { signal: controller.signal })).rejects.toThrow("aborted");
    await flushed();
    controller.abort();
    hand.complete(hand.last("read"), 8);
    await late;
    const operation = io.submit({ opcode: "read", file, buffer: io.buffers.take(8) });
    const gone = expect(operation.done).rejects.toMatchObject({ code: "ERR_OPERATION_ABANDONED" });
    await flushed();
    expect(positionOf(hand.last("read"))).toBe(0);
    operation.abandon();
    await gone;
    hand.complete(hand.last("read"), 3);
    const next = file.read(io.buffers.take(8));
    await flushed();
    expect(positionOf(hand.last("read"))).toBe(0);
    hand.complete(hand.last("read"), 8);
    expect((await next).bytesRead).toBe(8);
  });

  // mutant: own-position-ignores-queued-writes
  test("moves by what a write had written that was canceled on its way to the driver for the rest", async () => {
    const { hand, io, file } = await setUp();
    const controller = new AbortController();
    const writing = file.writeFull(io.buffers.take(8), { signal: controller.signal });
    const outcome = expect(writing).rejects.toMatchObject({ code: "ABORT_ERR", bytesTransferred: 3 });
    await flushed();
    hand.complete(hand.last("write"), 3);
    controller.abort();
    await outcome;
    const next = file.write(io.buffers.take(8));
    await flushed();
    expect(positionOf(hand.last("write"))).toBe(3);
    hand.complete(hand.last("write"), 8);
    await next;
  });

  test("asks for its end before a read behind an append, and keeps its turn meanwhile", async () => {
    const { hand, io, file } = await setUp({ flags: "a+" });
    const [first, second, third] = [io.buffers.take(4), io.buffers.take(4), io.buffers.take(4)];
    const controller = new AbortController();
    const all = Promise.allSettled([
      file.write(first),
      file.read(second, { signal: controller.signal }),
      file.write(third),
    ]);
    await flushed();
    expect(positionOf(hand.last("write"))).toBe(-1);
    hand.complete(hand.last("write"), 4);
    await flushed();
    expect(hand.taken.at(-1)!.opcode).toBe("stat");
    controller.abort("enough");
    await flushed();
    // The turn of the read is over before it began.
    expect(hand.taken.at(-1)!.opcode).toBe("write");
    hand.complete(hand.last("stat"), -ERRNO.EIO);
    hand.complete(hand.last("write"), 4);
    expect((await all).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const reading = file.read(second);
    const outcome = expect(reading).rejects.toMatchObject({ code: "EIO", buffer: second });
    await flushed();
    hand.complete(hand.last("stat"), -ERRNO.EIO);
    await outcome;
  });
});

describe("a file for appending", () => {
  // mutant: own-position-found-too-late
  test("does not go by an end that was asked for before the last append", async () => {
    const { hand, io, file } = await setUp({ flags: "a+" });
    const [first, second, third] = [io.buffers.take(4), io.buffers.take(4), io.buffers.take(4)];
    const controller = new AbortController();
    const all = Promise.allSettled([
      file.write(first),
      file.read(second, { signal: controller.signal }),
      file.write(third),
    ]);
    await flushed();
    hand.complete(hand.last("write"), 4);
    await flushed();
    controller.abort("enough");
    await flushed();
    hand.complete(hand.last("write"), 4);
    // Where the file ended before the second append.
    hand.complete(hand.last("stat"), 0);
    await flushed();
    await all;
    const reading = file.read(second);
    await flushed();
    expect(hand.taken.at(-1)!.opcode).toBe("stat");
    hand.complete(hand.last("stat"), -ERRNO.EIO);
    await expect(reading).rejects.toMatchObject({ code: "EIO" });
  });
});

describe("what cannot seek", () => {
  // mutant: position-on-a-pipe
  test("refuses a position with ESPIPE and the buffers, before the driver is asked", async () => {
    const { hand, io, file } = await setUp({ position: -1 });
    const buffer = io.buffers.take(8);
    const submitted = hand.taken.length;
    const espipe = { code: "ESPIPE", errno: -ERRNO.ESPIPE, path: "/file" };
    await expect(file.read(buffer, { position: 0 })).rejects.toMatchObject({ ...espipe, syscall: "read", buffer });
    await expect(file.writeFull(buffer, { position: 3 })).rejects.toMatchObject({ ...espipe, bytesTransferred: 0 });
    await expect(file.readv([buffer], { position: 0 })).rejects.toMatchObject({ ...espipe, buffers: [buffer] });
    await expect(file.writev([], { position: 0 })).rejects.toMatchObject(espipe);
    const operation = io.submit({ opcode: "write", file, buffer, position: 0 });
    await expect(operation.done).rejects.toMatchObject(espipe);
    expect(operation.state).toBe("completed");
    const [write, nop] = await io.chain([{ opcode: "write", file, buffer, position: 0 }, { opcode: "nop" }]);
    expect([write, nop]).toMatchObject([{ reason: espipe }, { reason: { code: "ERR_CHAIN_BROKEN" } }]);
    expect(hand.taken).toHaveLength(submitted);
    expect(buffer.state).toBe("owned");
  });

  test("is read and written without a position, and neither waits for the other", async () => {
    const { hand, io, file } = await setUp({ position: -1 });
    const all = Promise.all([file.read(io.buffers.take(8)), file.write(io.buffers.take(8))]);
    await flushed();
    for (const opcode of ["read", "write"] as const) {
      expect(positionOf(hand.last(opcode))).toBe(-1);
      hand.complete(hand.last(opcode), 8);
    }
    await all;
  });
});

describe("a long transfer", () => {
  const GIB = 2 ** 30;
  // Zeroed by the system when it is touched, which nobody does here.
  const memory = new Uint8Array(3 * GIB + 5);

  // mutant: lengths-are-signed
  test("goes in submissions of what the kernel moves at once, and its offsets and counts are exact", async () => {
    const { hand, io, file } = await setUp();
    const buffer = io.buffers.unsafeBorrow(memory);
    const writing = file.writeFull(buffer);
    await flushed();
    expect(partOf(hand.last("write"))).toEqual([0, TRANSFER_BYTES_MAX]);
    hand.complete(hand.last("write"), TRANSFER_BYTES_MAX);
    await flushed();
    expect(partOf(hand.last("write"))).toEqual([TRANSFER_BYTES_MAX, memory.length - TRANSFER_BYTES_MAX]);
    expect(positionOf(hand.last("write"))).toBe(TRANSFER_BYTES_MAX);
    hand.complete(hand.last("write"), GIB);
    await flushed();
    expect(partOf(hand.last("write"))).toEqual([TRANSFER_BYTES_MAX + GIB, memory.length - TRANSFER_BYTES_MAX - GIB]);
    hand.complete(hand.last("write"), memory.length - TRANSFER_BYTES_MAX - GIB);
    expect((await writing).bytesWritten).toBe(memory.length);
    const part = file.read(buffer, { offset: 2 * GIB + 3, length: 10, position: 2 ** 40 });
    await flushed();
    expect([partOf(hand.last("read")), positionOf(hand.last("read"))]).toEqual([[2 * GIB + 3, 10], 2 ** 40]);
    hand.complete(hand.last("read"), 10);
    await part;
  });

  test("of a vector is cut where the kernel cuts it, and is no link of a chain that the driver makes", async () => {
    const { hand, io, file } = await setUp();
    const buffer = io.buffers.unsafeBorrow(memory);
    const linking = io.chain([{ opcode: "writev", file, buffers: [buffer, buffer], position: 0 }, { opcode: "nop" }]);
    await flushed();
    const taken = hand.last("writev");
    const words = new Int32Array(hand.shared.arena, taken.record[WORD.arenaOffset]!, 6);
    expect([words[2]! >>> 0, words[5]! >>> 0]).toEqual([TRANSFER_BYTES_MAX, 0]);
    expect(hand.taken.at(-1)!.opcode).toBe("writev");
    hand.complete(taken, TRANSFER_BYTES_MAX);
    expect((await linking).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  // mutant: buffers-without-limit
  test("needs a buffer, of which the longest is refused with a code", async () => {
    const { io } = await setUp();
    const tooLong = Object.defineProperty(new Uint8Array(8), "byteLength", { value: BUFFER_BYTES_MAX + 1 });
    expect(() => io.buffers.unsafeBorrow(tooLong)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
    const roomy = handBackend(createHandDriver(), { poolBytesMax: 2 ** 40 });
    expect(() => roomy.buffers.take(BUFFER_BYTES_MAX + 1)).toThrow(
      expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }),
    );
    await expect(roomy.buffers.takeWhenFree(BUFFER_BYTES_MAX + 1)).rejects.toMatchObject({ code: "ERR_OUT_OF_RANGE" });
  });
});
