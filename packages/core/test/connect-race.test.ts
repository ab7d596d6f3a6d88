/** Connecting to a name, over a driver whose look-ups and connections a test makes by hand: who wins, and what is left. */
import { describe, expect, test } from "vitest";
import { ERRNO } from "../src/driver.js";
import { type Backend, type Clock, systemClock } from "../src/index.js";
import { inTurns } from "../src/resource/connect-race.js";
import { createHandDriver, flushed, type HandDriver, handBackend, type Taken } from "./sim/hand-driver.js";

interface World {
  readonly io: Backend;
  readonly hand: HandDriver;
  /** Connects that were submitted. */
  connects(): Taken[];
  /** Runs the timers that are armed now; their delays in milliseconds. */
  ring(): number[];
}

/** A backend that knows one name. */
function world(addresses: readonly string[]): World {
  const hand = createHandDriver();
  const { driver } = hand;
  const timers = new Map<number, { readonly delayMs: number; readonly callback: () => void }>();
  let next = 1;
  const after = (delayMs: number, callback: () => void) => {
    timers.set(next, { delayMs, callback });
    return next++;
  };
  const clock: Clock = {
    ...systemClock,
    after,
    retryAfter: after,
    clear: (timer) => void timers.delete(timer as number),
  };
  const open: typeof driver.open = (host, limits) =>
    Object.assign(driver.open(host, limits), { lookup: async () => addresses });
  const io = handBackend({ ...hand, driver: { ...driver, open } }, { clock });
  return {
    io,
    hand,
    connects: () => hand.taken.filter(({ opcode }) => opcode === "connect"),
    ring: () => {
      const rung: number[] = [];
      for (const [timer, { delayMs, callback }] of [...timers]) {
        // One that rang may have cleared another.
        if (!timers.delete(timer)) continue;
        rung.push(delayMs);
        callback();
      }
      return rung;
    },
  };
}

const cancels = ({ hand }: World) => hand.taken.filter(({ opcode }) => opcode === "cancel").length;

describe("connecting to a name", () => {
  test("tries the families in turn, beginning with the first address's", () => {
    expect(inTurns(["::1", "::2", "::3", "127.0.0.1"])).toEqual(["::1", "127.0.0.1", "::2", "::3"]);
    expect(inTurns(["127.0.0.1", "::1", "::2", "::3"])).toEqual(["127.0.0.1", "::1", "::2", "::3"]);
    expect(inTurns(["127.0.0.1"])).toEqual(["127.0.0.1"]);
  });

  // mutant: silent-address-waited-for
  test("tries the next address when one has not answered within the delay, and ends the others when one connects", async () => {
    const given = world(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    const { io, hand, connects, ring } = given;
    const connecting = io.connect({ host: "three.example", port: 7 });
    await flushed();
    expect(connects().length).toBe(1);
    expect(ring()).toEqual([250]);
    await flushed();
    expect(connects().length).toBe(2);
    hand.complete(connects()[1]!, 5, { auxiliary: 1 });
    const stream = await connecting;
    await flushed();
    expect(cancels(given)).toBe(1);
    expect(ring()).toEqual([]);
    hand.complete(connects()[0]!, -ERRNO.ECANCELED);
    expect(connects().length).toBe(2);
    expect(stream.closed).toBe(false);
  });

  // mutant: second-winner-kept
  test("closes a connection that is made after another one has won", async () => {
    const given = world(["127.0.0.1", "127.0.0.2"]);
    const { io, hand, connects, ring } = given;
    const connecting = io.connect({ host: "two.example", port: 7 });
    await flushed();
    ring();
    await flushed();
    hand.complete(connects()[0]!, 5, { auxiliary: 1 });
    hand.complete(connects()[1]!, 6, { auxiliary: 1 });
    await connecting;
    await flushed();
    expect(hand.last("close").record[2]).toBe(6);
    expect(io.inspect().resources.length).toBe(1);
  });

  test("tries the next address at once when one refuses, and tells the first error when all have", async () => {
    const { io, hand, connects, ring } = world(["127.0.0.1", "::1"]);
    const refused = expect(io.connect({ host: "two.example", port: 7 })).rejects.toMatchObject({
      code: "ECONNREFUSED",
      address: "127.0.0.1",
      cause: { errors: [{ code: "ECONNREFUSED" }, { code: "ENETUNREACH" }] },
    });
    await flushed();
    hand.complete(connects()[0]!, -ERRNO.ECONNREFUSED);
    await flushed();
    hand.complete(connects()[1]!, -ERRNO.ENETUNREACH);
    await refused;
    expect(ring()).toEqual([]);
  });

  // mutant: race-timeout-leaves-attempts
  test("ends every attempt when the time is up, and takes a connection that won against that", async () => {
    for (const wins of [false, true]) {
      const given = world(["127.0.0.1", "127.0.0.2"]);
      const { io, hand, connects, ring } = given;
      const ended = io.connect({ host: "two.example", port: 7, timeoutMs: 1000 }).then(
        (stream) => (stream.closed ? "closed" : "open"),
        (error: { code: string }) => error.code,
      );
      await flushed();
      // The time of the whole is up; that of the next attempt does not come any more.
      expect(ring()).toEqual([1000]);
      await flushed();
      expect(connects().length).toBe(1);
      expect(cancels(given)).toBe(1);
      if (wins) hand.complete(connects()[0]!, 5, { auxiliary: 1 });
      else hand.complete(connects()[0]!, -ERRNO.ECANCELED);
      expect(await ended).toBe(wins ? "open" : "ERR_TIMEOUT");
    }
  });

  test("is told of the end of the backend, and what connects after that is closed", async () => {
    const { io, hand, connects } = world(["127.0.0.1", "127.0.0.2"]);
    const refused = expect(io.connect({ host: "two.example", port: 7 })).rejects.toMatchObject({
      code: "ERR_BACKEND_CLOSED",
    });
    await flushed();
    const closing = io.close({ deadlineMs: 1000 });
    await flushed();
    hand.complete(connects()[0]!, -ERRNO.ECANCELED);
    hand.complete(hand.last("cancel"), 0);
    await refused;
    await closing;
    expect(connects().length).toBe(1);
  });

  test("rejects at once when it is given up, and cleans up behind the caller", async () => {
    const { io, hand, connects } = world(["127.0.0.1"]);
    const controller = new AbortController();
    const connecting = io.connect({ host: "one.example", port: 7, signal: controller.signal, onAbort: "abandon" });
    await flushed();
    controller.abort("enough");
    await expect(connecting).rejects.toMatchObject({ code: "ABORT_ERR", cause: "enough" });
    hand.complete(connects()[0]!, 9, { auxiliary: 1 });
    await flushed();
    expect(hand.last("close").record[2]).toBe(9);
  });
});
