/**
 * Hostile arguments: whatever is passed, a call throws or works. It never hangs, nothing stays lent or open, and what
 * is thrown is an error of Baton, unless an argument's own code threw it.
 */
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Backend,
  BatonError,
  createBackend,
  type File,
  type OwnedBuffer,
  type TcpListener,
  type TcpStream,
} from "../src/index.js";
import { createSimulation } from "../src/testing/index.js";

interface Stage {
  readonly io: Backend;
  readonly file: File;
  readonly stream: TcpStream;
  readonly listener: TcpListener;
  readonly buffer: OwnedBuffer;
  readonly turn: () => Promise<void>;
}

async function createStage(): Promise<Stage> {
  const { driver, clock, files } = createSimulation({ seed: 1 });
  files.write("/file", "0123456789");
  const io = createBackend({ driver, clock, leakDetection: false });
  const listener = await io.listen();
  const [stream] = await Promise.all([listener.accept(), io.connect({ port: listener.address.port })]);
  return {
    io,
    listener,
    stream,
    file: await io.openFile("/file", "r+"),
    buffer: io.buffers.take(16),
    turn: () => new Promise((resolve) => void clock.after(1, () => clock.turn(resolve))),
  };
}

type Given = readonly [unknown, unknown, unknown];
/** Every way in, with whatever comes for its arguments. */
const calls: Readonly<Record<string, (stage: Stage, given: Given) => unknown>> = {
  createBackend: (_stage, [a]) => createBackend(a as never),
  openFile: ({ io }, [a, b, c]) => io.openFile(a as never, b as never, c as never),
  "openFile options": ({ io }, [a]) => io.openFile("/file", "r", a as never),
  stat: ({ io }, [a, b]) => io.stat(a as never, b as never),
  "stat options": ({ io }, [a]) => io.stat("/file", a as never),
  listen: ({ io }, [a]) => io.listen(a as never),
  "listen host": ({ io }, [a, b]) => io.listen({ host: a as never, port: b as never }),
  connect: ({ io }, [a]) => io.connect(a as never),
  "connect host": ({ io }, [a, b]) => io.connect({ host: a as never, port: b as never }),
  sleep: ({ io }, [a, b]) => io.sleep(a as never, b as never),
  "timer.start": ({ io }, [a, b]) => io.timer().start(a as never, b as never),
  "timer.every": ({ io }, [a, b]) =>
    io
      .timer()
      .every(a as never, b as never)
      .next(),
  submit: ({ io }, [a]) => io.submit(a as never).done,
  "submit opcode": ({ io }, [a, b]) => io.submit({ opcode: a, path: b } as never).done,
  "submit read": ({ io }, [a, b, c]) => io.submit({ opcode: "read", file: a, buffer: b, position: c } as never).done,
  "submit receive": ({ io, stream }, [a]) => io.submit({ opcode: "receive", stream, buffer: a } as never).done,
  "submit shutdown": ({ io, stream }, [a]) => io.submit({ opcode: "shutdown", stream, how: a } as never).done,
  batch: ({ io }, [a]) => io.batch(a as never),
  "batch of": ({ io }, given) => io.batch(given as never),
  "file.read": ({ file }, [a, b]) => file.read(a as never, b as never),
  "file.read options": ({ file, buffer }, [a]) => file.read(buffer, a as never),
  "file.read part": ({ file, buffer }, [a, b, c]) =>
    file.read(buffer, { position: a as never, offset: b as never, length: c as never }),
  "file.writeFull": ({ file, buffer }, [a]) => file.writeFull(buffer, a as never),
  "file.truncate": ({ file }, [a, b]) => file.truncate(a as never, b as never),
  "file.sync": ({ file }, [a]) => file.sync(a as never),
  "file.stat": ({ file }, [a]) => file.stat(a as never),
  "stream.receive": ({ stream }, [a, b]) => stream.receive(a as never, b as never),
  "stream.send": ({ stream, buffer }, [a]) => stream.send(buffer, a as never),
  "stream.send what": ({ stream }, [a, b]) => stream.send(a as never, b as never),
  "stream.shutdown": ({ stream }, [a]) => stream.shutdown(a as never),
  "listener.accept": ({ listener }, [a]) => listener.accept(a as never),
  "buffers.take": ({ io }, [a]) => void io.buffers.take(a as never).release(),
  "buffers.takeWhenFree": ({ io }, [a, b]) =>
    io.buffers.takeWhenFree(a as never, b as never).then((buffer) => buffer.release()),
  "buffers.adopt": ({ io }, [a, b]) => void io.buffers.adopt(a as never, b as never).release(),
  "buffers.copyFrom": ({ io }, [a]) => void io.buffers.copyFrom(a as never).release(),
  "buffers.unsafeBorrow": ({ io }, [a]) => void io.buffers.unsafeBorrow(a as never).release(),
  "buffer.slice": ({ buffer }, [a, b]) => buffer.slice(a as never, b as never).bytes,
  "io.close": ({ io }, [a]) => io.close(a as never),
};

const numbers = fc.constantFrom(-0, 0, 1, -1, 0.5, 16, 17, 2 ** 31, 2 ** 32, 2 ** 53, Number.NaN, Infinity, -Infinity);
const texts = fc.constantFrom("", "r", "/file", "/fi\0le", "nop", "read", "toString", "__proto__", "1e3", "::1");
const objects = fc.constantFrom<() => unknown>(
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => new Uint8Array(8),
  () => Buffer.from("pooled"),
  () => new Date(),
  () => AbortSignal.abort("why"),
  () => Object.create(null) as unknown,
  () => ({ opcode: "nop" }),
  () => ({ signal: AbortSignal.abort() }),
  () => ({ toString: 1, valueOf: 1 }),
  () => runInNewContext("({ position: 0 })") as unknown,
  () => runInNewContext("new ArrayBuffer(8)") as unknown,
  () => runInNewContext("new Uint8Array(8)") as unknown,
  () => runInNewContext("new Proxy({}, {})") as unknown,
  () => structuredClone(new Uint8Array(8), {}),
  () => Symbol("s"),
  () => 7n,
);
const anything = fc.oneof(
  numbers,
  texts,
  objects.map((make) => make()),
  fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true, withDate: true, withMap: true }),
);

/** Makes the call, closes everything, and says how the call ended. */
async function survive(stage: Stage, call: () => unknown): Promise<unknown> {
  let settled: Promise<unknown>;
  try {
    settled = Promise.resolve(call()).then(
      () => undefined,
      (error: unknown) => error,
    );
  } catch (error) {
    settled = Promise.resolve(error);
  }
  await stage.turn();
  // What it opened or waits for ends here; that it may have closed everything itself is fine.
  await stage.io[Symbol.asyncDispose]();
  const error = await settled;
  stage.buffer[Symbol.dispose]();
  const { operations, orphans, buffers, resources, counters } = stage.io.inspect();
  expect(operations).toEqual([]);
  expect(resources).toEqual([]);
  expect(orphans.inFlight).toBe(0);
  expect(buffers.out).toBe(0);
  expect(counters.completed).toBe(counters.submitted);
  return error;
}

describe("whatever is passed", () => {
  for (const [name, call] of Object.entries(calls)) {
    test(`${name} throws an error of Baton, or works`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.tuple(anything, anything, anything), async (given) => {
          const stage = await createStage();
          const error = await survive(stage, () => call(stage, given));
          const ofTheSystem = error instanceof Error && "errno" in error;
          if (error !== undefined && !ofTheSystem) expect(error).toBeInstanceOf(BatonError);
        }),
        { numRuns: 60 },
      );
    });
  }
});

/** Code that runs when an option is read. */
const traps: Readonly<Record<string, (stage: Stage) => unknown>> = {
  "closes the file": ({ file }) => void file.close().catch(() => undefined),
  "closes the stream": ({ stream }) => void stream.close().catch(() => undefined),
  "closes the listener": ({ listener }) => void listener.close().catch(() => undefined),
  "closes the backend": ({ io }) => void io.close().catch(() => undefined),
  "releases the buffer": ({ buffer }) => void (buffer.state === "owned" && buffer.release()),
  "lends the buffer": ({ file, buffer }) => void file.read(buffer, { position: 0 }).catch(() => undefined),
  "transfers the buffer away": ({ buffer }) => {
    if (buffer.state !== "owned") return;
    const memory = buffer.bytes.buffer;
    structuredClone(memory, { transfer: [memory] });
  },
  "submits and cancels": ({ io }) => {
    if (io.closed) return;
    const operation = io.submit({ opcode: "timer", afterMs: 5 });
    operation.done.catch(() => undefined);
    void operation.cancel();
  },
  flushes: ({ io }) => void io.batch([{ opcode: "nop" }]),
  throws: () => {
    throw new RangeError("trap");
  },
};
const trapNames = Object.keys(traps);

/** The calls that read options, with the options they know. */
const readers: Readonly<Record<string, readonly [readonly string[], (stage: Stage, options: never) => unknown]>> = {
  "file.read": [["position", "offset", "length"], ({ file, buffer }, options) => file.read(buffer, options)],
  "file.write": [["position", "offset", "length"], ({ file, buffer }, options) => file.write(buffer, options)],
  "file.sync": [[], ({ file }, options) => file.sync(options)],
  "stream.receive": [["offset", "length"], ({ stream, buffer }, options) => stream.receive(buffer, options)],
  "stream.receive without a buffer": [[], ({ stream }, options) => stream.receive(options)],
  "stream.send": [["offset", "length"], ({ stream, buffer }, options) => stream.send(buffer, options)],
  "listener.accept": [[], ({ listener }, options) => listener.accept(options)],
  openFile: [["mode"], ({ io }, options) => io.openFile("/file", "r", options)],
  stat: [["followLinks"], ({ io }, options) => io.stat("/file", options)],
  listen: [["host", "port", "backlog"], ({ io }, options) => io.listen(options)],
  sleep: [[], ({ io }, options) => io.sleep(1, options)],
  submit: [
    ["position", "offset", "length"],
    ({ io, file, buffer }, options) =>
      io.submit(
        Object.defineProperties({ opcode: "read", file, buffer }, Object.getOwnPropertyDescriptors(options)) as never,
      ).done,
  ],
};

/** An object whose option is what `values` say, one after the other, and that runs a trap whenever it is read. */
function trapped(stage: Stage, option: string, trap: string, values: readonly unknown[]): object {
  let reads = 0;
  return Object.defineProperty({}, option, {
    enumerable: true,
    get: () => {
      traps[trap]!(stage);
      return values[Math.min(reads++, values.length - 1)];
    },
  });
}

describe("options whose getters", () => {
  for (const [name, [own, call]] of Object.entries(readers)) {
    test(`close, release, lend, throw or change their mind: ${name} throws or works`, async () => {
      const option = fc.constantFrom(...own, "signal", "timeoutMs", "onAbort");
      const value = fc.oneof(fc.constant(undefined), numbers, fc.constantFrom(true, "cancel", "abandon", "127.0.0.1"));
      const values = fc.array(fc.oneof(value, fc.constant(new AbortController().signal)), {
        minLength: 1,
        maxLength: 3,
      });
      await fc.assert(
        fc.asyncProperty(option, fc.constantFrom(...trapNames), values, async (which, trap, given) => {
          const stage = await createStage();
          const error = await survive(stage, () => call(stage, trapped(stage, which, trap, given) as never));
          const expected = error instanceof BatonError || (error instanceof RangeError && error.message === "trap");
          if (error !== undefined) expect(expected, String(error)).toBe(true);
        }),
        { numRuns: 80 },
      );
    });
  }

  test("a signal that throws when it is listened to leaves nothing lent", async () => {
    const stage = await createStage();
    const signal = {
      aborted: false,
      addEventListener: () => {
        throw new RangeError("trap");
      },
      removeEventListener: () => undefined,
    };
    await expect(stage.file.read(stage.buffer, { signal: signal as never })).rejects.toThrow("trap");
    expect(stage.buffer.state).toBe("owned");
    await expect(stage.file.read(stage.buffer, { position: 0 })).resolves.toMatchObject({ bytesRead: 10 });
    await survive(stage, () => undefined);
  });
});
