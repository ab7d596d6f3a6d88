/** P11 and fairness: full queues are back-pressure, and nobody starves. */

import { pattern } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects } from "./expect.js";

export const backPressureClause: Clause = {
  id: "back-pressure",
  title: "back-pressure",
  promise: "P11",
  needs: ["nop"],
  cases: [
    {
      id: "more-than-a-batch",
      title: "far more operations than one batch holds are asked for in one tick, and all complete",
      run: async ({ io }) => {
        await Promise.all(Array.from({ length: 20_000 }, () => io.nop()));
        equal(io.inspect().counters.completed, 20_000, "the number of operations completed");
      },
    },
    {
      id: "thousands-of-timers",
      title: "thousands of operations that wait are in flight at once, and all complete",
      needs: ["timer"],
      run: async ({ io }) => {
        let fired = 0;
        await Promise.all(Array.from({ length: 3000 }, (_, index) => io.sleep(index % 5).then(() => fired++)));
        equal(fired, 3000, "the number of timers that fired");
      },
    },
    {
      id: "small-limit",
      title: "with operationsMax 4, four producers that await each other's room move thousands of operations",
      run: async (context) => {
        const io = context.open({ operationsMax: 4 });
        let completed = 0;
        const producer = async () => {
          for (let index = 0; index < 500; index++) {
            await io.nop();
            completed++;
          }
        };
        await Promise.all([producer(), producer(), producer(), producer()]);
        equal(completed, 2000, "the number of operations completed");
      },
    },
    {
      id: "limit-is-exact",
      mutants: ["limit-off-by-one"],
      title: "operationsMax operations are taken, the next is ERR_OPERATION_LIMIT, and the others are not disturbed",
      run: async (context) => {
        const io = context.open({ operationsMax: 100 });
        const taken = Array.from({ length: 100 }, () => io.nop());
        await rejects(io.nop(), "ERR_OPERATION_LIMIT");
        await Promise.all(taken);
        await io.nop();
        equal(io.inspect().counters.submitted, 101, "the number of operations submitted");
      },
    },
    {
      id: "cancel-when-full",
      title: "with operationsMax in flight every one of them can still be cancelled",
      needs: ["timer"],
      run: async (context) => {
        const io = context.open({ operationsMax: 50 });
        const timers = Array.from({ length: 50 }, () => io.submit({ opcode: "timer", afterMs: 60_000 }));
        const rejected = timers.map(({ done }) => rejects(done, "ERR_OPERATION_CANCELED"));
        await context.flush();
        for (const answer of await Promise.all(timers.map((timer) => timer.cancel()))) {
          equal(answer, "canceled", "the answer of cancel()");
        }
        await Promise.all(rejected);
      },
    },
    {
      id: "small-arena",
      mutants: ["full-arena-not-noticed"],
      title: "with hardly any room for paths, hundreds of operations with long paths wait for it and all complete",
      needs: ["stat"],
      run: async (context) => {
        const io = context.open({ arenaBytes: 16_384 });
        const long = context.path("missing").replace(/[\\/]([^\\/]*)$/, `${"/.".repeat(400)}/$1`);
        await Promise.all(Array.from({ length: 200 }, () => rejects(io.stat(long), "ENOENT")));
        equal(io.inspect().counters.failed, 200, "the number of operations that failed");
      },
    },
    {
      id: "few-buffers-many-reads",
      title: "hundreds of reads share four buffers by waiting for them, and every byte is right",
      needs: ["open", "close", "read"],
      run: async (context) => {
        const io = context.open({ poolBytesMax: 16_384 });
        const bytes = pattern(400 * 64, 53);
        await using file = await io.openFile(await context.givenFile(bytes), "r");
        const reads = Array.from({ length: 400 }, async (_, block) => {
          const buffer = await io.buffers.takeWhenFree(64);
          await file.readFull(buffer, { position: block * 64 });
          equalBytes(buffer.bytes, bytes.subarray(block * 64, block * 64 + 64), `block ${block}`);
          buffer.release();
        });
        await Promise.all(reads);
        ok(io.inspect().buffers.bytes <= 16_384, "the pool to stay within its limit");
      },
    },
    {
      id: "cancel-storm",
      title: "two thousand operations cancelled in one tick end once each, and promptly",
      needs: ["timer"],
      promise: "P5",
      run: async (context) => {
        const { io } = context;
        const timers = Array.from({ length: 2000 }, () => io.submit({ opcode: "timer", afterMs: 60_000 }));
        const rejected = timers.map(({ done }) => rejects(done, "ERR_OPERATION_CANCELED"));
        await context.flush();
        const answers = timers.map((timer) => timer.cancel());
        equal(new Set(await Promise.all(answers)).size, 1, "the number of different answers");
        await Promise.all(rejected);
        equal(io.inspect().counters.canceled, 2000, "the number of operations canceled");
      },
    },
  ],
};

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
