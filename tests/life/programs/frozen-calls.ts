/**
 * Many calls hang in a frozen file system; meanwhile the event loop turns, and work on other files goes on:
 * `frozen-calls.mjs DRIVER DIRECTORY`. Wants a mount namespace of its own.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createBackend } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";
import { freezeFor, makeFileSystem } from "./frozen-file-system.js";

/** For so long at least, and until the other work is done. */
const FROZEN_MS = 1500;
/** … which takes as long as it takes; on libuv it waits for the thaw, which need not be late then. */
const FROZEN_MS_MAX = 30_000;
/** Of each kind. */
const CALLS = 5;
/**
 * Files that somebody else writes to, of which one is enough. io_uring's workers have 64 lines for buffered writes, chosen
 * by the file: one write in 13 is in the same line as one of those that hang, and waits for it.
 */
const OTHER_FILES = 8;
const TICK_MS = 10;

const [driver = "", directory = ""] = process.argv.slice(2);
const frozenMsMax = driver === "libuv" ? 3000 : FROZEN_MS_MAX;
const root = makeFileSystem(directory);
const numbers = Array.from({ length: CALLS }, (_, number) => number);
for (const number of numbers) {
  for (const name of ["gone", "old", "file"]) writeFileSync(join(root, `${name}${number}`), "content");
}
// In memory: a sync would wait for a disk that others use too.
const elsewhere = join(directory, "elsewhere");
mkdirSync(elsewhere);
execFileSync("mount", ["-t", "tmpfs", "tmpfs", elsewhere]);

const io = createBackend({ driver: createDriver(driver) });
const files = await Promise.all(numbers.map((number) => io.openFile(join(root, `file${number}`), "r+")));
let frozen = true;
const { thaw, thawed } = freezeFor(root, frozenMsMax);
const over = thawed.then(() => {
  frozen = false;
});
let lastTick = performance.now();
let longestMs = 0;
const ticks = setInterval(() => {
  const now = performance.now();
  longestMs = Math.max(longestMs, now - lastTick);
  lastTick = now;
}, TICK_MS);

const calls = numbers.flatMap((number) => [
  io.unlink(join(root, `gone${number}`)),
  io.rename(join(root, `old${number}`), join(root, `new${number}`)),
  io.mkdir(join(root, `directory${number}`)),
  io.hardlink(join(root, `file${number}`), join(root, `second${number}`)),
  io.symlink("file", join(root, `third${number}`)),
  files[number]!.truncate(3),
  files[number]!.write(io.buffers.copyFrom("written"), { position: 0 }),
  // The runtime binds on its event loop, which then hangs.
  ...(driver === "libuv" ? [] : [io.listen({ path: join(root, `listener${number}`) })]),
]);
let hanging = calls.length;
for (const call of calls) {
  call.then(
    () => hanging--,
    () => hanging--,
  );
}

/** What somebody else has to do with files. */
async function work(): Promise<void> {
  const name = join(elsewhere, "name");
  await io.mkdir(name);
  await io.rename(name, join(elsewhere, "other"));
  const opened = await Promise.all(
    Array.from({ length: OTHER_FILES }, (_, number) => io.openFile(join(elsewhere, `file${number}`), "w+")),
  );
  const file = await Promise.any(
    opened.map(async (each) => {
      await each.write(io.buffers.copyFrom("content"), { position: 0 });
      return each;
    }),
  );
  const buffer = io.buffers.take(7);
  await file.sync();
  await file.read(buffer, { position: 0 });
  await file.stat();
  buffer.release();
  await file.close();
}

const begun = performance.now();
const [report] = await Promise.all([
  work().then(() => ({ meanwhile: frozen, hanging, tookMs: performance.now() - begun })),
  new Promise((resolve) => setTimeout(resolve, FROZEN_MS)),
]);
thaw();
await over;
const results = await Promise.allSettled(calls);
clearInterval(ticks);
say({
  ...report,
  calls: calls.length,
  longestMs,
  failed: results.filter(({ status }) => status === "rejected").length,
});
process.exit(0);
