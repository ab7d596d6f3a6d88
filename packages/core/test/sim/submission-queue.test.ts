import { describe, expect, it } from "vitest";
import type { Entry } from "../../src/operation/entry.js";
import { EVENT } from "../../src/operation/lifecycle.js";
import { defineKind } from "../../src/operation/operation-kind.js";
import { OperationTable } from "../../src/operation/operation-table.js";
import { SubmissionQueue } from "../../src/operation/submission-queue.js";

const kind = defineKind("nop", {});

function createQueue(slots = 4096): { queue: SubmissionQueue; entries: Entry[] } {
  const table = new OperationTable(slots, slots);
  const entries = Array.from({ length: slots }, () => table.allocate(kind));
  return { queue: new SubmissionQueue(table), entries };
}

function taken(queue: SubmissionQueue, length: number): number[] {
  const window = new Int32Array(length);
  return [...window.subarray(0, queue.fill(window, window.length))];
}

describe("the submission queue", () => {
  it("gives cancels first, then what is urgent, then the rest in order", () => {
    const { queue, entries } = createQueue();
    queue.push(entries[1]!);
    queue.pushUrgent(entries[2]!);
    queue.pushCancel(entries[3]!);
    queue.push(entries[4]!);
    queue.pushCancel(entries[5]!);
    expect(taken(queue, 3)).toEqual([3, 5, 2]);
    expect(taken(queue, 3)).toEqual([1, 4]);
  });

  it("keeps everything that was refused, in order, also when it has no room for it at first", () => {
    const { queue, entries } = createQueue();
    for (let slot = 0; slot < 1024; slot++) queue.push(entries[slot]!);
    for (let slot = 2000; slot < 2010; slot++) queue.pushQuiet(entries[slot]!);
    const window = new Int32Array(20);
    expect(queue.fill(window, window.length)).toBe(20);
    // The ring of 1024 places has 10 free ones, and 20 come back.
    queue.putBack(window, 0, 20);
    const expected = [...Array.from({ length: 10 }, (_, index) => 2000 + index), ...Array(1024).keys()];
    expect(taken(queue, 2000)).toEqual(expected);
  });

  it("lets go of operations that ended while they were queued, urgent ones too", () => {
    const { queue, entries } = createQueue();
    queue.push(entries[1]!);
    queue.push(entries[2]!);
    queue.pushUrgent(entries[3]!);
    entries[1]!.advance(EVENT.cancel);
    entries[3]!.advance(EVENT.cancel);
    expect(taken(queue, 10)).toEqual([2]);
    expect(queue.length).toBe(0);
  });

  // mutant: quiet-line-takes-all
  it("gives quiet ones half of each fill while others wait, and all of it otherwise", () => {
    const { queue, entries } = createQueue();
    for (let slot = 0; slot < 6; slot++) queue.push(entries[slot]!);
    for (let slot = 100; slot < 110; slot++) queue.pushQuiet(entries[slot]!);
    entries[101]!.advance(EVENT.cancel);
    expect(queue.length).toBe(16);
    expect(taken(queue, 4)).toEqual([100, 102, 0, 1]);
    const window = new Int32Array(4);
    expect(queue.fill(window, 4)).toBe(4);
    expect([...window]).toEqual([103, 104, 2, 3]);
    queue.putBack(window, 1, 4);
    expect(taken(queue, 8)).toEqual([105, 106, 107, 108, 104, 2, 3, 4]);
    expect(taken(queue, 4)).toEqual([109, 5]);
    expect(queue.length).toBe(0);
  });
});
