/** Exactly one end for each operation, and an identity that outlives its slot. */
import type { Operation } from "@baton-io/core";
import { SLOT_COUNT_MAX } from "@baton-io/core/driver";
import type { Clause } from "./case.js";
import { equal, ok, rejects } from "./expect.js";

/** A signal that counts who listens to it. */
function countingSignal(): { signal: AbortSignal; listeners(): number } {
  const { signal } = new AbortController();
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...given: Parameters<typeof add>) => {
    count++;
    add(...given);
  };
  signal.removeEventListener = (...given: Parameters<typeof remove>) => {
    count--;
    remove(...given);
  };
  return { signal, listeners: () => count };
}

export const onceClause: Clause = {
  id: "once",
  title: "exactly one end",
  promise: "ends-once",
  needs: ["nop"],
  cases: [
    {
      id: "many-in-one-tick",
      title: "thousands of operations asked for in one tick settle once each",
      run: async ({ io }) => {
        let settled = 0;
        const count = 5000;
        await Promise.all(Array.from({ length: count }, () => io.nop().then(() => settled++)));
        equal(settled, count, "the number of settlements");
        const { counters } = io.inspect();
        equal(counters.submitted, count, "the number of operations submitted");
        equal(counters.completed, count, "the number of operations completed");
      },
    },
    {
      id: "one-after-the-other",
      title: "operations asked for one after the other, each in the continuation of the last, all settle",
      run: async ({ io }) => {
        for (let round = 0; round < 3000; round++) await io.nop();
        equal(io.inspect().counters.completed, 3000, "the number of operations completed");
      },
    },
    {
      id: "ids-are-unique",
      mutants: ["generation-not-changed"],
      title: "no two operations have the same id, though their slots are reused",
      run: async ({ io }) => {
        const ids = new Set<number>();
        const slots = new Set<number>();
        for (let round = 0; round < 50; round++) {
          const operations = Array.from({ length: 20 }, () => io.submit({ opcode: "nop" }));
          for (const { id } of operations) {
            ids.add(id);
            slots.add(id % SLOT_COUNT_MAX);
          }
          await Promise.all(operations.map(({ done }) => done));
        }
        equal(ids.size, 1000, "the number of different ids");
        ok(slots.size < 1000, "slots to be reused");
      },
    },
    {
      id: "late-cancel",
      mutants: ["ended-operation-still-canceled"],
      title: "a cancel of an operation that has ended cannot reach the one that has its slot now",
      needs: ["timer"],
      run: async ({ io }) => {
        const first = io.submit({ opcode: "nop" });
        await first.done;
        const second = io.submit({ opcode: "timer", afterMs: 60_000 });
        equal(second.id % SLOT_COUNT_MAX, first.id % SLOT_COUNT_MAX, "the slot of the second operation");
        equal(await first.cancel(), "too-late", "the answer to the late cancel");
        first.abandon();
        ok(second.state === "queued" || second.state === "submitted", "the second operation to be in flight");
        equal(second.outcome, "pending", "the outcome of the second operation");
        equal(await second.cancel(), "canceled", "the answer to its own cancel");
        await rejects(second.done, "ERR_OPERATION_CANCELED");
      },
    },
    {
      id: "cancels-among-them",
      title: "with every third one canceled at some moment, each operation still settles exactly once",
      needs: ["timer"],
      promise: "ends-once",
      run: async (context) => {
        const { io } = context;
        const settlements = new Map<number, number>();
        const operations: Operation<unknown>[] = [];
        for (let index = 0; index < 300; index++) {
          const long = index % 3 === 0;
          const operation = io.submit({ opcode: "timer", afterMs: long ? 60_000 : index % 5 });
          const count = () => settlements.set(operation.id, (settlements.get(operation.id) ?? 0) + 1);
          operation.done.then(count, count);
          operations.push(operation);
          if (long && index % 2 === 0) void operation.cancel();
          if (index % 50 === 0) await context.turn();
        }
        for (const [index, operation] of operations.entries()) if (index % 3 === 0) void operation.cancel();
        await Promise.allSettled(operations.map(({ done }) => done));
        await context.turn();
        equal(settlements.size, 300, "the number of operations that settled");
        ok(
          [...settlements.values()].every((times) => times === 1),
          "each to settle once",
        );
      },
    },
    {
      id: "lets-go-of-its-signal",
      mutants: ["listens-for-ever"],
      title: "an operation that has ended no longer listens to its signal",
      needs: ["timer"],
      run: async ({ io }) => {
        const { signal, listeners } = countingSignal();
        await io.sleep(0, { signal });
        await Promise.all(Array.from({ length: 20 }, () => io.submit({ opcode: "nop", signal, timeoutMs: 1000 }).done));
        const canceled = io.submit({ opcode: "timer", afterMs: 60_000, signal });
        await canceled.cancel();
        await rejects(canceled.done, "ERR_OPERATION_CANCELED");
        equal(listeners(), 0, "the number of listeners left on the signal");
      },
    },
    {
      id: "one-signal-for-many",
      title: "one signal ends all operations that were given it, each once",
      needs: ["timer"],
      run: async (context) => {
        const controller = new AbortController();
        const sleeps = Array.from({ length: 100 }, () => context.io.sleep(60_000, { signal: controller.signal }));
        const codes = sleeps.map((sleep) => rejects(sleep, "ABORT_ERR", { cause: "all of you" }));
        await context.flush();
        controller.abort("all of you");
        equal((await Promise.all(codes)).length, 100, "the number of rejections");
      },
    },
  ],
};
