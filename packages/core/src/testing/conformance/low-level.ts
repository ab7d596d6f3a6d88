/** The low level: io.submit and io.batch. */
import { OwnedBuffer } from "@baton-io/core";
import { textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, ok, rejects, throws } from "./expect.js";

/** Objects that answer whoever looks at them with an error, or with nothing that can be printed. */
function hostileObjects(): object[] {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const throwing = () => {
    throw new Error("not for you");
  };
  return [
    revoked.proxy,
    new Proxy({}, { get: throwing, has: throwing, getPrototypeOf: throwing }),
    Object.create(null) as object,
    { constructor: { name: { toString: throwing } } },
    { constructor: { name: Symbol("File") } },
  ];
}

/** A signal of somebody's own making: whatever is asked of it later throws. */
function hostileSignal(): AbortSignal {
  const trap = () => {
    throw new RangeError("trap");
  };
  return { aborted: false, addEventListener: () => undefined, removeEventListener: trap } as never;
}

export const submitClause: Clause = {
  id: "submit",
  title: "io.submit",
  cases: [
    {
      id: "not-a-request",
      title: "what is no request, or names no operation that can be submitted, is refused",
      run: ({ io }) => {
        for (const request of [undefined, null, 7, "nop"])
          throws(() => io.submit(request as never), "ERR_INVALID_ARG_TYPE");
        for (const opcode of [undefined, "close", "cancel", "listen", "connect", "address", "NOP", 0]) {
          throws(() => io.submit({ opcode } as never), "ERR_INVALID_ARG_VALUE");
        }
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
    {
      id: "wrong-resource",
      title: "a resource of the wrong kind, or none, is ERR_INVALID_ARG_TYPE, and the buffer is not lent",
      needs: ["open", "close", "read", "fsync"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("x");
        using buffer = io.buffers.take(4);
        for (const stranger of [undefined, null, {}, 7, io]) {
          throws(() => io.submit({ opcode: "read", file: stranger, buffer } as never), "ERR_INVALID_ARG_TYPE");
          throws(() => io.submit({ opcode: "fsync", file: stranger } as never), "ERR_INVALID_ARG_TYPE");
          throws(() => io.submit({ opcode: "receive", stream: stranger, buffer } as never), "ERR_INVALID_ARG_TYPE");
          throws(() => io.submit({ opcode: "accept", listener: stranger } as never), "ERR_INVALID_ARG_TYPE");
        }
        throws(() => io.submit({ opcode: "send", stream: file, buffer } as never), "ERR_INVALID_ARG_TYPE");
        for (const stranger of hostileObjects()) {
          throws(() => io.submit({ opcode: "read", file: stranger, buffer } as never), "ERR_INVALID_ARG_TYPE");
        }
        // As a second copy of the library makes them.
        const other = (name: string) => new (Object.defineProperty(class {}, "name", { value: name }))();
        throws(() => io.submit({ opcode: "read", file: other("File"), buffer } as never), "ERR_RESOURCE_FOREIGN");
        throws(
          () => io.submit({ opcode: "send", stream: other("UnixStream"), buffer } as never),
          "ERR_RESOURCE_FOREIGN",
        );
        equal(buffer.state, "owned", "the state of the buffer");
      },
    },
    {
      id: "request-unchanged",
      title: "it does not change the request, and needs nothing of it but its own properties",
      needs: ["nop", "timer"],
      run: async ({ io }) => {
        const request = Object.freeze({ opcode: "timer", afterMs: 0 } as const);
        await io.submit(request).done;
        await io.submit(request).done;
        await io.submit(Object.assign(Object.create(null) as object, { opcode: "nop" } as const)).done;
      },
    },
    {
      id: "reads-each-property-once",
      title: "it reads each property of a request once, so that what it checked is what it does",
      needs: ["timer"],
      run: async ({ io }) => {
        const read: string[] = [];
        const request = new Proxy({ opcode: "timer", afterMs: 1, timeoutMs: 60_000 } as const, {
          get: (target, name) => {
            read.push(String(name));
            return Reflect.get(target, name) as unknown;
          },
        });
        await io.submit(request).done;
        for (const name of ["afterMs", "timeoutMs"]) {
          equal(read.filter((one) => one === name).length, 1, `how often ${name} was read`);
        }
      },
    },
  ],
};

export const batchClause: Clause = {
  id: "batch",
  title: "io.batch",
  cases: [
    {
      id: "in-order",
      title: "results stand in the order of the requests, whatever each came to; a refused one is a rejected result",
      needs: ["nop", "open", "close", "read", "stat"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123");
        using buffer = io.buffers.take(4);
        const missing = context.path("missing");
        const [nop, read, stat, refused] = await io.batch([
          { opcode: "nop" },
          { opcode: "read", file, buffer, position: 0 },
          { opcode: "stat", path: missing },
          { opcode: "read", file, buffer, position: -1 },
        ]);
        equal(nop.status, "fulfilled", "the nop");
        ok(read.status === "fulfilled" && read.value.bytesRead > 0, "the read to have its result");
        ok(
          stat.status === "rejected" && (stat.reason as { code: string }).code === "ENOENT",
          "the stat to fail with ENOENT",
        );
        ok(
          refused.status === "rejected" && (refused.reason as { code: string }).code === "ERR_OUT_OF_RANGE",
          "the bad position to be refused",
        );
      },
    },
    {
      id: "throwing-options",
      title: "options that throw when they are read fail their own operation, and the others of the batch are done",
      needs: ["nop", "open", "close", "read"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123");
        const buffers = [io.buffers.take(4), io.buffers.take(4), io.buffers.take(4)] as const;
        const get = (): never => {
          throw new RangeError("trap");
        };
        const trapped = <T extends object>(name: string, request: T): T =>
          Object.defineProperty(request, name, { get, enumerable: true });
        const results = await io.batch([
          { opcode: "read", file, buffer: buffers[0], position: 0 },
          trapped("signal", { opcode: "read", file, buffer: buffers[1], position: 0 }),
          trapped("timeoutMs", { opcode: "nop" }),
          { opcode: "read", file, buffer: buffers[2], position: 0 },
        ]);
        const kinds = results.map(({ status }) => status).join();
        equal(kinds, "fulfilled,rejected,rejected,fulfilled", "the results");
        for (const buffer of buffers) buffer.release();
        equal(io.inspect().operations.length, 0, "operations in flight");
      },
    },
    {
      id: "throwing-signal",
      title: "signals that throw when they are let go of keep nobody's operation from its end",
      needs: ["nop", "open", "close", "read"],
      mutants: ["hostile-signal-stops-the-rest"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123");
        using buffer = io.buffers.take(4);
        const signals = [hostileSignal(), hostileSignal()] as const;
        const operations = [
          io.submit({ opcode: "nop", signal: signals[0] }).done,
          file.read(buffer, { position: 0, signal: signals[1] }),
          io.nop(),
          io.submit({ opcode: "nop", signal: signals[0] }).done,
        ];
        const results = await Promise.allSettled(operations);
        for (const { status } of results) equal(status, "fulfilled", "a result");
        equal(io.inspect().operations.length, 0, "operations in flight");
      },
    },
    {
      id: "one-call",
      mutants: ["batch-not-flushed"],
      title: "it goes to the driver in one call, before it returns",
      needs: ["nop"],
      calmOnly: true,
      run: async ({ io }) => {
        const { driverCalls } = io.inspect().counters;
        const pending = io.batch(Array.from({ length: 100 }, () => ({ opcode: "nop" }) as const));
        equal(io.inspect().counters.driverCalls, driverCalls + 1, "the number of calls to the driver");
        equal((await pending).length, 100, "the number of results");
        equal(io.inspect().counters.driverCalls, driverCalls + 1, "the number of calls to the driver in the end");
      },
    },
    {
      id: "empty",
      title: "an empty one resolves with nothing; one that is no list is refused",
      run: async ({ io }) => {
        equal((await io.batch([])).length, 0, "the number of results");
        for (const requests of [undefined, null, {}, "nop"]) {
          await rejects(
            Promise.resolve().then(() => io.batch(requests as never)),
            "ERR_INVALID_ARG_TYPE",
          );
        }
      },
    },
    {
      id: "while-others-run",
      title: "it may be used while other operations are in flight, and while another batch is",
      needs: ["nop", "timer"],
      run: async ({ io }) => {
        const sleeping = io.sleep(2);
        const first = io.batch([{ opcode: "timer", afterMs: 1 }, { opcode: "nop" }]);
        const second = io.batch([{ opcode: "nop" }, { opcode: "timer", afterMs: 0 }]);
        const results = [...(await first), ...(await second)];
        ok(
          results.every(({ status }) => status === "fulfilled"),
          "all to be fulfilled",
        );
        await sleeping;
      },
    },
    {
      id: "many-reads",
      title: "a batch of reads gives each its own bytes",
      needs: ["open", "close", "read"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123456789");
        const buffers = Array.from({ length: 10 }, () => io.buffers.take(1));
        const results = await io.batch(
          buffers.map((buffer, position) => ({ opcode: "read", file, buffer, position }) as const),
        );
        for (const result of results) ok(result.status === "fulfilled", "each to be fulfilled");
        equal(buffers.map((buffer) => textOf(buffer.bytes)).join(""), "0123456789", "what was read");
        for (const buffer of buffers) {
          ok(buffer instanceof OwnedBuffer, "an OwnedBuffer");
          buffer.release();
        }
      },
    },
  ],
};
