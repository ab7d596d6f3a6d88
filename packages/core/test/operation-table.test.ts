import { describe, expect, test } from "vitest";
import { EVENT, STATE } from "../src/operation/lifecycle.js";
import { defineKind } from "../src/operation/operation-kind.js";
import { OperationTable } from "../src/operation/operation-table.js";
import { GENERATION_MAX, operationId, SLOT_COUNT_MAX } from "../src/spi/record.js";

const kind = defineKind("nop", {});

function end(table: OperationTable, entry: ReturnType<OperationTable["allocate"]>): void {
  entry.advance(EVENT.submit);
  entry.advance(EVENT.final);
  table.release(entry);
}

describe("the operation table", () => {
  test("gives out slots from 0 on, and reuses a slot before it adds one", () => {
    const table = new OperationTable(4, 8);
    const [first, second] = [table.allocate(kind), table.allocate(kind)];
    expect([first.slot, second.slot]).toEqual([0, 1]);
    end(table, first);
    expect(table.allocate(kind)).toBe(first);
    expect(table.entries).toHaveLength(2);
  });

  // mutant: generation-not-changed
  test("changes the generation with every release, so that an old identity finds nobody", () => {
    const table = new OperationTable(1, 1);
    const ids = new Set<number>();
    for (let round = 0; round < 100; round++) {
      const entry = table.allocate(kind);
      const { slot, generation, id } = entry;
      ids.add(id);
      expect(table.find(slot, generation)).toBe(entry);
      end(table, entry);
      expect(table.find(slot, generation)).toBeUndefined();
    }
    expect(ids.size).toBe(100);
  });

  test("starts generations again after the largest", () => {
    const table = new OperationTable(1, 1);
    const entry = table.allocate(kind);
    entry.generation = GENERATION_MAX;
    end(table, entry);
    expect(table.allocate(kind).generation).toBe(1);
  });

  test("ids stay exact up to the largest slot and generation", () => {
    const largest = operationId(SLOT_COUNT_MAX - 1, GENERATION_MAX);
    expect(Number.isSafeInteger(largest)).toBe(true);
    expect(operationId(SLOT_COUNT_MAX - 2, GENERATION_MAX)).toBe(largest - 1);
    expect(operationId(0, 1)).not.toBe(operationId(1, 0));
  });

  // mutant: limit-off-by-one
  test("keeps the reserve from callers, and gives cancels nothing beyond it", () => {
    const table = new OperationTable(2, 3);
    table.allocate(kind);
    table.allocate(kind);
    expect(() => table.allocate(kind)).toThrow(expect.objectContaining({ code: "ERR_OPERATION_LIMIT" }));
    expect(table.allocateReserved(kind)).toBeDefined();
    expect(table.allocateReserved(kind)).toBeUndefined();
    expect(table.inUse).toBe(3);
  });

  test("a released slot remembers nothing of its operation", () => {
    const table = new OperationTable(1, 1);
    const entry = table.allocate(kind);
    const fresh = new OperationTable(1, 1).allocate(kind);
    Object.assign(entry, {
      subject: {},
      progress: 5,
      whole: true,
      held: true,
      areaBytes: 9,
      movesPosition: true,
      againDelayMs: 3,
      startedAtMs: 7,
      extras: {},
      resolve: () => undefined,
      reject: () => undefined,
    });
    end(table, entry);
    const again = table.allocate(kind);
    for (const key of Object.keys(fresh) as (keyof typeof fresh)[]) {
      if (key !== "generation") expect(again[key], key).toBe(fresh[key]);
    }
  });

  test("an illegal step is ERR_DRIVER_FAULT, names the operation and changes nothing", () => {
    const table = new OperationTable(1, 1);
    const entry = table.allocate(kind);
    entry.advance(EVENT.submit);
    entry.advance(EVENT.final);
    // A driver that completes twice.
    expect(() => entry.advance(EVENT.final)).toThrow(
      expect.objectContaining({
        code: "ERR_DRIVER_FAULT",
        message: expect.stringContaining(`Operation ${entry.id} (nop)`),
      }),
    );
    expect(entry.state).toBe(STATE.completed);
  });
});
