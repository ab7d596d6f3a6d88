import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry } from "../src/operation/entry.js";
import { Lane } from "../src/operation/lane.js";
import type { LaneHost } from "../src/operation/lane-host.js";
import { EVENT } from "../src/operation/lifecycle.js";
import { defineKind } from "../src/operation/operation-kind.js";
import { OperationTable } from "../src/operation/operation-table.js";

const kind = defineKind("receive", {});

/** A lane whose operations a test ends by hand; `memory` is what each carries. */
function handLane() {
  const table = new OperationTable(1000, 1000);
  const launched: Entry[] = [];
  const ended = new Map<Entry, number | Uint8Array>();
  const memory = new Map<Entry, Uint8Array>();
  const finish = (entry: Entry, how: number | Uint8Array) => {
    ended.set(entry, how);
    entry.advance(EVENT.final);
    lane.leave(entry);
  };
  const host: LaneHost = {
    launchInTurn: (entry) => launched.push(entry),
    settleLocally: finish,
    settleWithBytes: finish,
    memoryOf: (entry) => [memory.get(entry)!],
    join: () => undefined,
  };
  const lane = new Lane(host);
  return {
    lane,
    launched,
    ended,
    memory,
    /** Asks for an operation that carries `length` bytes, or none. */
    enter: (length?: number) => {
      const entry = table.allocate(kind);
      if (length !== undefined) {
        memory.set(entry, new Uint8Array(length));
        // All that a lane looks at.
        entry.buffer = {} as never;
        entry.lendEnd = length;
      }
      lane.enter(entry);
      return entry;
    },
    /** The driver ends the operation it has. */
    end: (entry: Entry) => {
      entry.advance(EVENT.submit);
      finish(entry, 0);
    },
    /** It is canceled while it waits. */
    cancel: (entry: Entry) => {
      entry.advance(EVENT.cancel);
      lane.leave(entry);
    },
  };
}

describe("a lane", () => {
  // mutant: lane-not-serial
  test("has one operation with the driver at a time, in the order they were asked for", () => {
    const { enter, end, launched, lane } = handLane();
    const entries = [enter(4), enter(4), enter(4)];
    expect(launched).toEqual([entries[0]]);
    expect(lane.isFree).toBe(false);
    end(entries[0]!);
    expect(launched).toEqual(entries.slice(0, 2));
    end(entries[1]!);
    end(entries[2]!);
    expect(launched).toEqual(entries);
    expect(lane.isFree).toBe(true);
  });

  test("passes over those that were canceled while they waited", () => {
    const { enter, end, cancel, launched } = handLane();
    const entries = [enter(4), enter(4), enter(4)];
    cancel(entries[1]!);
    end(entries[0]!);
    expect(launched).toEqual([entries[0], entries[2]]);
  });

  // mutant: salvaged-rest-is-dropped
  test("gives kept bytes to the next operation, without the driver, before anything new is received", () => {
    const { lane, enter, launched, ended, memory } = handLane();
    lane.salvageBytes(Uint8Array.of(1, 2, 3, 4, 5));
    const [first, second] = [enter(3), enter(10)];
    expect(launched).toEqual([]);
    expect([ended.get(first!), ended.get(second!)]).toEqual([3, 2]);
    expect([...memory.get(first!)!]).toEqual([1, 2, 3]);
    expect([...memory.get(second!)!.subarray(0, 2)]).toEqual([4, 5]);
    const third = enter(1);
    expect(launched).toEqual([third]);
  });

  test("gives kept bytes to an operation without a buffer as they were kept", () => {
    const { lane, enter, ended } = handLane();
    lane.salvageBytes(Uint8Array.of(1, 2));
    lane.salvageBytes(Uint8Array.of(3));
    expect([ended.get(enter()), ended.get(enter())]).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect(lane.salvagedBytes).toBe(0);
  });

  test("ends an operation of no bytes when its turn comes, and takes nothing for it", () => {
    const { lane, enter, end, ended, launched } = handLane();
    const first = enter(4);
    const empty = enter(0);
    expect(ended.has(empty)).toBe(false);
    lane.salvageBytes(Uint8Array.of(9));
    end(first);
    expect(ended.get(empty)).toBe(0);
    expect(launched).toEqual([first]);
    expect(lane.salvagedBytes).toBe(1);
  });

  test("gives out exactly the bytes that were kept, in order, whatever the sizes", () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(chunks, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 50 }), (kept, sizes) => {
        const { lane, enter, ended, memory } = handLane();
        for (const chunk of kept) lane.salvageBytes(chunk);
        const all = kept.flatMap((chunk) => [...chunk]);
        expect(lane.salvagedBytes).toBe(all.length);
        const got: number[] = [];
        for (const size of sizes) {
          if (lane.salvagedBytes === 0) break;
          const entry = enter(size);
          const count = ended.get(entry);
          expect(count).toBe(Math.min(size, all.length - got.length));
          got.push(...memory.get(entry)!.subarray(0, Number(count)));
        }
        expect(got).toEqual(all.slice(0, got.length));
        expect(lane.salvagedBytes).toBe(all.length - got.length);
      }),
    );
  });

  test("keeps a copy: the buffer that the bytes came in goes home", () => {
    const { lane, enter, memory } = handLane();
    const entry = enter(4);
    memory.get(entry)!.set([1, 2, 3, 4]);
    lane.salvage(entry, 3);
    memory.get(entry)!.fill(0);
    expect(lane.salvagedBytes).toBe(3);
    lane.leave(entry);
    const next = enter(4);
    expect([...memory.get(next)!]).toEqual([1, 2, 3, 0]);
  });
});
