/**
 * A backend that the program drops, with or without something that it opened: `dropped.mjs DRIVER`, with `--expose-gc`.
 * Says what was told of it and how many descriptors are left.
 */
import { readdirSync } from "node:fs";
import { type Backend, createBackend, type Leak } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

const DEADLINE_MS = 20_000;

const [driver = ""] = process.argv.slice(2);
const descriptors = () => readdirSync("/proc/self/fd").length;
const leaks: Leak[] = [];
const open = (poolBytesMax = 2 ** 20): Backend =>
  createBackend({ driver: createDriver(driver), poolBytesMax, onLeak: (leak) => leaks.push(leak) });

async function collectUntil(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!condition() && performance.now() < endMs) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// What the runtime opens once is open before the count begins.
await (async () => {
  await using io = open();
  await using _listener = await io.listen({ host: "127.0.0.1" });
  await io.stat("/");
})();
const before = descriptors();

// Dropped with a file, and with nothing.
await (async () => void (await open().openFile("/dev/null")))();
await (async () => void (await open().stat("/")))();
await collectUntil(() => leaks.length >= 3 && descriptors() <= before);
const told = leaks.map(({ what }) => what).sort();
const left = descriptors() - before;

// Only a file of it is held: it goes on, and so do an operation and a wait for a buffer of which nothing else is held.
const file = await (async () => open().openFile("/dev/null"))();
const sleeping = (async () => open().sleep(500))();
const waiting = (async () => {
  const { buffers } = open(65_536);
  const all = buffers.take(65_536);
  setTimeout(() => all.release(), 500);
  return buffers.takeWhenFree(4096);
})();
leaks.length = 0;
for (let round = 0; round < 10; round++) {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const used = leaks.map(({ what }) => what);
const { size } = await file.stat();
await file.close();
await sleeping;
(await waiting).release();
say({ told, left, used, size });
process.exit(0);
