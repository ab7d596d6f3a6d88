/** Errors that are thrown where none may be: each fails its own operations, and nobody else's. */

import { describe, expect, test, vi } from "vitest";
import { createCounters } from "../src/base/counters.js";
import { BAD_RECORD } from "../src/base/errno.js";
import { createBackend } from "../src/index.js";
import { CompletionSink } from "../src/operation/completion.js";
import { EVENT } from "../src/operation/lifecycle.js";
import { defineKind } from "../src/operation/operation-kind.js";
import { OperationTable } from "../src/operation/operation-table.js";
import { COMPLETION_SHIFT, COMPLETION_WORD } from "../src/spi/record.js";
import { nullDriver } from "../src/testing/index.js";
import { collectUntil } from "./collect-garbage.js";
import { createHandDriver, flushed, handBackend } from "./sim/hand-driver.js";

const code = (expected: string) => expect.objectContaining({ code: expected });

/** A signal of somebody's own making, that throws wherever it is asked for something. */
function hostileSignal(): AbortSignal & { abort(): void } {
  let listener: (() => void) | undefined;
  const signal = {
    aborted: false,
    get reason(): never {
      throw new RangeError("trap");
    },
    addEventListener: (_type: string, given: () => void) => {
      listener = given;
    },
    removeEventListener: () => {
      throw new RangeError("trap");
    },
    abort: () => listener?.(),
  };
  return signal as never;
}

describe("a throw", () => {
  // mutant: submit-throw-gets-out
  test("of the driver's submit fails the operations of that call, whose buffers stay away, and no others", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const bug = new Error("a bug");
    hand.accept = () => {
      throw bug;
    };
    const lost = [io.nop(), io.nop()];
    for (const one of lost) await expect(one).rejects.toMatchObject({ code: "ERR_DRIVER_FAULT", cause: bug });
    expect(io.inspect().counters.faults).toBe(2);
    expect(io.inspect().orphans.inFlight).toBe(2);
    hand.accept = (offered) => offered.length;
    const nop = io.nop();
    await flushed();
    hand.complete(hand.last("nop"), 0);
    await nop;
  });

  // mutant: bad-record-taken-for-errno
  test("is no answer to a record that the driver refuses: that has a code of its own", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const nop = io.nop();
    await flushed();
    hand.complete(hand.last("nop"), BAD_RECORD);
    await expect(nop).rejects.toMatchObject({ code: "ERR_INVALID_RECORD", syscall: "nop" });
    expect(io.inspect()).toMatchObject({ passedOver: 0, counters: { failed: 1, faults: 0 } });
  });

  // mutant: sink-throw-loses-the-rest
  test("while one completion is handled leaves the completions behind it to be handled", () => {
    const table = new OperationTable(3, 3);
    const entries = [0, 1, 2].map(() => table.allocate(defineKind("nop", {})));
    const completions = new ArrayBuffer(64);
    const words = new Int32Array(completions);
    for (const [index, entry] of entries.entries()) {
      entry.advance(EVENT.submit);
      words[(index << COMPLETION_SHIFT) + COMPLETION_WORD.slot] = entry.slot;
      words[(index << COMPLETION_SHIFT) + COMPLETION_WORD.generation] = entry.generation;
    }
    const final = vi.fn((entry: unknown) => {
      if (entry === entries[1]) throw new Error("a bug");
    });
    const faulted = vi.fn();
    new CompletionSink(completions, table, { final, more: vi.fn(), stale: vi.fn(), faulted }, createCounters()).process(
      3,
    );
    expect(final).toHaveBeenCalledTimes(3);
    expect(faulted).toHaveBeenCalledExactlyOnceWith(entries[1], entries[1]!.generation, expect.any(Error));
  });

  // mutant: hostile-signal-stops-the-rest
  test("of a signal that is let go of, or asked for its reason, changes nothing for its operation and for others", async () => {
    await using io = createBackend({ driver: nullDriver() });
    const signal = hostileSignal();
    await Promise.all([io.nop(), io.batch([{ opcode: "nop", signal }, { opcode: "nop" }]), io.nop()]);
    const aborted = io.submit({ opcode: "nop", signal });
    signal.abort();
    await expect(aborted.done).rejects.toMatchObject({ code: "ABORT_ERR", cause: new RangeError("trap") });
    expect(io.inspect().operations).toEqual([]);
    expect(io.inspect().counters.faults).toBe(0);
  });

  test("is not risked with a signal that cannot be let go of: it is refused", async () => {
    await using io = createBackend({ driver: nullDriver() });
    const signal = { aborted: false, addEventListener: () => undefined };
    expect(() => io.submit({ opcode: "nop", signal: signal as never })).toThrow(code("ERR_INVALID_ARG_TYPE"));
  });

  // mutant: listener-throws-out
  test("of onLeak is counted, and what had leaked is taken care of all the same", async () => {
    await using io = createBackend({
      driver: nullDriver(),
      onLeak: () => {
        throw new Error("a bug of the program's");
      },
    });
    (() => void io.buffers.take(64))();
    expect(await collectUntil(() => io.inspect().counters.listenersFailed === 1)).toBe(true);
    expect(await collectUntil(() => io.inspect().buffers.out === 0)).toBe(true);
  });

  test("of a list of requests comes before any of them is submitted", async () => {
    await using io = createBackend({ driver: nullDriver() });
    const list = new Proxy([{ opcode: "nop" }, { opcode: "nop" }] as const, {
      get: (target, name, receiver) => {
        if (name === "1") throw new RangeError("trap");
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
    await expect(io.batch(list as never)).rejects.toThrow("trap");
    await expect(io.chain(list as never)).rejects.toThrow("trap");
    expect(io.inspect().counters.submitted).toBe(0);
  });

  // mutant: unstarted-end-is-lost
  test("or any code of the caller's that ends an operation while it is being made does end it", async () => {
    await using io = createBackend({ driver: nullDriver() });
    const signal = {
      aborted: false,
      reason: "at once",
      addEventListener: (_type: string, listener: () => void) => listener(),
      removeEventListener: () => undefined,
    };
    await expect(io.submit({ opcode: "nop", signal: signal as never }).done).rejects.toThrow(code("ABORT_ERR"));
    const controller = new AbortController();
    const second = {
      opcode: "nop" as const,
      get timeoutMs(): undefined {
        controller.abort();
        return undefined;
      },
    };
    const [first, behind] = await io.chain([{ opcode: "nop", signal: controller.signal }, second as never]);
    expect(first).toMatchObject({ status: "rejected", reason: { code: "ABORT_ERR" } });
    expect(behind).toMatchObject({ status: "rejected", reason: { code: "ERR_CHAIN_BROKEN" } });
    expect(io.inspect().operations).toEqual([]);
  });
});
