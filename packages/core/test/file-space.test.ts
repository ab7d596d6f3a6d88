/** What the records of allocation, advice and readiness say, and results that core makes itself. */
import { describe, expect, test } from "vitest";
import { ADVICE, ALLOCATE_FLAG, MODE_WORD, POLL_EVENT, WORD } from "../src/driver.js";
import { createHandDriver, flushed, handBackend, handFile, handStream, type Taken } from "./sim/hand-driver.js";

/** A signed 64-bit number in two words. */
const int64 = (record: Int32Array, low: number) => record[low + 1]! * 2 ** 32 + (record[low]! >>> 0);

const rangeOf = ({ record }: Taken) => ({
  how: record[MODE_WORD],
  position: int64(record, WORD.positionLow),
  bytes: int64(record, WORD.argument0),
});

describe("a range of a file", () => {
  // mutant: allocate-position-ignored, allocate-mode-ignored, allocate-length-low-only
  test("says where, how long and how, beyond 32 bits too", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const far = 5 * 2 ** 32 + 7;
    for (const [mode, how] of [
      ["grow", 0],
      ["keep-size", ALLOCATE_FLAG.keepSize],
      ["zero", ALLOCATE_FLAG.zeroRange],
      ["zero-keep-size", ALLOCATE_FLAG.zeroRange | ALLOCATE_FLAG.keepSize],
      ["punch-hole", ALLOCATE_FLAG.punchHole],
    ] as const) {
      const pending = file.allocate({ position: far, length: far + 1, mode });
      await flushed();
      expect(rangeOf(hand.last("allocate"))).toEqual({ how, position: far, bytes: far + 1 });
      hand.complete(hand.last("allocate"), 0);
      await pending;
    }
    const advising = file.advise("dont-need", { position: 3, length: far });
    await flushed();
    expect(rangeOf(hand.last("advise"))).toEqual({ how: ADVICE.dontNeed, position: 3, bytes: far });
    hand.complete(hand.last("advise"), 0);
    await advising;
  });
});

describe("a poll", () => {
  test("asks for exactly the events that it was given, and tells all that came", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const polling = stream.poll({ writable: true });
    await flushed();
    expect(hand.last("poll").record[WORD.argument0]).toBe(POLL_EVENT.writable);
    hand.complete(hand.last("poll"), POLL_EVENT.writable | POLL_EVENT.hangUp | POLL_EVENT.error);
    expect(await polling).toEqual({ readable: false, writable: true, error: true, hangUp: true });
  });

  // mutant: poll-forgets-kept-bytes
  test("that is asked for what was kept from an aborted receive does not ask the driver", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const controller = new AbortController();
    const buffer = io.buffers.take(8);
    const receiving = stream.receive(buffer, { signal: controller.signal });
    await flushed();
    controller.abort();
    hand.complete(hand.last("receive"), 3);
    await expect(receiving).rejects.toMatchObject({ code: "ABORT_ERR" });
    const polling = stream.poll({ readable: true, writable: true });
    await flushed();
    expect(hand.taken.map(({ opcode }) => opcode)).not.toContain("poll");
    hand.complete(hand.last("nop"), 0);
    expect(await polling).toMatchObject({ readable: true });
  });

  // mutant: poll-ready-by-its-own-close
  test("whose connection closes is told of the close, though the shutdown has made it ready", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const polling = expect(stream.poll({ readable: true })).rejects.toMatchObject({ code: "ERR_RESOURCE_CLOSED" });
    await flushed();
    const closing = stream.close();
    await flushed();
    hand.complete(hand.last("shutdown"), 0);
    hand.complete(hand.last("poll"), POLL_EVENT.readable | POLL_EVENT.hangUp);
    hand.complete(hand.last("cancel"), -2);
    await polling;
    await flushed();
    hand.complete(hand.last("close"), 0);
    await closing;
  });
});
