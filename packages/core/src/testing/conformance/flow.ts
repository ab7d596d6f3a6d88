/** Full queues are back-pressure. */

import { pattern } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects, throws } from "./expect.js";

export const backPressureClause: Clause = {
  id: "back-pressure",
  title: "back-pressure",
  promise: "full-is-back-pressure",
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
      title: "operationsMax and operationsWaitingMax are taken, the next is ERR_OPERATION_LIMIT and disturbs nobody",
      run: async (context) => {
        const io = context.open({ operationsMax: 60, operationsWaitingMax: 40 });
        const taken = Array.from({ length: 100 }, () => io.nop());
        // All in one tick: a turn later there may be room again.
        const refused = rejects(io.nop(), "ERR_OPERATION_LIMIT");
        throws(() => io.submit({ opcode: "nop" }), "ERR_OPERATION_LIMIT");
        await refused;
        await Promise.all(taken);
        await io.nop();
        equal(io.inspect().counters.submitted, 101, "the number of operations submitted");
      },
    },
    {
      id: "waits-for-room",
      mutants: ["admission-unbounded", "admission-forgets-waiting"],
      title: "far more operations than operationsMax are asked for at once: they wait in order, and all complete",
      run: async (context) => {
        const io = context.open({ operationsMax: 10 });
        const order: number[] = [];
        const nops = Array.from({ length: 2000 }, (_, index) => io.nop().then(() => order.push(index)));
        const { inFlight, inFlightMax, waiting } = io.inspect().admission;
        equal(inFlight, 10, "the number of operations on their way to the driver");
        equal(inFlightMax, 10, "the most of them");
        equal(waiting, 1990, "the number of operations that wait");
        await Promise.all(nops);
        equal(order.length, 2000, "the number of operations completed");
        equal(io.inspect().counters.admissionsWaited, 1990, "the number of operations that waited");
        equal(io.inspect().admission.inFlight, 0, "the number of operations in flight in the end");
      },
    },
    {
      id: "waiting-in-order",
      mutants: ["admission-last-first"],
      title: "operations that wait for room go in the order in which they were asked for",
      needs: ["timer"],
      calmOnly: true,
      run: async (context) => {
        const io = context.open({ operationsMax: 1 });
        const order: number[] = [];
        const first = io.sleep(2);
        const others = [0, 1, 2, 3].map((index) => io.sleep(0).then(() => order.push(index)));
        await Promise.all([first, ...others]);
        equal(order.join(), "0,1,2,3", "the order of the ends");
      },
    },
    {
      id: "waiting-ends-early",
      mutants: ["waiting-keeps-slot"],
      title:
        "one that waits for room can be canceled, aborted and abandoned, and its time runs, all without the driver",
      needs: ["timer"],
      promise: "cancel-has-one-contract",
      run: async (context) => {
        const io = context.open({ operationsMax: 1, operationsWaitingMax: 3 });
        const holder = io.submit({ opcode: "timer", afterMs: 60_000 });
        const ended = rejects(holder.done, "ERR_OPERATION_CANCELED");
        await context.untilTaken(holder);
        for (let round = 0; round < 20; round++) {
          const canceled = io.submit({ opcode: "timer", afterMs: 0 });
          equal(canceled.state, "queued", "the state of one that waits");
          const rejected = rejects(canceled.done, "ERR_OPERATION_CANCELED");
          equal(await canceled.cancel(), "canceled", "the answer of cancel()");
          await rejected;
          const controller = new AbortController();
          const aborted = rejects(io.sleep(0, { signal: controller.signal }), "ABORT_ERR");
          const abandoned = io.submit({ opcode: "timer", afterMs: 0 });
          const given = rejects(abandoned.done, "ERR_OPERATION_ABANDONED");
          controller.abort();
          abandoned.abandon();
          await Promise.all([aborted, given]);
        }
        await rejects(io.sleep(0, { timeoutMs: 1 }), "ERR_TIMEOUT");
        equal(io.inspect().admission.waiting, 0, "the number of operations that wait");
        equal(holder.state, "submitted", "the state of the one in flight");
        await holder.cancel();
        await ended;
      },
    },
    {
      id: "close-when-full",
      title: "a file is closed, and so is the backend, though operationsMax are in flight and others wait",
      needs: ["timer", "open", "close", "read"],
      promise: "closing-is-orderly",
      run: async (context) => {
        const io = context.open({ operationsMax: 2 });
        const path = await context.givenFile("content");
        const file = await io.openFile(path, "r");
        const other = await io.openFile(path, "r");
        const timers = [0, 1, 2].map(() => rejects(io.sleep(60_000), "ERR_BACKEND_CLOSED"));
        await context.flush();
        await file.close();
        using buffer = io.buffers.take(4);
        const controller = new AbortController();
        const waiting = rejects(other.read(buffer, { position: 0, signal: controller.signal }), "ABORT_ERR", {
          buffer,
        });
        equal(buffer.state, "lent", "the state of the buffer while its operation waits");
        controller.abort();
        equal(buffer.state, "owned", "the state of the buffer once it does not");
        await waiting;
        const report = await io.close();
        equal(report.unconfirmedOperations, 0, "the number of operations that were not confirmed");
        await Promise.all(timers);
      },
    },
    {
      id: "chain-longer-than-room",
      title: "a chain that is longer than operationsMax goes through, one member after the other",
      run: async (context) => {
        const io = context.open({ operationsMax: 2 });
        const results = await io.chain(Array.from({ length: 9 }, () => ({ opcode: "nop" }) as const));
        ok(
          results.every(({ status }) => status === "fulfilled"),
          "all to be fulfilled",
        );
      },
    },
    {
      id: "cancel-when-full",
      title: "with operationsMax in flight every one of them can still be canceled",
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
      id: "idle-receives",
      mutants: ["small-areas-share-chunks"],
      title: "hundreds of datagram receives that wait hold nothing that opening, asking and connecting need",
      needs: ["datagram", "receiveMessage", "sendMessage", "open", "close", "stat", "listen", "connect", "address"],
      calmOnly: true,
      run: async (context) => {
        const io = context.open({ arenaBytes: 16_384 });
        const sockets = await Promise.all(Array.from({ length: 200 }, () => io.bindUdp()));
        const receives = sockets.map((socket) => socket.receive(io.buffers.take(64)));
        await context.flush();
        const path = await context.givenFile("content");
        await (await io.openFile(path, "r")).close();
        await io.stat(path);
        await using listener = await io.listen();
        await using stream = await io.connect({ host: listener.address.address, port: listener.address.port });
        await stream.peerAddress();
        using out = io.buffers.copyFrom("x");
        await using sender = await io.bindUdp();
        for (const socket of sockets) await sender.send(out, socket.address);
        for (const { bytesReceived, buffer } of await Promise.all(receives)) {
          equal(bytesReceived, 1, "the bytes received");
          buffer.release();
        }
        for (const socket of sockets) await socket.close();
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
      title: "two thousand operations canceled in one tick end once each, and promptly",
      needs: ["timer"],
      promise: "cancel-has-one-contract",
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
