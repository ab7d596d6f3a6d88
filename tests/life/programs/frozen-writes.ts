/**
 * A chain of two writes hangs in the kernel when its session ends, because the file system is frozen; then the program
 * opens other files, and the file system goes on: `frozen-writes.mjs DRIVER close|terminate DIRECTORY`. Wants a mount
 * namespace of its own.
 */
import { once } from "node:events";
import { fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createBackend } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";
import { freezeFor, makeFileSystem } from "./frozen-file-system.js";

const DEADLINE_MS = 300;
/** Longer than a session may take to end, a terminated worker's too. */
const FROZEN_MS = 4000;
/** Descriptors that are opened afterwards: more than the session had. */
const STRANGERS = 16;
const CONTENT = ["first.", "second"] as const;

const after = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

/** Writes to it in a chain, and lets that hang; what ends the session. */
async function startChain(driver: string, path: string, freeze: () => void): Promise<() => Promise<number>> {
  const io = createBackend({ driver: createDriver(driver) });
  const file = await io.openFile(path, "r+");
  freeze();
  io.chain(
    CONTENT.map((text, index) => ({
      opcode: "write" as const,
      file,
      buffer: io.buffers.copyFrom(text),
      position: index * CONTENT[0].length,
    })),
  ).catch(() => undefined);
  // The kernel has come to it.
  await after(100);
  return async () => (await io.close({ deadlineMs: DEADLINE_MS })).unconfirmedOperations;
}

async function main(driver: string, life: string, directory: string): Promise<void> {
  const root = makeFileSystem(directory);
  const path = join(root, "own");
  writeFileSync(path, "");
  let thawed: Promise<unknown> = Promise.resolve();
  const freeze = () => {
    thawed = freezeFor(root, FROZEN_MS).thawed;
  };
  let unconfirmed = 0;
  if (life === "close") {
    const end = await startChain(driver, path, freeze);
    unconfirmed = await end();
  } else {
    freeze();
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { driver, path } });
    await once(worker, "message");
    await worker.terminate();
  }
  const strangers = Array.from({ length: STRANGERS }, (_, index) => openSync(join(directory, `${index}`), "w"));
  await thawed;
  const whole = CONTENT.join("");
  for (let waits = 0; waits < 20 && readFileSync(path, "utf8") !== whole; waits++) await after(50);
  const strangersBytes = strangers.reduce((sum, fd) => sum + fstatSync(fd).size, 0);
  say({ unconfirmed, own: readFileSync(path, "utf8"), strangersBytes });
  process.exit(0);
}

if (isMainThread) {
  const [driver = "", life = "", directory = ""] = process.argv.slice(2);
  await main(driver, life, directory);
} else {
  await startChain(workerData.driver, workerData.path, () => undefined);
  parentPort?.postMessage("hangs");
}
