/** Accepting while the system is short of descriptors, with the clock and the driver in the test's hand. */
import { describe, expect, test } from "vitest";
import { ERRNO } from "../src/driver.js";
import { type AcceptPaused, type Clock, systemClock } from "../src/index.js";
import { createHandDriver, flushed, handBackend, handListener } from "./sim/hand-driver.js";

async function world() {
  const hand = createHandDriver();
  const timers: { delayMs: number; callback: () => void }[] = [];
  const told: AcceptPaused[] = [];
  const clock: Clock = {
    ...systemClock,
    retryAfter: (delayMs, callback) => timers[timers.push({ delayMs, callback }) - 1],
    clear: (timer) => {
      const index = timers.indexOf(timer as never);
      if (index >= 0) timers.splice(index, 1);
    },
  };
  const io = handBackend(hand, { clock, onAcceptPaused: (pause) => told.push(pause) });
  const listener = await handListener(io, hand);
  const accepts = () => hand.taken.filter(({ opcode }) => opcode === "accept").length;
  const fail = async (errno: number) => {
    hand.complete(hand.last("accept"), -errno);
    await flushed();
  };
  const ring = async () => {
    const { delayMs, callback } = timers.shift()!;
    callback();
    await flushed();
    return delayMs;
  };
  return { hand, io, listener, timers, told, accepts, fail, ring };
}

describe("accepting without a descriptor", () => {
  // mutant: shortage-retried-at-once
  test("pauses longer each time up to a second, with one accept in between, and tells once", async () => {
    const { listener, told, accepts, fail, ring, hand, timers } = await world();
    const waiting = [listener.accept(), listener.accept()];
    await flushed();
    const delays: number[] = [];
    for (let round = 0; round < 9; round++) {
      await fail(round % 2 === 0 ? ERRNO.EMFILE : ERRNO.ENFILE);
      expect(accepts()).toBe(round + 1);
      delays.push(await ring());
    }
    expect(delays).toEqual([10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    hand.complete(hand.last("accept"), 5, { auxiliary: 1, more: true });
    hand.complete(hand.last("accept"), 6, { auxiliary: 1, more: true });
    await Promise.all(waiting);
    expect(told.map(({ code }) => code)).toEqual(["EMFILE"]);
    expect(timers).toEqual([]);
  });

  test("tells again after a connection has come in between, and begins with a short pause", async () => {
    const { listener, told, fail, ring, hand } = await world();
    const first = listener.accept();
    await flushed();
    await fail(ERRNO.EMFILE);
    await ring();
    hand.complete(hand.last("accept"), 5, { auxiliary: 1 });
    await first;
    const second = listener.accept();
    await flushed();
    await fail(ERRNO.ENOMEM);
    expect(await ring()).toBe(10);
    hand.complete(hand.last("accept"), 6, { auxiliary: 1 });
    await second;
    expect(told.map(({ code }) => code)).toEqual(["EMFILE", "ENOMEM"]);
  });

  test("keeps no timer when the last caller leaves or the listener closes", async () => {
    const { listener, fail, timers, io } = await world();
    const controller = new AbortController();
    const left = expect(listener.accept({ signal: controller.signal })).rejects.toMatchObject({ code: "ABORT_ERR" });
    await flushed();
    await fail(ERRNO.EMFILE);
    expect(timers.length).toBe(1);
    expect(io.inspect().resources[0]).toMatchObject({ kind: "tcp-listener", pausedBy: "EMFILE" });
    controller.abort();
    await left;
    expect(timers.length).toBe(0);
    const closed = expect(listener.accept()).rejects.toMatchObject({ code: "ERR_RESOURCE_CLOSED" });
    await flushed();
    await fail(ERRNO.EMFILE);
    expect(timers.length).toBe(1);
    void listener.close();
    await closed;
    expect(timers.length).toBe(0);
  });
});
