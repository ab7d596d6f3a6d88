/** Fairness: whoever awaits one operation after the other lets everybody else have a turn. */
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, ok, rejects } from "./expect.js";

/** Rounds after which something that lets nobody else have a turn is found out. */
const ROUNDS_MAX = 200_000;
/** The same where each takes a good part of a millisecond. */
const SLOW_ROUNDS_MAX = 10_000;

/** Awaits `round` again and again, until the event loop has turned: it must. */
async function goesOn(context: CaseContext, round: () => Promise<unknown>, roundsMax = ROUNDS_MAX): Promise<void> {
  let turned = false;
  const turns = context.turn(2).then(() => {
    turned = true;
  });
  for (let rounds = 0; !turned; rounds++) {
    ok(rounds < roundsMax, "the event loop to turn meanwhile");
    await round();
  }
  await turns;
}

export const fairnessClause: Clause = {
  id: "fairness",
  title: "nobody starves",
  needs: ["nop"],
  cases: [
    {
      id: "timers-go-on",
      title:
        "while operations that complete at once stream without end, timers and other turns of the event loop go on",
      run: async (context) => {
        let turns = 0;
        let stop = false;
        const stream = async () => {
          while (!stop) await context.io.nop();
        };
        const streams = [stream(), stream(), stream()];
        const timer = context.after(3);
        while (turns < 3) {
          await context.turn();
          turns++;
        }
        await timer;
        stop = true;
        await Promise.all(streams);
        equal(turns, 3, "the number of turns");
      },
    },
    {
      id: "batches-go-on",
      mutants: ["batch-spends-nothing"],
      title: "so they do between batches, chains and refusals that are awaited one after the other",
      run: async (context) => {
        const { io } = context;
        await goesOn(context, () => io.batch([{ opcode: "nop" }]));
        await goesOn(context, () => io.batch([]));
        await goesOn(context, () => io.batch([{ opcode: "none" } as never]));
        await goesOn(context, () => io.chain([{ opcode: "nop" }, { opcode: "nop" }]));
        await goesOn(context, () => rejects(io.chain([]), "ERR_OUT_OF_RANGE"));
      },
    },
    {
      id: "early-ends-go-on",
      mutants: ["early-ends-at-once"],
      title: "so they do between operations that end before the driver has them, whichever way, and none is refused",
      needs: ["timer"],
      run: async (context) => {
        const { io } = context;
        await goesOn(context, () => {
          const controller = new AbortController();
          const sleeping = rejects(io.sleep(60_000, { signal: controller.signal }), "ABORT_ERR");
          controller.abort();
          return sleeping;
        });
        await goesOn(context, () => rejects(io.sleep(1, { signal: AbortSignal.abort() }), "ABORT_ERR"));
        await goesOn(context, async () => {
          const operation = io.submit({ opcode: "nop" });
          const rejected = rejects(operation.done, "ERR_OPERATION_CANCELED");
          await operation.cancel();
          await rejected;
        });
        await goesOn(context, () => {
          const operation = io.submit({ opcode: "nop" });
          operation.abandon();
          return rejects(operation.done, "ERR_OPERATION_ABANDONED");
        });
        const timer = io.timer();
        await goesOn(context, () => {
          const started = rejects(timer.start(60_000), "ERR_OPERATION_CANCELED");
          timer.cancel();
          return started;
        });
        equal(io.inspect().operations.length, 0, "the number of operations in flight");
      },
    },
    {
      id: "refusals-go-on",
      mutants: ["refused-at-once"],
      title: "so they do between calls that are refused, aborted beforehand, or answered at once",
      needs: ["listen", "accept", "connect", "close"],
      run: async (context) => {
        const { io } = context;
        await using listener = await context.listen();
        const aborted = { signal: AbortSignal.abort() };
        await goesOn(context, () => rejects(listener.accept(aborted), "ABORT_ERR"), SLOW_ROUNDS_MAX);
        await goesOn(context, () => rejects(io.connect({ port: 0 }), "ERR_OUT_OF_RANGE"), SLOW_ROUNDS_MAX);
        await goesOn(context, () => rejects(io.listen({ port: -1 }), "ERR_OUT_OF_RANGE"), SLOW_ROUNDS_MAX);
        await goesOn(context, () => rejects(io.buffers.takeWhenFree(1, aborted), "ABORT_ERR"), SLOW_ROUNDS_MAX);
        await goesOn(context, async () => (await io.buffers.takeWhenFree(1)).release());
      },
    },
    {
      id: "local-ends-go-on",
      title: "so they do between reads of no bytes, which core answers itself",
      needs: ["open", "close", "read"],
      run: async (context) => {
        await using file = await context.openFile("content");
        using buffer = context.io.buffers.take(4);
        await goesOn(context, () => file.read(buffer, { length: 0 }));
      },
    },
    {
      id: "sockets-come-and-go",
      mutants: ["any-sink-is-a-turn"],
      title: "so they do between listeners and datagram sockets that are made and closed one after the other",
      needs: ["listen", "datagram", "close"],
      run: async (context) => {
        const { io } = context;
        await goesOn(context, async () => (await io.listen()).close(), SLOW_ROUNDS_MAX);
        await goesOn(context, async () => (await io.bindUdp()).close(), SLOW_ROUNDS_MAX);
      },
    },
    {
      id: "many-early-ends",
      mutants: ["waiting-keeps-slot"],
      title: "more operations than there are slots end in one tick before the driver has them, and none is refused",
      needs: ["timer"],
      run: async (context) => {
        const io = context.open({ operationsMax: 50, operationsWaitingMax: 50 });
        const ends: Promise<unknown>[] = [];
        for (let count = 0; count < 3000; count++) {
          const operation = io.submit({ opcode: "timer", afterMs: 60_000 });
          ends.push(rejects(operation.done, "ERR_OPERATION_CANCELED"));
          ends.push(operation.cancel());
        }
        await Promise.all(ends);
        const { driverCalls } = io.inspect().counters;
        await io.nop();
        ok(io.inspect().counters.driverCalls > driverCalls, "the driver to be asked for what comes after");
      },
    },
    {
      id: "timer-operations-go-on",
      title: "so do operations of the same backend that wait for the event loop",
      needs: ["timer"],
      run: async ({ io }) => {
        let stop = false;
        const stream = (async () => {
          while (!stop) await io.nop();
        })();
        for (let round = 0; round < 3; round++) await io.sleep(1);
        stop = true;
        await stream;
      },
    },
  ],
};
