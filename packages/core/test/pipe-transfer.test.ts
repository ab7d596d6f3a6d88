/** Transfers through a pipe, with completions in orders that only a driver made by hand can choose. */
import { describe, expect, test } from "vitest";
import { ERRNO, PIPE_WORD, WORD } from "../src/driver.js";
import {
  createHandDriver,
  flushed,
  type HandDriver,
  handBackend,
  handFile,
  handStream,
  type Taken,
} from "./sim/hand-driver.js";

/** Index of the file's handle, the connection's, and the two ends of the pipe. */
const [FILE, STREAM, READING, WRITING] = [0, 1, 10, 11];

async function setUp({ position = 0, poolBytesMax = 1_048_576 } = {}) {
  const hand = createHandDriver();
  const io = handBackend(hand, { poolBytesMax });
  return { hand, io, file: await handFile(io, hand, position), stream: await handStream(io, hand) };
}

/** Answers the next submission of a pipe. */
async function givePipe(hand: HandDriver): Promise<void> {
  await flushed();
  const taken = hand.last("pipe");
  const words = new Int32Array(hand.shared.arena);
  const word = taken.record[WORD.arenaOffset]! >> 2;
  words[word + PIPE_WORD.readIndex] = READING;
  words[word + PIPE_WORD.readGeneration] = 1;
  words[word + PIPE_WORD.writeIndex] = WRITING;
  words[word + PIPE_WORD.writeGeneration] = 1;
  hand.complete(taken, 0);
  await flushed();
}

/** From where to where, how much, and where in the second handle. */
const spliceOf = ({ record }: Taken) => ({
  from: record[WORD.handleIndex],
  to: record[WORD.secondHandleIndex],
  bytes: record[WORD.length],
  at: record[WORD.argument0],
});

/** Handles that were closed. */
const closed = (hand: HandDriver) =>
  hand.taken.filter(({ opcode }) => opcode === "close").map(({ record }) => record[WORD.handleIndex]);

const isCancel = ({ opcode }: Taken) => opcode === "cancel";

describe("a connection that is piped to a file", () => {
  // mutant: give-back-wants-much
  test("gets back what the file does not take, also when the pool has little left", async () => {
    const { hand, io, file, stream } = await setUp({ poolBytesMax: 65_536 });
    // The rest may be waiting for these very bytes, as the memory of whoever sends them.
    const others = Array.from({ length: 12 }, () => io.buffers.take(4096));
    const piping = stream.pipeTo(file, { position: 0 });
    piping.catch(() => undefined);
    await givePipe(hand);
    hand.complete(hand.last("splice"), 7);
    await flushed();
    // The file is asked once more at the end.
    for (let time = 0; time < 2; time++) {
      hand.complete(hand.last("splice"), -ERRNO.ENOSPC);
      await flushed();
    }
    const read = hand.last("read");
    expect(read.record[WORD.handleIndex]).toBe(READING);
    hand.complete(read, 7);
    await expect(piping).rejects.toMatchObject({ code: "ENOSPC", bytesTransferred: 0 });
    expect((await stream.receive()).bytesReceived).toBe(7);
    for (const buffer of others) buffer.release();
  });

  // mutant: pipe-stays-open
  test("goes through a pipe, to the position that moves on, and the pipe is closed at the end", async () => {
    const { hand, file, stream } = await setUp();
    const piping = stream.pipeTo(file, { position: 100 });
    await givePipe(hand);
    for (const [bytes, at] of [
      [30, 100],
      [5, 130],
    ] as const) {
      expect(spliceOf(hand.last("splice"))).toMatchObject({ from: STREAM, to: WRITING });
      hand.complete(hand.last("splice"), bytes);
      await flushed();
      expect(spliceOf(hand.last("splice"))).toEqual({ from: READING, to: FILE, bytes, at });
      hand.complete(hand.last("splice"), bytes);
      await flushed();
    }
    hand.complete(hand.last("splice"), 0);
    expect(await piping).toEqual({ bytesTransferred: 35 });
    await flushed();
    expect(closed(hand).sort()).toEqual([READING, WRITING]);
  });

  // mutant: spliced-bytes-are-lost
  test("that is aborted as bytes reach the pipe writes them to the file before it says so", async () => {
    const { hand, file, stream } = await setUp();
    const controller = new AbortController();
    const piping = stream.pipeTo(file, { position: 0, signal: controller.signal });
    const outcome = expect(piping).rejects.toMatchObject({ code: "ABORT_ERR", cause: "enough", bytesTransferred: 9 });
    await givePipe(hand);
    const pull = hand.last("splice");
    controller.abort("enough");
    await flushed();
    expect(hand.taken.filter(isCancel)).toHaveLength(1);
    hand.complete(pull, 9);
    await flushed();
    expect(spliceOf(hand.last("splice"))).toEqual({ from: READING, to: FILE, bytes: 9, at: 0 });
    // A short one goes on, though everybody wants it to end.
    hand.complete(hand.last("splice"), 4);
    await flushed();
    expect(spliceOf(hand.last("splice"))).toEqual({ from: READING, to: FILE, bytes: 5, at: 4 });
    hand.complete(hand.last("splice"), 5);
    await outcome;
  });

  // mutant: file-does-not-wait-for-its-bytes
  test("has its file closed only when the bytes on their way are written", async () => {
    const { hand, file, stream } = await setUp();
    const piping = stream.pipeTo(file, { position: 0 });
    const outcome = expect(piping).rejects.toMatchObject({ code: "ERR_RESOURCE_CLOSED", bytesTransferred: 3 });
    await givePipe(hand);
    const pull = hand.last("splice");
    const closing = file.close();
    await flushed();
    expect(closed(hand)).toEqual([]);
    hand.complete(pull, 3);
    await flushed();
    expect(spliceOf(hand.last("splice"))).toEqual({ from: READING, to: FILE, bytes: 3, at: 0 });
    expect(closed(hand)).toEqual([]);
    hand.complete(hand.last("splice"), 3);
    await outcome;
    await flushed();
    expect(closed(hand)).toContain(FILE);
    hand.complete(hand.taken.find(({ opcode, record }) => opcode === "close" && record[WORD.handleIndex] === FILE)!, 0);
    await closing;
  });

  // mutant: pipe-passes-over-kept-bytes
  test("writes what was kept for the next receive first, and asks the driver for none of it", async () => {
    const { hand, io, file, stream } = await setUp();
    const controller = new AbortController();
    const receiving = stream.receive(io.buffers.take(8), { signal: controller.signal });
    await flushed();
    controller.abort();
    hand.complete(hand.last("receive"), 6);
    await expect(receiving).rejects.toMatchObject({ code: "ABORT_ERR" });
    const piping = stream.pipeTo(file, { position: 0, bytesMax: 6 });
    await givePipe(hand);
    const { record } = hand.last("write");
    expect([record[WORD.handleIndex], record[WORD.length]]).toEqual([FILE, 6]);
    hand.complete(hand.last("write"), 6);
    expect(await piping).toEqual({ bytesTransferred: 6 });
    expect(hand.taken.map(({ opcode }) => opcode)).not.toContain("splice");
  });

  test("is copied where its file cannot be spliced to, out of the pipe", async () => {
    const { hand, file, stream } = await setUp();
    const piping = stream.pipeTo(file, { position: 0, bytesMax: 5 });
    await givePipe(hand);
    hand.complete(hand.last("splice"), 5);
    await flushed();
    hand.complete(hand.last("splice"), -ERRNO.EINVAL);
    await flushed();
    expect([hand.last("read").record[WORD.handleIndex], hand.last("read").record[WORD.length]]).toEqual([READING, 5]);
    hand.complete(hand.last("read"), 5);
    await flushed();
    expect(hand.last("write").record[WORD.handleIndex]).toBe(FILE);
    hand.complete(hand.last("write"), 5);
    expect(await piping).toEqual({ bytesTransferred: 5 });
  });
});

describe("a file that is piped to a connection", () => {
  // mutant: unsent-bytes-are-lost
  test("and cannot seek keeps what was read and not sent for the next read", async () => {
    const { hand, io, file, stream } = await setUp({ position: -1 });
    const controller = new AbortController();
    const piping = file.pipeTo(stream, { signal: controller.signal });
    const outcome = expect(piping).rejects.toMatchObject({ code: "ABORT_ERR", bytesTransferred: 4 });
    await flushed();
    const { record } = hand.last("read");
    hand.memory.view(record[WORD.buffer]!, 0, 10).set(new TextEncoder().encode("0123456789"));
    hand.complete(hand.last("read"), 10);
    await flushed();
    controller.abort();
    hand.complete(hand.last("send"), 4);
    await outcome;
    const next = await file.read(io.buffers.take(16));
    expect(new TextDecoder().decode(next.buffer.bytes.subarray(0, next.bytesRead))).toBe("456789");
  });

  test("at a position counts what an aborted splice has sent all the same", async () => {
    const { hand, file, stream } = await setUp();
    const controller = new AbortController();
    const piping = file.pipeTo(stream, { position: 7, signal: controller.signal });
    const outcome = expect(piping).rejects.toMatchObject({ code: "ABORT_ERR", bytesTransferred: 2 });
    await givePipe(hand);
    expect([hand.last("splice").record[WORD.positionLow], spliceOf(hand.last("splice")).to]).toEqual([7, WRITING]);
    hand.complete(hand.last("splice"), 8);
    await flushed();
    expect(spliceOf(hand.last("splice"))).toMatchObject({ from: READING, to: STREAM, bytes: 8 });
    controller.abort();
    hand.complete(hand.last("splice"), 2);
    await outcome;
  });
});

describe("a backend that closes", () => {
  // mutant: closes-between-steps
  test("waits for a transfer between two of its steps, with nothing in flight: its pipe is closed before the driver is", async () => {
    const { hand, io, file, stream } = await setUp();
    let closedAtEnd: unknown;
    hand.close = async () => {
      closedAtEnd = closed(hand).sort();
      return { unconfirmedOperations: 0, quarantinedBytes: 0 };
    };
    const outcome = expect(file.pipeTo(stream)).rejects.toMatchObject({ bytesTransferred: 0 });
    await flushed();
    const closing = io.close({ deadlineMs: 1000 });
    await flushed();
    // The cancel comes too late for the pipe, which is all that is left when the file and the connection are closed.
    for (const taken of hand.taken.filter(({ opcode }) => opcode === "cancel" || opcode === "close")) {
      hand.complete(taken, 0);
    }
    await flushed();
    await givePipe(hand);
    await outcome;
    for (const taken of hand.taken.filter(({ opcode }) => opcode === "close").slice(2)) hand.complete(taken, 0);
    await closing;
    expect(closedAtEnd).toEqual([FILE, STREAM, READING, WRITING]);
  });
});
