import fc from "fast-check";
import { expect, test } from "vitest";
import { Chain, type ChainHost } from "../src/operation/chain.js";
import type { Entry } from "../src/operation/entry.js";
import { EVENT } from "../src/operation/lifecycle.js";
import { defineKind } from "../src/operation/operation-kind.js";
import { OperationTable } from "../src/operation/operation-table.js";
import { AHEAD_MAX, SubmissionQueue } from "../src/operation/submission-queue.js";
import { SUBMISSION_SHIFT } from "../src/spi/record.js";

const kind = defineKind("nop", {});
const WINDOW = 7;

/** What a test calls an operation: slots are used again. */
function numberOf({ subject }: Entry): number {
  return subject as number;
}

/** What can be done to the queue; numbers say how many, or which. */
const actions = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("push" as const),
      count: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 40 })),
    }),
  },
  fc.record({ do: fc.constant("cancel" as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant("urgent" as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant("end" as const), count: fc.integer({ min: 0, max: 1000 }) }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("take" as const),
      // Mostly the driver takes all of them.
      count: fc.oneof(fc.integer({ min: 0, max: WINDOW }), { weight: 2, arbitrary: fc.constant(WINDOW) }),
    }),
  },
);

/** What the queue should be: lanes of operations, those that ended included. `fresh` came since the last fill. */
class Model {
  cancels: number[] = [];
  urgent: number[] = [];
  waiting: number[] = [];
  fresh: number[] = [];
  readonly ended = new Set<number>();
  /** Fills in a row in which fresh ones went ahead. */
  #ahead = 0;
  /** The last fill took the fresh ones. */
  #tookFresh = false;
  /** Of what the last fill took, so many were cancels, and cancels and urgent ones. */
  #cancelsTaken = 0;
  #fastTaken = 0;

  live(...lanes: number[][]): number[] {
    return lanes.flat().filter((slot) => !this.ended.has(slot));
  }

  get all(): number[] {
    return this.live(this.cancels, this.urgent, this.waiting, this.fresh);
  }

  /** Checks what a fill gave, and takes it out. */
  take(filled: number[]): void {
    const fast = this.live(this.cancels, this.urgent);
    this.#cancelsTaken = Math.min(this.live(this.cancels).length, filled.length);
    // Those that ended may leave gaps at the end of a window, never within it.
    expect(filled.slice(0, fast.length)).toEqual(fast.slice(0, filled.length));
    const rest = filled.slice(fast.length);
    const inTurn = this.live(this.waiting, this.fresh).slice(0, rest.length);
    this.#tookFresh = rest.length > 0 && rest[0] !== inTurn[0];
    expect(rest).toEqual(this.#tookFresh ? this.live(this.fresh) : inTurn);
    this.#ahead = this.#tookFresh ? this.#ahead + 1 : 0;
    expect(this.#ahead).toBeLessThanOrEqual(AHEAD_MAX);
    const left = (lane: number[]) => this.live(lane).filter((slot) => !filled.includes(slot));
    this.cancels = left(this.cancels);
    this.urgent = left(this.urgent);
    this.waiting = left([...this.waiting, ...this.fresh]);
    this.fresh = [];
    this.#fastTaken = Math.min(fast.length, filled.length);
  }

  putBack(filled: number[], accepted: number): void {
    const urgent = filled.slice(Math.max(accepted, this.#cancelsTaken), this.#fastTaken);
    const rest = filled.slice(Math.max(accepted, this.#fastTaken));
    this.cancels = [...filled.slice(accepted, this.#cancelsTaken), ...this.cancels];
    this.urgent = [...urgent, ...this.urgent];
    this.waiting = this.#tookFresh ? [...this.waiting, ...rest] : [...rest, ...this.waiting];
  }
}

// mutant: put-back-loses-its-lane, put-back-reversed, fresh-always-ahead, refused-fresh-jumps-the-queue
test("it is a queue with two fast lanes and fresh ones ahead now and then, whatever is pushed, taken, put back and ended", () => {
  let wentAhead = 0;
  fc.assert(
    fc.property(fc.array(actions, { maxLength: 200, size: "max" }), (steps) => {
      const table = new OperationTable(100_000, 100_000);
      const queue = new SubmissionQueue(table);
      let next = 0;
      const model = new Model();
      const numberAt = (slot: number) => numberOf(table.entries[slot]!);
      const window = new Int32Array(WINDOW);
      for (const { do: what, count } of steps) {
        // Slots of those that have ended are used again; `number` tells the operations apart.
        const begin = () =>
          Array.from({ length: count }, () => {
            const entry = table.allocate(kind);
            entry.subject = next++;
            return entry;
          });
        if (what === "push") for (const entry of begin()) model.fresh.push(numberOf(entry)) && queue.push(entry);
        if (what === "cancel")
          for (const entry of begin()) model.cancels.push(numberOf(entry)) && queue.pushCancel(entry);
        if (what === "urgent")
          for (const entry of begin()) model.urgent.push(numberOf(entry)) && queue.pushUrgent(entry);
        if (what === "end") {
          const number = model.all[count % Math.max(1, model.all.length)];
          const entry = table.entries.find(({ subject }) => subject === number);
          if (number !== undefined && entry !== undefined) {
            entry.advance(EVENT.cancel);
            table.release(entry);
            model.ended.add(number);
          }
        }
        if (what === "take") {
          const before = model.all;
          const filled = [...window.subarray(0, queue.fill(window, WINDOW))].map(numberAt);
          if (filled.length === 0 && model.ended.size === 0) expect(before).toEqual([]);
          if (filled.length > 0 && filled[0] !== before[0]) wentAhead++;
          model.take(filled);
          const accepted = Math.min(count, filled.length);
          queue.putBack(window, accepted, filled.length);
          model.putBack(filled, accepted);
        }
        expect(queue.length).toBeGreaterThanOrEqual(model.all.length);
      }
      const everything = new Int32Array(100_000);
      while (queue.length > 0) {
        model.take([...everything.subarray(0, queue.fill(everything, everything.length))].map(numberAt));
      }
      expect(model.all).toEqual([]);
    }),
    { numRuns: 200 },
  );
  // The scripts do reach what is special here.
  expect(wentAhead).toBeGreaterThan(100);
});

// mutant: fresh-always-ahead
test("one that waits has its turn, however many fresh ones come", () => {
  const table = new OperationTable(100, 100);
  const queue = new SubmissionQueue(table);
  const push = () => {
    const entry = table.allocate(kind);
    queue.push(entry);
    return entry.slot;
  };
  const window = new Int32Array(1);
  const taken = () => [...window.subarray(0, queue.fill(window, 1))];
  const [first, second] = [push(), push()];
  expect(taken()).toEqual([first]);
  for (let round = 0; round < AHEAD_MAX; round++) expect(taken.call(push())).toHaveLength(1);
  push();
  expect(taken()).toEqual([second]);
});

test("one that has ended among the cancels lets nothing overtake the cancels behind it", () => {
  const table = new OperationTable(20, 20);
  const queue = new SubmissionQueue(table);
  const entries = Array.from({ length: 9 }, () => table.allocate(kind));
  const slots = entries.map(({ slot }) => slot);
  queue.push(entries[0]!);
  for (const entry of entries.slice(1)) queue.pushCancel(entry);
  entries[1]!.advance(EVENT.cancel);
  const window = new Int32Array(WINDOW);
  expect(queue.fill(window, window.length)).toBe(WINDOW);
  expect([...window]).toEqual(slots.slice(2));
});

// mutant: chain-torn
test("what must go together is never torn: it goes with the next window, or is put back whole", () => {
  const table = new OperationTable(20, 20);
  const queue = new SubmissionQueue(table);
  const entries = Array.from({ length: 12 }, () => table.allocate(kind));
  const slots = entries.map(({ slot }) => slot);
  const linked = entries.slice(5, 9);
  const nothing = () => undefined;
  const host: ChainHost = {
    records: new Int32Array(12 << SUBMISSION_SHIFT),
    sendOff: nothing,
    launchChain: nothing,
    endings: { endQueued: nothing },
  };
  new Chain(host, linked).startLinked();
  for (const entry of entries) queue.push(entry);
  const window = new Int32Array(WINDOW);
  expect([...window.subarray(0, queue.fill(window, window.length))]).toEqual(slots.slice(0, 5));
  expect(queue.fill(window, window.length)).toBe(WINDOW);
  expect([...window]).toEqual(slots.slice(5));
  queue.putBack(window, 0, WINDOW);
  expect([...window.subarray(0, queue.fill(window, 4))]).toEqual(slots.slice(5, 9));
});

test("it grows far beyond its first size and wraps around many times", () => {
  const table = new OperationTable(20_000, 20_000);
  const queue = new SubmissionQueue(table);
  const window = new Int32Array(1000);
  let next = 0;
  let taken = 0;
  for (let round = 0; round < 15; round++) {
    for (let index = 0; index < 1300; index++) queue.push(table.allocate(kind));
    next += 1300;
    const filled = queue.fill(window, window.length);
    for (let index = 0; index < filled; index++) expect(window[index]).toBe(taken++);
  }
  expect(queue.length).toBe(next - taken);
});

// mutant: ended-places-kept
test("operations that end while they are queued leave no memory behind, however many come and go", () => {
  const table = new OperationTable(2000, 2000);
  const queue = new SubmissionQueue(table);
  const waiting = Array.from({ length: 1500 }, () => table.allocate(kind));
  for (const entry of waiting) queue.push(entry);
  for (let count = 0; count < 1_000_000; count++) {
    const entry = table.allocate(kind);
    queue.push(entry);
    entry.advance(EVENT.cancel);
    table.release(entry);
  }
  expect(queue.length).toBeLessThanOrEqual(4096);
  const window = new Int32Array(2000);
  const taken = [...window.subarray(0, queue.fill(window, window.length))];
  expect(taken).toEqual(waiting.map(({ slot }) => slot));
});

// mutant: slot-taken-for-operation
test("a slot that is used again is not taken for the operation that had it", () => {
  const table = new OperationTable(1, 1);
  const queue = new SubmissionQueue(table);
  const window = new Int32Array(4);
  const first = table.allocate(kind);
  queue.push(first);
  first.advance(EVENT.cancel);
  table.release(first);
  queue.push(table.allocate(kind));
  expect(queue.fill(window, window.length)).toBe(1);
  expect(queue.length).toBe(0);
});
