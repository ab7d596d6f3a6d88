/** Timers. */
import type { Backend } from "@baton-io/core";
import type { Clause } from "./case.js";
import { equal, ok, rejects, throws } from "./expect.js";

/** Timers that are canceled at once: few, and many times as many. */
const FEW = 500;
const MANY_TIMES = 24;
/** A simulated machine takes turns for each. */
const MANY_TIMES_SIMULATED = 4;
/** So many times as much may each of many cost: the square of their number would be `MANY_TIMES`. */
const COST_TIMES_MAX = 6;
/** The first of few pay for what is compiled meanwhile, which is more than many cost that are looked for in a list. */
const FEW_MEASUREMENTS = 4;
/** What else the machine does may spoil a measurement. */
const MEASUREMENTS_MAX = 4;

/** In which order timers are canceled that were started earliest first. */
const orders: Readonly<Record<string, <T>(timers: T[]) => T[]>> = {
  "earliest first": (timers) => timers,
  "latest first": (timers) => timers.reverse(),
  // 7919 is prime to their number.
  "in no order": (timers) => timers.map((_, index) => timers[(index * 7919) % timers.length]!),
};

/** Real milliseconds for each of so many timers to be canceled. */
async function cancelCostMs(io: Backend, count: number, order: <T>(timers: T[]) => T[]): Promise<number> {
  const timers = Array.from({ length: count }, (_, index) => {
    const timer = io.submit({ opcode: "timer", afterMs: 1_000_000 + index });
    timer.done.catch(() => undefined);
    return timer;
  });
  await io.batch([]);
  const startMs = performance.now();
  const answers = await Promise.all(order(timers).map((timer) => timer.cancel()));
  const passedMs = performance.now() - startMs;
  equal([...new Set(answers)].join(), "canceled", "the answers");
  return passedMs / count;
}

/** Timers that are pending when a backend closes. */
const TIMERS_AT_CLOSE = 3000;
/** What differences of large floating-point times are wrong by, milliseconds. */
const ROUNDING_MS = 1e-6;

export const timerClause: Clause = {
  id: "timer",
  title: "timers",
  needs: ["timer"],
  cases: [
    {
      id: "never-early",
      title: "a timer never fires early, not by a fraction of a millisecond",
      run: async ({ io, clock }) => {
        for (const afterMs of [0, 0.4, 1, 2.7, 5]) {
          const startMs = clock.nowMs();
          await io.sleep(afterMs);
          const passedMs = clock.nowMs() - startMs;
          ok(passedMs >= afterMs - ROUNDING_MS, `${afterMs} ms to have passed, not ${passedMs}`);
        }
      },
    },
    {
      id: "order",
      title: "timers fire in the order of their delays, whatever the order they were set in",
      calmOnly: true,
      run: async ({ io }) => {
        const order: number[] = [];
        const delays = [40, 5, 60, 20];
        await Promise.all(delays.map((afterMs) => io.sleep(afterMs).then(() => order.push(afterMs))));
        equal(order.join(), "5,20,40,60", "the order");
      },
    },
    {
      id: "bad-delay",
      title: "a delay that is none is ERR_OUT_OF_RANGE or ERR_INVALID_ARG_TYPE",
      run: async ({ io }) => {
        const timer = io.timer();
        for (const afterMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
          await rejects(io.sleep(afterMs), "ERR_OUT_OF_RANGE");
          await rejects(timer.start(afterMs), "ERR_OUT_OF_RANGE");
          await rejects(timer.every(afterMs).next(), "ERR_OUT_OF_RANGE");
        }
        await rejects(io.sleep("1" as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.sleep(1, { singal: undefined } as never), "ERR_UNKNOWN_OPTION");
        timer.close();
      },
    },
    {
      id: "restart",
      title: "starting a running timer again cancels the earlier start and measures anew",
      run: async ({ io }) => {
        await using timer = io.timer();
        equal(timer.running, false, "timer.running");
        const first = timer.start(60_000);
        equal(timer.running, true, "timer.running");
        const second = timer.start(1);
        await rejects(first, "ERR_OPERATION_CANCELED");
        await second;
        equal(timer.running, false, "timer.running after it fired");
        await timer.start(0);
      },
    },
    {
      id: "cancel",
      title: "a running timer can be canceled, one that does not run is not disturbed by it",
      run: async (context) => {
        await using timer = context.io.timer();
        timer.cancel();
        const running = timer.start(60_000);
        await context.flush();
        timer.cancel();
        timer.cancel();
        await rejects(running, "ERR_OPERATION_CANCELED");
      },
    },
    {
      id: "closed",
      title: "a closed timer cancels what runs, refuses a start, and is closed once",
      promise: "closing-is-orderly",
      run: async ({ io }) => {
        const timer = io.timer();
        const running = timer.start(60_000);
        timer.close();
        equal(timer.closed, true, "timer.closed");
        await rejects(running, "ERR_OPERATION_CANCELED");
        await rejects(timer.start(0), "ERR_RESOURCE_CLOSED");
        throws(() => timer.close(), "ERR_RESOURCE_CLOSED_TWICE");
        await timer[Symbol.asyncDispose]();
      },
    },
    {
      id: "every",
      title: "every() ticks at multiples of its interval from the start, and ends when the loop is left",
      run: async ({ io, clock }) => {
        await using timer = io.timer();
        const startMs = clock.nowMs();
        const ticks: number[] = [];
        for await (const tick of timer.every(2)) {
          ticks.push(tick);
          ok(clock.nowMs() - startMs >= tick * 2 - ROUNDING_MS, `tick ${tick} not to come early`);
          if (tick === 4) break;
        }
        equal(ticks.join(), "1,2,3,4", "the ticks");
        equal(timer.running, false, "timer.running after the loop");
      },
    },
    {
      id: "every-aborted",
      title: "a loop over every() is ended by its signal",
      run: async ({ io }) => {
        await using timer = io.timer();
        const controller = new AbortController();
        const loop = (async () => {
          for await (const tick of timer.every(1, { signal: controller.signal }))
            if (tick === 2) controller.abort("enough");
        })();
        await rejects(loop, "ABORT_ERR", { cause: "enough" });
      },
    },
    {
      id: "closing",
      title:
        "a backend that closes ends each of its timers, however many, in the order of their times, and confirms all",
      promise: "closing-is-orderly",
      calmOnly: true,
      mutants: ["timers-ended-in-any-order", "timers-not-ended-at-close"],
      run: async (context) => {
        const io = context.open({ operationsMax: TIMERS_AT_CLOSE * 2 });
        const ended: number[] = [];
        // Not in the order of their times: 7919 is prime to their number. A second apart, however long it takes to start them.
        const timers = Array.from({ length: TIMERS_AT_CLOSE }, async (_, index) => {
          const afterMs = 60_000 + ((index * 7919) % TIMERS_AT_CLOSE) * 1000;
          const code = await io.sleep(afterMs).catch((error: { code: string }) => error.code);
          ended.push(afterMs);
          return code;
        });
        await context.flush();
        const report = await io.close();
        equal(report.unconfirmedOperations, 0, "unconfirmedOperations");
        equal([...new Set(await Promise.all(timers))].join(), "ERR_BACKEND_CLOSED", "the codes of their errors");
        equal(
          ended.findIndex((afterMs, index) => index > 0 && afterMs < ended[index - 1]!),
          -1,
          "the first of the timers that ended out of order",
        );
      },
    },
    {
      id: "cancel-many",
      title: "canceling costs about as much for each of many timers as for each of few, in whatever order",
      calmOnly: true,
      mutants: ["libuv-looks-through-all-for-one"],
      run: async (context) => {
        const many = FEW * (context.subject.clock === undefined ? MANY_TIMES : MANY_TIMES_SIMULATED);
        const io = context.open({ operationsMax: many * 2 + FEW });
        for (const [name, order] of Object.entries(orders)) {
          const ratios: number[] = [];
          while (ratios.length < MEASUREMENTS_MAX && (ratios.at(-1) ?? Number.POSITIVE_INFINITY) > COST_TIMES_MAX) {
            const few: number[] = [];
            while (few.length < FEW_MEASUREMENTS) few.push(await cancelCostMs(io, FEW, order));
            ratios.push((await cancelCostMs(io, many, order)) / Math.min(...few));
          }
          ok(
            Math.min(...ratios) <= COST_TIMES_MAX,
            `as much for each of many, ${name}, not times ${ratios.join(", ")}`,
          );
        }
      },
    },
    {
      id: "many",
      title: "hundreds of timers fire, each once",
      run: async ({ io }) => {
        let fired = 0;
        await Promise.all(Array.from({ length: 500 }, (_, index) => io.sleep(index % 7).then(() => fired++)));
        equal(fired, 500, "the number of timers that fired");
      },
    },
  ],
};
