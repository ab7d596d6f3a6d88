/** When the backend is full: every operation is refused with one code, lends nothing, and works again afterwards. */

import type { Clause } from "../conformance/case.js";
import { equal, rejects } from "../conformance/expect.js";
import { expectHome } from "./home.js";
import { defineTrait } from "./trait.js";

const OPERATIONS_MAX = 8;

export const whenFull: readonly Clause[] = defineTrait("when-full", [
  {
    id: "limit",
    title: "with operationsMax in flight it is ERR_OPERATION_LIMIT, lends nothing, and works once there is room",
    promise: "P11",
    needs: ["timer"],
    applies: ({ finishes }) => finishes,
    run: async (context, stage) => {
      const { io } = context;
      // A listener may keep an accept in flight: the rest is for the timers.
      const room = OPERATIONS_MAX - io.inspect().operations.length;
      const timers = Array.from({ length: room }, () => io.submit({ opcode: "timer", afterMs: 60_000 }));
      const ended = timers.map(({ done }) => done.catch(() => undefined));
      await rejects(stage.call(), "ERR_OPERATION_LIMIT");
      expectHome(stage);
      equal(io.inspect().operations.length, OPERATIONS_MAX, "the number of operations in flight");
      await Promise.all([...timers.map((timer) => timer.cancel()), ...ended]);
      const pending = stage.call();
      await stage.finish();
      await stage.check(await pending);
    },
  },
]).map((clause) => ({
  ...clause,
  cases: clause.cases.map((one) => ({
    ...one,
    run: (context) => {
      context.open({ operationsMax: OPERATIONS_MAX });
      return one.run(context);
    },
  })),
}));
