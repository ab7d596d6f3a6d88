import fc from "fast-check";
import { expect, test } from "vitest";
import { EVENT, STATE } from "../src/lifecycle.js";
import { defineKind } from "../src/operation-kind.js";
import { OperationTable } from "../src/operation-table.js";
import { SubmissionQueue } from "../src/submission-queue.js";

const kind = defineKind("nop", {});
const WINDOW = 7;

/** What can be done to the queue; numbers say how many, or which. */
const actions = fc.oneof(
  fc.record({ do: fc.constant("push" as const), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ do: fc.constant("cancel" as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant("urgent" as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant("end" as const), count: fc.integer({ min: 0, max: 1000 }) }),
  fc.record({ do: fc.constant("take" as const), count: fc.integer({ min: 0, max: WINDOW }) }),
);

// mutant: put-back-reversed
test("it is a queue with two fast lanes, whatever is pushed, taken, put back and ended meanwhile", () => {
  fc.assert(
    fc.property(fc.array(actions, { maxLength: 200 }), (steps) => {
      const table = new OperationTable(100_000, 100_000);
      const freed: number[] = [];
      const queue = new SubmissionQueue(table, (entry) => freed.push(entry.slot));
      const model: Record<"cancels" | "urgent" | "rest", number[]> = { cancels: [], urgent: [], rest: [] };
      const ended = new Set<number>();
      const window = new Int32Array(WINDOW);
      for (const { do: what, count } of steps) {
        const slots = () => Array.from({ length: count }, () => table.allocate(kind).slot);
        if (what === "push") for (const slot of slots()) model.rest.push(slot) && queue.push(slot);
        if (what === "cancel") for (const slot of slots()) model.cancels.push(slot) && queue.pushCancel(slot);
        if (what === "urgent") for (const slot of slots()) model.urgent.push(slot) && queue.pushUrgent(slot);
        if (what === "end") {
          const waiting = [...model.cancels, ...model.urgent, ...model.rest].filter((slot) => !ended.has(slot));
          const slot = waiting[count % Math.max(1, waiting.length)];
          if (slot !== undefined) {
            table.entries[slot]!.advance(EVENT.cancel);
            ended.add(slot);
          }
        }
        if (what === "take") {
          const filled = queue.fill(window);
          const lanes = [model.cancels, model.urgent, model.rest];
          const expected = lanes.flat().filter((slot) => !ended.has(slot));
          // Those that ended may leave gaps at the end of a window, never within it.
          expect([...window.subarray(0, filled)]).toEqual(expected.slice(0, filled));
          if (filled === 0 && ended.size === 0) expect(expected).toEqual([]);
          const moved = new Set(window.subarray(0, filled));
          for (const lane of lanes) {
            lane.splice(0, Number.POSITIVE_INFINITY, ...lane.filter((slot) => !moved.has(slot) && !ended.has(slot)));
          }
          const accepted = Math.min(count, filled);
          queue.putBack(window, accepted, filled);
          model.rest.unshift(...window.subarray(accepted, filled));
        }
        // Tombstones that stand before the window's end have been freed, each once.
        expect(new Set(freed).size).toBe(freed.length);
        expect(queue.length).toBeGreaterThanOrEqual(
          [...model.cancels, ...model.urgent, ...model.rest].filter((slot) => !ended.has(slot)).length,
        );
      }
      const rest: number[] = [];
      const everything = new Int32Array(100_000);
      while (queue.length > 0) rest.push(...everything.subarray(0, queue.fill(everything)));
      const left = [...model.cancels, ...model.urgent, ...model.rest].filter((slot) => !ended.has(slot));
      expect(rest).toEqual(left);
      expect(queue.length).toBe(0);
      expect(freed.every((slot) => table.entries[slot]!.state === STATE.completed)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("a tombstone among the cancels lets nothing overtake the cancels behind it", () => {
  const table = new OperationTable(20, 20);
  const queue = new SubmissionQueue(table, () => undefined);
  const slots = Array.from({ length: 9 }, () => table.allocate(kind).slot);
  queue.push(slots[0]!);
  for (const slot of slots.slice(1)) queue.pushCancel(slot);
  table.entries[slots[1]!]!.advance(EVENT.cancel);
  const window = new Int32Array(WINDOW);
  expect(queue.fill(window)).toBe(WINDOW);
  expect([...window]).toEqual(slots.slice(2));
});

// mutant: chain-torn
test("what must go together is never torn: it goes with the next window, or is put back whole", () => {
  const table = new OperationTable(20, 20);
  const queue = new SubmissionQueue(table, () => expect.unreachable());
  const slots = Array.from({ length: 12 }, () => table.allocate(kind).slot);
  table.entries[slots[5]!]!.togetherCount = 4;
  for (const slot of slots) queue.push(slot);
  const window = new Int32Array(WINDOW);
  expect([...window.subarray(0, queue.fill(window))]).toEqual(slots.slice(0, 5));
  expect(queue.fill(window)).toBe(WINDOW);
  expect([...window]).toEqual(slots.slice(5));
  queue.putBack(window, 0, WINDOW);
  expect([...window.subarray(0, queue.fill(window.subarray(0, 4)))]).toEqual(slots.slice(5, 9));
});

test("it grows far beyond its first size and wraps around many times", () => {
  const table = new OperationTable(20_000, 20_000);
  const queue = new SubmissionQueue(table, () => expect.unreachable());
  const window = new Int32Array(1000);
  let next = 0;
  let taken = 0;
  for (let round = 0; round < 15; round++) {
    for (let index = 0; index < 1300; index++) queue.push(table.allocate(kind).slot);
    next += 1300;
    const filled = queue.fill(window);
    for (let index = 0; index < filled; index++) expect(window[index]).toBe(taken++);
  }
  expect(queue.length).toBe(next - taken);
});
