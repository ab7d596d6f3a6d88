/**
 * Reads past the page cache are in flight when the session ends; whatever is written to their memory afterwards is a
 * late write: `late-writes.mjs DRIVER close|session|exit|terminate ROUNDS PATH`.
 *
 * `close` and `session` (the driver without core) look at their own buffers. In the lives of a worker the memory is
 * given back to the system; there `watch_memory.c` looks on, and says so itself.
 */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Backend, createBackend, type File, isSupported } from "@baton-io/core";
import { OPCODE, OPEN_FLAG } from "@baton-io/core/driver";
import { CaseContext } from "@baton-io/core/testing";
import { epollDriver } from "@baton-io/driver-epoll";
import { openRaw } from "../../../packages/core/src/testing/conformance/raw-session.js";
import { createDriver, say } from "./drivers.js";

const READS = 16;
const READ_BYTES = 262_144;
const BUSY_READS = 64;
const BUSY_BYTES = 1_048_576;
const PATTERN = 0xa5;
/** Threads have begun by then, and their reads take longer: see READ_MS in the test. */
const BEGIN_MS = 60;
/** Longer than a read takes that the device has begun. */
const LOOK_AFTER_MS = 60;

const after = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));
const countLate = (views: readonly Uint8Array[]) =>
  views.reduce((sum, bytes) => sum + bytes.reduce((late, byte) => (byte === PATTERN ? late : late + 1), 0), 0);

/** What a round found. */
interface Round {
  readonly lateBytes: number;
  readonly unconfirmed: number;
}

async function fillAndLook(views: readonly Uint8Array[], unconfirmed: number): Promise<Round> {
  for (const bytes of views) bytes.fill(PATTERN);
  await after(LOOK_AFTER_MS);
  return { lateBytes: countLate(views), unconfirmed };
}

/** Past the page cache where the driver can. */
function openDirect(io: Backend, path: string): Promise<File> {
  return io.openFile(path, "r", { direct: isSupported(io.capabilities.features.directIo) });
}

async function roundOfBackend(driver: string, path: string): Promise<Round> {
  const io = createBackend({ driver: createDriver(driver) });
  const file = await openDirect(io, path);
  const buffers = Array.from({ length: READS }, () => io.buffers.take(READ_BYTES));
  const reads = buffers.map((buffer, index) => file.read(buffer, { position: index * READ_BYTES }));
  await io.batch([]);
  const [report] = await Promise.all([io.close(), Promise.allSettled(reads)]);
  return fillAndLook(
    buffers.map(({ bytes }) => bytes),
    report.unconfirmedOperations,
  );
}

/** Without core, nobody waits for the reads before the driver is told to end. */
async function roundOfSession(driver: string, path: string): Promise<Round> {
  const context = new CaseContext({ name: driver, createDriver: () => createDriver(driver), scratchPath: () => path });
  const raw = openRaw(context);
  const { index, generation } = await open(raw, path);
  const slab = raw.session.memory.allocate(READ_BYTES, READS);
  const slots = Array.from({ length: READS }, (_, read) =>
    raw.write({
      opcode: OPCODE.read,
      handle: { index, generation },
      buffer: slab.firstNumber + read,
      length: READ_BYTES,
      position: read * READ_BYTES,
    }),
  );
  raw.submit(...slots);
  const { unconfirmedOperations } = await raw.close(5000);
  return fillAndLook(
    slab.buffers.map((buffer) => new Uint8Array(buffer)),
    unconfirmedOperations,
  );
}

async function open(raw: ReturnType<typeof openRaw>, path: string): Promise<{ index: number; generation: number }> {
  const direct = isSupported(raw.session.capabilities.features.directIo) ? OPEN_FLAG.direct : 0;
  const { result, auxiliary } = await raw.run({ opcode: OPCODE.open, path, argument0: OPEN_FLAG.read | direct });
  if (result < 0) throw new Error(`${path} cannot be opened: errno ${-result}`);
  return { index: result, generation: auxiliary };
}

async function roundOfWorker(driver: string, life: string, path: string): Promise<Round> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { driver, life, path } });
  const ended = once(worker, "exit");
  await once(worker, "message");
  if (life === "terminate") await worker.terminate();
  await ended;
  return { lateBytes: 0, unconfirmed: 0 };
}

async function runWorker({ driver, life, path }: { driver: string; life: string; path: string }): Promise<void> {
  const io = createBackend({ driver: createDriver(driver) });
  const file = await openDirect(io, path);
  for (let index = 0; index < READS; index++) {
    file.read(io.buffers.take(READ_BYTES), { position: index * READ_BYTES }).catch(() => undefined);
  }
  await io.batch([]);
  // A thread has to come to its read first; what no thread has begun is dropped by every driver, the careless one too.
  if (driver === "epoll") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BEGIN_MS);
  parentPort?.postMessage("started");
  // The reads are in flight: the kernel has them and the event loop has not turned.
  if (life === "exit") process.exit(0);
}

/**
 * Keeps the device busy, so that what is in flight has not ended when the worker, or the session, has. Returns what stops
 * it.
 */
async function keepBusy(driver: string, path: string): Promise<() => Promise<unknown>> {
  // Its own threads would be too few to keep the device busy with.
  const io = createBackend({
    driver: driver === "epoll" ? epollDriver({ threadsMax: BUSY_READS }) : createDriver(driver),
  });
  const file = await openDirect(io, path);
  let busy = true;
  const reads = Array.from({ length: BUSY_READS }, async () => {
    const buffer = io.buffers.take(BUSY_BYTES);
    while (busy) await file.read(buffer, { position: 0 });
  });
  return () => {
    busy = false;
    return Promise.all(reads).then(() => io.close());
  };
}

async function main(driver: string, life: string, rounds: number, path: string): Promise<void> {
  let lateBytes = 0;
  let lateRounds = 0;
  let unconfirmed = 0;
  const relax = life === "close" ? undefined : await keepBusy(driver, path);
  for (let round = 0; round < rounds; round++) {
    const found =
      life === "close"
        ? await roundOfBackend(driver, path)
        : life === "session"
          ? await roundOfSession(driver, path)
          : await roundOfWorker(driver, life, path);
    lateBytes += found.lateBytes;
    unconfirmed += found.unconfirmed;
    if (found.lateBytes > 0) lateRounds++;
  }
  await relax?.();
  say({ rounds, lateRounds, lateBytes, unconfirmed });
}

if (isMainThread) {
  const [driver = "", life = "", rounds = "", path = ""] = process.argv.slice(2);
  await main(driver, life, Number(rounds), path);
} else {
  await runWorker(workerData);
}
