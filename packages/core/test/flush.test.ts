import { describe, expect, test } from "vitest";
import type { Clock } from "../src/base/clock.js";
import { systemClock } from "../src/base/clock.js";
import { type Backend, createBackend } from "../src/index.js";
import { FLUSH_PORTION } from "../src/operation/flush.js";
import { PACE_BUDGET_MS, PACE_ROUNDS_MAX } from "../src/operation/pace.js";
import { nullDriver } from "../src/testing/index.js";
import { createHandDriver, flushed, handBackend } from "./sim/hand-driver.js";

/** A clock that a test winds: time stands still, and turns wait until they are asked for. */
function handClock() {
  const turns: (() => void)[] = [];
  let nowMs = 1;
  const clock: Clock = { ...systemClock, nowMs: () => nowMs, turn: (callback) => turns.push(callback) };
  return {
    clock,
    turns,
    pass: (ms: number) => {
      nowMs += ms;
    },
    turn: () => {
      for (const callback of turns.splice(0)) callback();
    },
  };
}

/** Awaits nops one after the other until the flush waits for a turn; how many went before. */
async function nopsUntilTurn(
  io: Backend,
  turns: readonly unknown[],
  between: () => void,
  most: number,
): Promise<number> {
  for (let count = 0; count < most; count++) {
    const nop = io.nop();
    await Promise.resolve();
    if (turns.length > 0) return count;
    await nop;
    between();
  }
  return most;
}

describe("a flush", () => {
  test("comes once for all that is asked for in a tick, after the code that asked", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const nops = [io.nop(), io.nop(), io.nop()];
    expect(hand.taken).toHaveLength(0);
    await Promise.resolve();
    expect(hand.taken.map(({ opcode }) => opcode)).toEqual(["nop", "nop", "nop"]);
    expect(io.inspect().counters).toMatchObject({ flushes: 1, driverCalls: 1 });
    for (const taken of hand.taken) hand.complete(taken, 0);
    await Promise.all(nops);
  });

  test("takes what is asked for in continuations in the same turn, without waiting for the event loop", async () => {
    const { clock, turns } = handClock();
    await using io = createBackend({ driver: nullDriver(), clock });
    for (let round = 0; round < 100; round++) await io.nop();
    expect(turns).toHaveLength(0);
    expect(io.inspect().counters.flushes).toBe(100);
  });

  // mutant: no-starvation-guard
  test("waits for the event loop after its budget of rounds, though time stands still", async () => {
    const { clock, turns, turn } = handClock();
    const io = createBackend({ driver: nullDriver(), clock });
    expect(await nopsUntilTurn(io, turns, () => undefined, PACE_ROUNDS_MAX * 2)).toBe(PACE_ROUNDS_MAX);
    expect(io.inspect().counters.turnsAwaited).toBe(1);
    // The turn gives a new budget.
    turn();
    await flushed();
    expect(await nopsUntilTurn(io, turns, () => undefined, PACE_ROUNDS_MAX - 2)).toBe(PACE_ROUNDS_MAX - 2);
  });

  test("waits for the event loop when its budget of time is spent, long before that of rounds", async () => {
    const { clock, turns, pass, turn } = handClock();
    const io = createBackend({ driver: nullDriver(), clock });
    const rounds = await nopsUntilTurn(io, turns, () => pass(PACE_BUDGET_MS / 8), PACE_ROUNDS_MAX);
    // The clock is read now and then only.
    expect(rounds).toBeGreaterThanOrEqual(8);
    expect(rounds).toBeLessThanOrEqual(64);
    turn();
    await flushed();
    expect(io.inspect().operations).toEqual([]);
  });

  test("reads the clock after many operations in one round too: a big batch may eat the budget by itself", async () => {
    const { clock, turns, pass } = handClock();
    const io = createBackend({ driver: nullDriver(), clock });
    const first = Promise.all(Array.from({ length: 300 }, () => io.nop()));
    // The first round notes when the turn began; time passes before the second ends.
    await first;
    pass(PACE_BUDGET_MS * 2);
    await Promise.all(Array.from({ length: 300 }, () => io.nop()));
    const waiting = io.nop();
    expect(turns).toHaveLength(1);
    turns.splice(0)[0]!();
    await (waiting as Promise<unknown>);
  });

  test("has a new budget when completions come in from the event loop", async () => {
    const { clock, turns, pass } = handClock();
    const hand = createHandDriver();
    const io = handBackend(hand, { clock });
    for (let round = 0; round < 200; round++) {
      const nop = io.nop();
      await Promise.resolve();
      pass(PACE_BUDGET_MS);
      // Not inline: the event loop has turned for it.
      hand.complete(hand.last("nop"), 0);
      await nop;
    }
    expect(turns).toHaveLength(0);
  });

  // mutant: portion-forgets-the-rest
  test("hands over one portion in a microtask, and the next one after the callers of what completed", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const nops = Array.from({ length: FLUSH_PORTION * 2 + 1 }, () => io.nop());
    const sizes: number[] = [];
    for (let microtask = 0; microtask < 4; microtask++) {
      await Promise.resolve();
      sizes.push(hand.taken.length);
    }
    expect(sizes).toEqual([1, 2, 2, 2].map((portions, at) => FLUSH_PORTION * portions + (at < 2 ? 0 : 1)));
    for (const taken of [...hand.taken]) hand.complete(taken, 0);
    await Promise.all(nops);
  });

  test("hands over everything at once, however much it is, when it is asked for", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const batch = io.batch(Array.from({ length: FLUSH_PORTION * 2 + 1 }, () => ({ opcode: "nop" }) as const));
    expect(hand.taken).toHaveLength(FLUSH_PORTION * 2 + 1);
    for (const taken of [...hand.taken]) hand.complete(taken, 0);
    await batch;
  });

  // mutant: refused-submissions-forgotten
  test("offers again what a full driver did not take, in order, when the driver says that there is room", async () => {
    const hand = createHandDriver();
    hand.accept = (offered) => Math.min(2, offered.length);
    const io = handBackend(hand);
    const nops = Array.from({ length: 5 }, () => io.submit({ opcode: "nop" }));
    await flushed();
    expect(hand.taken.map(({ slot }) => slot)).toEqual([0, 1]);
    expect(nops.map(({ state }) => state)).toEqual(["submitted", "submitted", "queued", "queued", "queued"]);
    hand.room();
    await flushed();
    expect(hand.taken.map(({ slot }) => slot)).toEqual([0, 1, 2, 3]);
    hand.complete(hand.taken[0]!, 0);
    await flushed();
    expect(hand.taken.map(({ slot }) => slot)).toEqual([0, 1, 2, 3, 4]);
    expect(io.inspect().counters.backPressure).toBe(2);
    for (const taken of hand.taken.slice(1)) hand.complete(taken, 0);
    await Promise.all(nops.map(({ done }) => done));
  });

  test("does not try a full driver again by itself: no busy loop", async () => {
    const hand = createHandDriver();
    hand.accept = () => 0;
    const io = handBackend(hand);
    const nop = io.nop();
    for (let turn = 0; turn < 20; turn++) await flushed();
    expect(io.inspect().counters.driverCalls).toBe(1);
    hand.accept = (offered) => offered.length;
    hand.room();
    await flushed();
    hand.complete(hand.last("nop"), 0);
    await nop;
  });
});
