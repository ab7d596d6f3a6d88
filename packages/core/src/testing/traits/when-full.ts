/** When the backend is full: every operation waits for room; and where none may wait it is refused, and lends nothing. */

import type { Backend } from "@baton-io/core";
import type { Clause } from "../conformance/case.js";
import type { CaseContext } from "../conformance/context.js";
import { equal, rejects } from "../conformance/expect.js";
import { carriedBy, expectHome } from "./home.js";
import { defineTrait, type TraitCase } from "./trait.js";

const OPERATIONS_MAX = 8;

/** Takes all the room there is; what this returns gives it back. */
async function fill(context: CaseContext): Promise<() => Promise<void>> {
  const { io } = context;
  // A listener may keep an accept in flight: the rest is for the timers.
  const timers = Array.from({ length: OPERATIONS_MAX - io.inspect().admission.inFlight }, () =>
    io.submit({ opcode: "timer", afterMs: 60_000 }),
  );
  const ended = timers.map(({ done }) => done.catch(() => undefined));
  expectFull(io);
  return async () => {
    await Promise.all([...timers.map((timer) => timer.cancel()), ...ended]);
  };
}

function expectFull(io: Backend): void {
  equal(io.inspect().admission.inFlight, OPERATIONS_MAX, "the number of operations in flight");
}

const waiting: readonly TraitCase[] = [
  {
    id: "waits",
    title: "with operationsMax in flight it waits with its buffer lent, and ends well once there is room",
    promise: "full-is-back-pressure",
    needs: ["timer"],
    applies: ({ finishes }) => finishes,
    run: async (context, stage) => {
      const makeRoom = await fill(context);
      const pending = stage.call();
      await context.flush();
      expectFull(context.io);
      for (const buffer of carriedBy(stage)) equal(buffer.state, "lent", "the state of the buffer");
      await makeRoom();
      await stage.finish();
      await stage.check(await pending);
    },
  },
  {
    id: "ends-early",
    title: "while it waits for room an abort, and its time, end it at once, with its buffer home",
    promise: "cancel-has-one-contract",
    needs: ["timer"],
    applies: ({ takesOptions }) => takesOptions,
    run: async (context, stage) => {
      const makeRoom = await fill(context);
      const controller = new AbortController();
      const aborted = rejects(stage.call({ signal: controller.signal }), "ABORT_ERR");
      controller.abort();
      await aborted;
      expectHome(stage);
      await rejects(stage.call({ timeoutMs: 1 }), "ERR_TIMEOUT");
      expectHome(stage);
      expectFull(context.io);
      equal(context.io.inspect().admission.waiting, 0, "the number of operations that wait");
      await makeRoom();
    },
  },
];

const refused: readonly TraitCase[] = [
  {
    id: "limit",
    title: "where none may wait it is ERR_OPERATION_LIMIT, lends nothing, and works once there is room",
    promise: "full-is-back-pressure",
    needs: ["timer"],
    applies: ({ finishes }) => finishes,
    run: async (context, stage) => {
      const makeRoom = await fill(context);
      await rejects(stage.call(), "ERR_OPERATION_LIMIT");
      expectHome(stage);
      expectFull(context.io);
      await makeRoom();
      const pending = stage.call();
      await stage.finish();
      await stage.check(await pending);
    },
  },
];

/** The cases of a trait on a backend of its own, on which `operationsWaitingMax` may wait. */
function onSmallBackend(clauses: readonly Clause[], operationsWaitingMax: number): readonly Clause[] {
  return clauses.map((clause) => ({
    ...clause,
    cases: clause.cases.map((one) => ({
      ...one,
      run: (context) => {
        context.open({ operationsMax: OPERATIONS_MAX, operationsWaitingMax });
        return one.run(context);
      },
    })),
  }));
}

export const whenFull: readonly Clause[] = [
  ...onSmallBackend(defineTrait("when-full", waiting), 100),
  ...onSmallBackend(defineTrait("when-none-waits", refused), 0),
];
