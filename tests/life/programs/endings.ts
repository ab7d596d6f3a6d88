/** A process, or a worker of it, ends in some way while operations are in flight: `endings.mjs DRIVER ENDING PATH`. */
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { createBackend } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";
import { startAll } from "./in-flight.js";

type End = (driver: string, path: string) => Promise<void> | void;

const SLEEP_MS = 150;

/** What can happen in a worker and in the main thread alike. */
const endings: Readonly<Record<string, End>> = {
  /** A backend that was used and never closed holds nothing up. */
  idle: async (driver, path) => {
    const io = createBackend({ driver: createDriver(driver) });
    const file = await io.openFile(path, "r");
    const { bytesRead } = await file.read(io.buffers.take(4096), { position: 0 });
    say({ bytesRead });
  },
  /** An operation in flight keeps the event loop alive until it is done, with nothing else there. */
  pending: async (driver) => {
    const io = createBackend({ driver: createDriver(driver) });
    const startMs = performance.now();
    io.sleep(SLEEP_MS).then(() => say({ waited: performance.now() - startMs >= SLEEP_MS }));
  },
  closed: async (driver, path) => {
    const { io, all } = await startAll(driver, path);
    const { unconfirmedOperations } = await io.close();
    const settled = await Promise.allSettled(all);
    say({ unconfirmedOperations, settled: settled.length === all.length });
  },
  exit: async (driver, path) => {
    await startAll(driver, path);
    process.exit(7);
  },
  throw: async (driver, path) => {
    await startAll(driver, path);
    setImmediate(() => {
      throw new Error("thrown on purpose");
    });
  },
  /** Thrown from the code that a completion runs, which is inside the driver's call into JavaScript. */
  "throw-in-completion": async (driver, path) => {
    const { io } = await startAll(driver, path);
    await io.sleep(2);
    queueMicrotask(() => {
      throw new Error("thrown on purpose");
    });
  },
  "exit-in-completion": async (driver, path) => {
    const { io } = await startAll(driver, path);
    await io.sleep(2);
    process.exit(7);
  },
  "close-in-completion": async (driver, path) => {
    const { io } = await startAll(driver, path);
    await io.sleep(2);
    const { unconfirmedOperations } = await io.close();
    say({ unconfirmedOperations });
  },
  /** Whoever throws in a completion, the others of its batch come all the same. */
  "throw-and-go-on": async (driver) => {
    const thrown: string[] = [];
    process.on("uncaughtException", (error) => thrown.push(error.message));
    const io = createBackend({ driver: createDriver(driver) });
    let came = 0;
    const sleeps = Array.from({ length: 32 }, (_, index) =>
      io.sleep(5).then(() => {
        came++;
        if (index % 4 === 0) {
          queueMicrotask(() => {
            throw new Error(String(index));
          });
        }
      }),
    );
    await Promise.all(sleeps);
    await io.close();
    say({ came, thrown: thrown.length });
  },
  signal: async (driver, path) => {
    const { io } = await startAll(driver, path);
    process.stdout.write("ready\n");
    await io.sleep(30_000);
  },
};

/** A worker ends that way; the process tells how it saw it, and lives. */
async function inWorker(ending: string, driver: string, path: string): Promise<void> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { ending, driver, path }, stdout: true });
  let error: string | undefined;
  worker.on("error", ({ message }: Error) => {
    error = message;
  });
  const code = await new Promise((resolve) => worker.on("exit", resolve));
  // The process can still do everything itself.
  const io = createBackend({ driver: createDriver(driver) });
  await io.sleep(1);
  await io.close();
  say({ code, error: error ?? null });
}

if (isMainThread) {
  const [driver = "", ending = "", path = ""] = process.argv.slice(2);
  if (ending.startsWith("worker-")) await inWorker(ending.slice("worker-".length), driver, path);
  else await endings[ending]!(driver, path);
} else {
  const { ending, driver, path } = workerData as { ending: string; driver: string; path: string };
  await endings[ending]!(driver, path);
}
