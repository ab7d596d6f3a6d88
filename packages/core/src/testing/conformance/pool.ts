/** The pool of buffers: sizes, its limit, and waiting for a buffer. */
import { POOL_SIZES } from "@baton-io/core";
import type { Clause } from "./case.js";
import { equal, ok, rejects, throws } from "./expect.js";
import { signalThat } from "./own-signals.js";

const KIB = 1024;

export const poolClause: Clause = {
  id: "pool",
  title: "the pool",
  cases: [
    {
      id: "sizes",
      title: "a buffer has exactly the length that was asked for, up to, at and beyond every size of the pool",
      run: ({ io }) => {
        for (const length of [1, ...POOL_SIZES.flatMap((size) => [size - 1, size, size + 1]), 3_000_000]) {
          using buffer = io.buffers.take(length);
          equal(buffer.length, length, "buffer.length");
          equal(buffer.bytes.length, length, "the length of its bytes");
        }
      },
    },
    {
      id: "no-such-length",
      title: "a length that is no length, or more than the pool may have, is ERR_OUT_OF_RANGE",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 64 * KIB });
        for (const length of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 64 * KIB + 1]) {
          throws(() => io.buffers.take(length), "ERR_OUT_OF_RANGE");
          await rejects(io.buffers.takeWhenFree(length), "ERR_OUT_OF_RANGE");
        }
        throws(() => io.buffers.take("16" as never), "ERR_INVALID_ARG_TYPE");
      },
    },
    {
      id: "limit",
      title: "at its limit take throws ERR_POOL_EMPTY, and succeeds again when a buffer is home",
      promise: "full-is-back-pressure",
      run: (context) => {
        const io = context.open({ poolBytesMax: 64 * KIB });
        const buffers = Array.from({ length: 16 }, () => io.buffers.take(4 * KIB));
        throws(() => io.buffers.take(1), "ERR_POOL_EMPTY");
        equal(io.buffers.stats().bytes, 64 * KIB, "the bytes of the pool");
        buffers.pop()!.release();
        buffers.push(io.buffers.take(1));
        for (const buffer of buffers) buffer.release();
      },
    },
    {
      id: "reclaims",
      title: "slabs that are wholly home make room for buffers of another size",
      promise: "full-is-back-pressure",
      run: (context) => {
        const io = context.open({ poolBytesMax: 1024 * KIB });
        for (const length of [4 * KIB, 1024 * KIB, 64 * KIB, 300 * KIB, 16 * KIB]) {
          using buffer = io.buffers.take(length);
          equal(buffer.length, length, "the length");
          ok(io.buffers.stats().bytes <= 1024 * KIB, "the pool to stay within its limit");
        }
      },
    },
    {
      id: "moves-between-sizes",
      mutants: ["memory-stays-in-its-size"],
      title: "what is at rest in one size makes room for every other, however it is scattered",
      promise: "full-is-back-pressure",
      run: (context) => {
        const io = context.open({ poolBytesMax: 1024 * KIB });
        const small = Array.from({ length: 256 }, () => io.buffers.take(4 * KIB));
        const stay = small.filter((_, index) => index % 16 === 0);
        for (const buffer of stay) buffer.bytes.fill(3);
        for (const [index, buffer] of small.entries()) if (index % 16 !== 0) buffer.release();
        for (const length of [64 * KIB, 256 * KIB, 16 * KIB, 900 * KIB]) {
          const many = Math.floor((960 * KIB) / length);
          const larger = Array.from({ length: many }, () => io.buffers.take(length));
          ok(io.buffers.stats().bytes <= 1024 * KIB, "the pool to stay within its limit");
          for (const buffer of larger) buffer.bytes.fill(1);
          for (const buffer of larger) buffer.release();
        }
        for (const buffer of stay) {
          ok(
            buffer.bytes.every((byte) => byte === 3),
            "no byte of a buffer that stayed out to change",
          );
          buffer.release();
        }
        io.buffers.take(1024 * KIB).release();
      },
    },
    {
      id: "large-waiter",
      mutants: ["large-waiter-passed-for-ever"],
      title: "a waiter for much memory is served although others take and release less for ever",
      promise: "full-is-back-pressure",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 256 * KIB });
        let stopped = false;
        let rounds = 0;
        const small = async () => {
          while (!stopped && rounds++ < 5000) {
            const buffer = await io.buffers.takeWhenFree(16 * KIB);
            await context.turn();
            buffer.release();
          }
        };
        const loops = Array.from({ length: 24 }, small);
        const large = await io.buffers.takeWhenFree(256 * KIB);
        const roundsBefore = rounds;
        stopped = true;
        large.release();
        await Promise.all(loops);
        ok(roundsBefore < 1000, "the large one to be served before the others had taken a thousand");
      },
    },
    {
      id: "waits-behind-an-abort",
      mutants: ["aborted-waiter-serves-nobody"],
      title: "when a waiter gives up, those behind it are served if they fit",
      promise: "full-is-back-pressure",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 4096 * KIB });
        const held = io.buffers.take(2000 * KIB);
        const controller = new AbortController();
        const first = rejects(io.buffers.takeWhenFree(3000 * KIB, { signal: controller.signal }), "ABORT_ERR");
        const second = io.buffers.takeWhenFree(2000 * KIB);
        await context.turn();
        controller.abort();
        await first;
        (await second).release();
        held.release();
      },
    },
    {
      id: "flat",
      title: "taking and releasing again and again does not make it grow",
      run: ({ io }) => {
        io.buffers.take(10_000).release();
        const { bytes } = io.buffers.stats();
        for (let round = 0; round < 2000; round++) io.buffers.take(10_000).release();
        equal(io.buffers.stats().bytes, bytes, "the bytes of the pool");
        equal(io.buffers.stats().taken, 2001, "the number of buffers taken");
      },
    },
    {
      id: "waits",
      mutants: ["waiters-last-first"],
      title: "takeWhenFree waits for a buffer to come home, first come, first served",
      promise: "full-is-back-pressure",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 8 * KIB });
        const held = [io.buffers.take(4 * KIB), io.buffers.take(4 * KIB)];
        const order: number[] = [];
        const waiting = [1, 2, 3].map(async (number) => {
          const buffer = await io.buffers.takeWhenFree(4 * KIB);
          order.push(number);
          return buffer;
        });
        await context.turn();
        equal(io.buffers.stats().waiting, 3, "the number of waiters");
        held[0]!.release();
        const first = await waiting[0]!;
        equal(order.join(), "1", "who was served first");
        first.release();
        held[1]!.release();
        for (const buffer of await Promise.all([waiting[1]!, waiting[2]!])) buffer.release();
        equal(order.join(), "1,2,3", "the order of service");
        equal(io.buffers.stats().waiting, 0, "the number of waiters");
      },
    },
    {
      id: "no-overtaking",
      title: "who comes later does not overtake a waiter, even when a buffer is home",
      promise: "full-is-back-pressure",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 4 * KIB });
        const held = io.buffers.take(4 * KIB);
        const order: string[] = [];
        const take = async (name: string) => {
          const buffer = await io.buffers.takeWhenFree(4 * KIB);
          order.push(name);
          buffer.release();
        };
        const first = take("first");
        held.release();
        await Promise.all([first, take("second")]);
        equal(order.join(), "first,second", "the order of service");
      },
    },
    {
      id: "wait-aborted",
      mutants: ["aborted-waiter-stays"],
      title: "a waiter that aborts or times out leaves its place and takes nothing, and those behind it are served",
      promise: "full-is-back-pressure",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 4 * KIB });
        const held = io.buffers.take(4 * KIB);
        const controller = new AbortController();
        const first = io.buffers.takeWhenFree(1);
        const aborted = rejects(io.buffers.takeWhenFree(1, { signal: controller.signal }), "ABORT_ERR", {
          cause: "no",
        });
        const timedOut = rejects(io.buffers.takeWhenFree(1, { timeoutMs: 2 }), "ERR_TIMEOUT", { name: "TimeoutError" });
        const order: string[] = [];
        const behind = ["second", "third"].map(async (name) => {
          const buffer = await io.buffers.takeWhenFree(1);
          order.push(name);
          return buffer;
        });
        controller.abort("no");
        await Promise.all([aborted, timedOut]);
        equal(io.buffers.stats().waiting, 3, "the number of waiters");
        held.release();
        (await first).release();
        // Those that have left would have been next.
        await context.turn();
        equal(order.join(), "second", "who was served");
        const { out, waiting } = io.inspect().buffers;
        equal(out, 1, "the number of buffers out");
        equal(waiting, 1, "the number of waiters");
        (await behind[0]!).release();
        (await behind[1]!).release();
        equal(order.join(), "second,third", "the order of service");
        equal(io.inspect().buffers.waiting, 0, "the number of waiters");
        equal(io.inspect().buffers.out, 0, "the number of buffers out");
        await rejects(io.buffers.takeWhenFree(1, { signal: AbortSignal.abort() }), "ABORT_ERR");
        await rejects(io.buffers.takeWhenFree(1, { timeoutMs: -1 }), "ERR_OUT_OF_RANGE");
        await rejects(io.buffers.takeWhenFree(1, { timout: 1 } as never), "ERR_UNKNOWN_OPTION");
      },
    },
    {
      id: "signals-of-the-caller",
      mutants: ["waiter-whose-signal-calls-back-stays"],
      title: "a waiter whose signal throws, calls back or closes the backend while it is listened to is in no line",
      promise: "ends-once",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 4 * KIB });
        const held = io.buffers.take(4 * KIB);
        const failure = new Error("no listeners here");
        const throws = signalThat(() => {
          throw failure;
        });
        equal(await io.buffers.takeWhenFree(1, { signal: throws }).catch((error) => error), failure, "its error");
        const calls = signalThat((callback) => callback());
        await rejects(io.buffers.takeWhenFree(1, { signal: calls, timeoutMs: 60_000 }), "ABORT_ERR");
        equal(io.buffers.stats().waiting, 0, "the number of waiters");
        const frees = signalThat(() => held.release());
        const waited = await io.buffers.takeWhenFree(1, { signal: frees, timeoutMs: 60_000 });
        equal(io.inspect().buffers.out, 1, "the number of buffers out");
        let closing: Promise<unknown> | undefined;
        const closes = signalThat(() => {
          closing = io.close();
        });
        await rejects(io.buffers.takeWhenFree(4 * KIB, { signal: closes }), "ERR_BACKEND_CLOSED");
        waited.release();
        await closing;
      },
    },
    {
      id: "in-vain",
      mutants: ["waits-for-what-never-comes", "waiter-in-vain-stays"],
      title: "nobody waits for what will never come: what receives have of the pool is theirs",
      promise: "full-is-back-pressure",
      needs: ["listen", "accept", "connect", "close", "receive", "providedBuffer"],
      run: async (context) => {
        const io = context.open({ poolBytesMax: 1024 * KIB });
        await using listener = await io.listen({ port: 0 });
        const { port } = listener.address as { port: number };
        await using near = await io.connect({ port });
        await using far = await listener.accept();
        const held = io.buffers.take(4 * KIB);
        const all = rejects(io.buffers.takeWhenFree(1024 * KIB), "ERR_POOL_EMPTY");
        // From here on receives have a part of it.
        await rejects(near.receive({ timeoutMs: 1 }), "ERR_TIMEOUT");
        held.release();
        await all;
        await rejects(io.buffers.takeWhenFree(1000 * KIB), "ERR_POOL_EMPTY");
        const receiving = rejects(near.receive(), "ERR_RESOURCE_CLOSED");
        // Nothing of the program's is in the way of what can be waited for.
        (await io.buffers.takeWhenFree(512 * KIB)).release();
        equal(io.buffers.stats().waiting, 0, "the number of waiters");
        await near.close();
        await receiving;
        await far.close();
      },
    },
    {
      id: "wait-for-an-operation",
      title: "a buffer that comes home with an operation and is released serves the waiter",
      promise: "full-is-back-pressure",
      needs: ["open", "close", "read"],
      run: async (context) => {
        const io = context.open({ poolBytesMax: 4 * KIB });
        await using file = await io.openFile(await context.givenFile("0123"));
        const buffer = io.buffers.take(4 * KIB);
        const reading = file.read(buffer, { position: 0 }).then((result) => result.buffer.release());
        const waiting = io.buffers.takeWhenFree(4 * KIB);
        await reading;
        (await waiting).release();
      },
    },
    {
      id: "closed-while-waiting",
      title: "closing the backend ends every wait with ERR_BACKEND_CLOSED, and nothing can be taken afterwards",
      promise: "closing-is-orderly",
      run: async (context) => {
        const io = context.open({ poolBytesMax: 4 * KIB });
        const held = io.buffers.take(4 * KIB);
        const waiting = rejects(io.buffers.takeWhenFree(4 * KIB), "ERR_BACKEND_CLOSED");
        const report = await io.close();
        await waiting;
        equal(report.buffersOut, 1, "the number of buffers out in the report");
        throws(() => io.buffers.take(1), "ERR_BACKEND_CLOSED");
        throws(() => io.buffers.copyFrom("x"), "ERR_BACKEND_CLOSED");
        throws(() => io.buffers.adopt(new ArrayBuffer(1)), "ERR_BACKEND_CLOSED");
        throws(() => io.buffers.unsafeBorrow(new ArrayBuffer(1)), "ERR_BACKEND_CLOSED");
        await rejects(io.buffers.takeWhenFree(1), "ERR_BACKEND_CLOSED");
        held.release();
      },
    },
    {
      id: "alignment",
      title: "it promises an alignment, and a whole page exactly when the driver declares page-aligned memory",
      promise: "lacking-is-refused",
      run: ({ io }) => {
        const { alignmentBytes } = io.buffers;
        ok(alignmentBytes >= 1 && (alignmentBytes & (alignmentBytes - 1)) === 0, "the alignment to be a power of two");
        const declared = io.capabilities.features.pageAlignedMemory.kind !== "unsupported";
        equal(alignmentBytes >= 4096, declared, "that buffers start at a page");
      },
    },
  ],
};
