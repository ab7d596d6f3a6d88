/**
 * Each call of the runtime's that the driver makes throws in turn, as it does when a permission is missing, or when a
 * listener of the program's is told of something and throws. That is the end of one thing that was asked for, and of
 * nothing else.
 *
 *   throws.mjs [EVERY [FIRST]]    of all calls, one of so many
 */
import { execFileSync } from "node:child_process";
import * as dgram from "node:dgram";
import * as fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Backend, createBackend } from "@baton-io/core";
import { libuvDriver } from "@baton-io/driver-libuv";

/** Whose call it is: the driver is in this bundle. */
const here = new URL(import.meta.url).pathname;
const directory = fs.mkdtempSync(join(tmpdir(), "baton-throws-"));
const [every, first] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 1)];
/** How long anything may take, ms: what has no end is found by it. */
const PATIENCE_MS = 5_000;
/** So much that is wrong is enough to know. */
const WRONG_MAX = 3;

// --- calls that throw -------------------------------------------------------------------------------------------------

class Planted extends Error {
  readonly code = "ERR_ACCESS_DENIED";
}

/** Counts calls from the driver; the one with this number throws. 0: none does. */
const plan = { armed: false, which: 0, count: 0, hit: undefined as string | undefined };

type Functions = Record<string, (this: unknown, ...args: unknown[]) => unknown>;

/** Lets calls throw instead of being done (`before`), or when they are done. */
function plant(of: string, owner: object, names: readonly string[], before: boolean): void {
  const functions = owner as Functions;
  for (const name of names) {
    const original = functions[name]!;
    functions[name] = function planted(...args) {
      const throws = isHit(`${of}.${name}`);
      if (throws && before) throw new Planted(`${of}.${name}`);
      const result = original.apply(this, args);
      if (throws) throw new Planted(`${of}.${name}`);
      return result;
    };
  }
}

function isHit(name: string): boolean {
  if (!plan.armed) return false;
  const [, , , caller = ""] = new Error().stack!.split("\n");
  if (!caller.includes(here)) return false;
  if (++plan.count !== plan.which) return false;
  plan.hit = name;
  return true;
}

const files = ["read", "write", "readv", "writev", "fsync", "fdatasync", "ftruncate", "fstat", "stat", "lstat", "open"];
const names = ["close", "unlink", "rename", "mkdir", "rmdir", "link", "symlink"];
// The module's own object, not what is imported of it.
plant("fs", process.getBuiltinModule("node:fs"), [...files, ...names], true);
plant("net", process.getBuiltinModule("node:net"), ["connect", "createServer"], true);
plant("dgram", process.getBuiltinModule("node:dgram"), ["createSocket"], true);
plant("socket", net.Socket.prototype, ["write"], true);
plant("socket", net.Socket.prototype, ["end", "destroy", "pause", "resume", "read", "ref", "unref"], false);
plant("server", net.Server.prototype, ["listen", "address"], true);
plant("server", net.Server.prototype, ["close", "ref", "unref"], false);
plant("datagram", dgram.Socket.prototype, ["bind", "send", "address", "setBroadcast"], true);
plant("datagram", dgram.Socket.prototype, ["close", "ref", "unref"], false);
syncBuiltinESMExports();

// --- what is asked for ------------------------------------------------------------------------------------------------

let next = 0;
const path = (name: string) => join(directory, `${next++}-${name}`);

/** Each by itself: what fails in one fails in no other. */
const steps: Readonly<Record<string, (io: Backend) => Promise<unknown>>> = {
  file: async (io) => {
    await using file = await io.openFile(path("file"), "wx+");
    const buffer = io.buffers.copyFrom("0123456789");
    try {
      await file.write(buffer, { position: 0 });
      await file.writev([buffer, buffer], { position: 10 });
      await file.read(buffer, { position: 0 });
      await file.readv([buffer], { position: 5 });
      await file.sync();
      await file.datasync();
      await file.stat();
      await file.truncate(3);
    } finally {
      buffer.release();
    }
  },
  paths: async (io) => {
    const [one, two, three] = [path("one"), path("two"), path("three")];
    await io.mkdir(one);
    await io.rename(one, two);
    await io.stat(two);
    await io.rmdir(two);
    await io.symlink("nowhere", three);
    await io.stat(three, { followLinks: false });
    await io.unlink(three);
  },
  device: async (io) => {
    await using file = await io.openFile("/dev/null", "r");
    await file.stat();
  },
  fifo: async (io) => {
    const fifo = path("fifo");
    execFileSync("mkfifo", [fifo]);
    const opening = [io.openFile(fifo, "r", { timeoutMs: 1000 }), io.openFile(fifo, "w", { timeoutMs: 1000 })] as const;
    const opened = await Promise.allSettled(opening);
    const buffer = io.buffers.copyFrom("through");
    try {
      const [reader, writer] = [await opening[0], await opening[1]];
      await writer.write(buffer);
      await reader.read(buffer);
    } finally {
      buffer.release();
      for (const one of opened) if (one.status === "fulfilled") await one.value.close();
    }
  },
  adopted: async (io) => {
    const fd = fs.openSync("/dev/null", "r+");
    try {
      await (await io.adoptFile(fd)).close();
    } catch (error) {
      // What is refused stays the program's.
      if (plan.hit !== "fs.close") closeIfOpen(fd);
      throw error;
    }
  },
  stream: (io) => talk(io, {}),
  "unix stream": (io) => talk(io, { path: path("socket") }),
  aborted: async (io) => {
    await using listener = await io.listen();
    const { address, port } = listener.address;
    const signal = AbortSignal.timeout(5);
    await Promise.allSettled([
      expectAborted(listener.accept({ signal })),
      expectAborted(io.sleep(60_000, { signal })),
      expectAborted(io.connect({ host: address, port, signal: abortedSoon() })),
    ]).then(failFirst);
  },
  datagrams: async (io) => {
    await using near = await io.bindUdp({ broadcast: true });
    await using far = await io.bindUdp();
    const buffer = io.buffers.copyFrom("datagram");
    const answer = io.buffers.take(16);
    try {
      const receiving = far.receive(answer, { timeoutMs: 2000 });
      await Promise.allSettled([near.send(buffer, far.address), receiving]).then(failFirst);
    } finally {
      await settled(() => buffer.state === "owned" && answer.state === "owned");
      buffer.release();
      answer.release();
    }
  },
  refused: async (io) => {
    await io.listen({ path: join(directory, "nowhere", "socket") }).then(
      (listener) => listener.close(),
      (error: { code: string }) => {
        if (error.code !== "ENOENT") throw error;
      },
    );
  },
};

async function talk(io: Backend, where: { path?: string }): Promise<void> {
  await using listener = (await io.listen(where as object)) as Awaited<ReturnType<typeof io.listen>>;
  const { address, port } = listener.address;
  const target = where.path === undefined ? { host: address, port } : where;
  const made = await Promise.allSettled([listener.accept({ timeoutMs: 2000 }), io.connect(target as never)]);
  const large = io.buffers.take(200_000);
  const small = io.buffers.take(16);
  const next = io.buffers.take(1);
  try {
    failFirst(made);
    const [near, far] = made.map(
      (one) => (one as PromiseFulfilledResult<Awaited<ReturnType<typeof listener.accept>>>).value,
    );
    const receiving = (async () => {
      let count = 0;
      for (;;) {
        const { bytesReceived, buffer } = await far!.receive({ timeoutMs: 2000 });
        buffer?.release();
        if (bytesReceived === 0) return count;
        count += bytesReceived;
      }
    })();
    const waiting = near!.receive(small, { timeoutMs: 2000 });
    await Promise.allSettled([
      near!.send(large).then(
        () => near!.shutdown("send"),
        async (error) => {
          // The next one ends too, however.
          await near!.send(next).catch(() => undefined);
          throw error;
        },
      ),
      // Who does not receive to the end lets the sender know.
      receiving.catch(() => far!.close()),
      receiving,
      receiving.then(() => far!.send(large, { length: 16 })),
      waiting,
    ]).then(failFirst);
    near!.peerAddress();
  } finally {
    for (const one of made) if (one.status === "fulfilled") await one.value.close().catch(() => undefined);
    await settled(() => [large, small, next].every(({ state }) => state === "owned"));
    for (const one of [large, small, next]) one.release();
  }
}

function abortedSoon(): AbortSignal {
  const controller = new AbortController();
  queueMicrotask(() => queueMicrotask(() => controller.abort()));
  return controller.signal;
}

async function expectAborted(promise: Promise<unknown>): Promise<void> {
  await promise.then(
    (value) => (value as { close?(): Promise<void> } | undefined)?.close?.(),
    (error: { code: string }) => {
      if (error.code !== "ABORT_ERR") throw error;
    },
  );
}

function failFirst(results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

function closeIfOpen(fd: number): void {
  try {
    fs.closeSync(fd);
  } catch {
    // It was taken over.
  }
}

// --- what others wait for meanwhile -----------------------------------------------------------------------------------

/** Operations that wait while others fail, and what ends them. */
async function startWaiting(io: Backend): Promise<() => Promise<void>> {
  const listener = await io.listen();
  const { address, port } = listener.address;
  const [near, far] = await Promise.all([listener.accept(), io.connect({ host: address, port })]);
  const socket = await io.bindUdp();
  const file = await io.openFile(path("theirs"), "wx+");
  const buffers = [io.buffers.take(8), io.buffers.take(8), io.buffers.copyFrom("theirs..")] as const;
  const accepting = listener.accept();
  const receiving = near.receive(buffers[0]);
  const datagram = socket.receive(buffers[1]);
  let ticks = 0;
  const timer = io.timer();
  const ticking = (async () => {
    for await (const tick of timer.every(1)) ticks = tick;
  })().catch(() => undefined);
  await io.batch([]);
  return async () => {
    await far.send(buffers[2]);
    await socket.send(buffers[2], socket.address);
    const third = await io.connect({ host: address, port });
    const received = await receiving;
    expect(received.bytesReceived === 8, `8 bytes to be received, not ${received.bytesReceived}`);
    expect((await datagram).bytesReceived === 8, "a datagram to be received");
    const accepted = await accepting;
    await file.writeFull(buffers[2], { position: 0 });
    expect((await file.readFull(buffers[0], { position: 0 })).bytesRead === 8, "8 bytes to be read");
    const before = ticks;
    await settled(() => ticks > before);
    timer.close();
    await ticking;
    for (const one of [near, far, third, accepted, socket, file, listener]) await one.close();
    for (const buffer of buffers) buffer.release();
  };
}

// --- the rounds -------------------------------------------------------------------------------------------------------

const wrong: string[] = [];

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected ${what}`);
}

/** Waits until it holds, in vain after a while. */
async function settled(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`expected ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("it did not end")), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Errors that reached the process: what a listener of the program's throws is its own. */
const strays: unknown[] = [];
process.on("uncaughtException", (error) => strays.push(error));
process.on("unhandledRejection", (error) => strays.push(error));

let buffersOut: number | undefined;
const descriptors = () => fs.readdirSync("/proc/self/fd").length;

/** Asks for everything with one call throwing; which call that was. */
async function round(which: number): Promise<string | undefined> {
  strays.length = 0;
  const before = descriptors();
  const io = createBackend({ driver: libuvDriver() });
  const finish = await startWaiting(io);
  Object.assign(plan, { which, count: 0, hit: undefined });
  const fails = (what: string, error: unknown) => wrong.push(`${which}, ${plan.hit}: ${what}: ${String(error)}`);
  for (const [name, step] of Object.entries(steps)) {
    const wasHit = plan.hit !== undefined;
    plan.armed = true;
    await inTime(step(io)).catch((error: { code?: unknown }) => {
      const isHit = !wasHit && plan.hit !== undefined;
      if (!isHit || typeof error.code !== "string") fails(name, error);
    });
    plan.armed = false;
  }
  await inTime(finish()).catch((error) => fails("what others waited for", error));
  const { operations, buffers } = io.inspect();
  if (operations.length > 0)
    fails(
      "operations in flight",
      operations.map(({ opcode }) => opcode),
    );
  // Those that wait with the driver for bytes are out too.
  buffersOut ??= buffers.out;
  if (buffers.out !== buffersOut) fails("buffers out", buffers.out - buffersOut);
  plan.armed = true;
  const report = await inTime(io.close({ deadlineMs: 2000 })).catch((error) => fails("close", error));
  plan.armed = false;
  if (typeof report === "object" && report.unconfirmedOperations > 0)
    fails("unconfirmed", report.unconfirmedOperations);
  for (const stray of strays) if (!(stray instanceof Planted)) fails("at the process", stray);
  if (strays.length > 1) fails("at the process", strays.length);
  // What was not closed is open.
  if (plan.hit !== "fs.close") {
    await settled(() => descriptors() <= before).catch(() => fails("descriptors left open", descriptors() - before));
  }
  return plan.hit;
}

// The runtime keeps one descriptor from its first listener on.
await new Promise<void>((resolve) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => server.close(() => resolve()));
});
await round(0);
const calls = plan.count;
const hits = new Set<string>();
for (let which = first; which <= calls && wrong.length < WRONG_MAX; which += every) {
  const hit = await round(which);
  if (hit !== undefined) hits.add(hit);
}
fs.rmSync(directory, { recursive: true, force: true });
process.stdout.write(`${JSON.stringify({ calls, hits: [...hits].sort(), wrong })}\n`);
process.exit(0);
