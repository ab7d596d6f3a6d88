/**
 * A backend on a system that is short of something: opened, worked with and closed again and again, each time with one
 * more of what is short. Whatever fails must fail with a code, what waits for the shortage to end (an accept) must go on
 * then, and the backend must close.
 *
 *   short-of.mjs DRIVER descriptors DIRECTORY
 *   short-of.mjs DRIVER calls DIRECTORY    with the library of `fail_calls.c`, whose block is BATON_FAIL_CONTROL
 */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Backend, createBackend } from "@baton-io/core";
import { ERRNO } from "@baton-io/core/driver";
import { createDriver, say } from "./drivers.js";

/** More than a session and what is done with it need. */
const SPARE_MAX = 16;
/** What is failed, as `fail_calls.c` numbers it, and the errno that a system has for it. */
const calls = {
  epoll_create1: [1, ERRNO.EMFILE],
  timerfd_create: [2, ERRNO.EMFILE],
  eventfd: [3, ERRNO.ENFILE],
  epoll_ctl: [4, ERRNO.ENOSPC],
  pthread_create: [5, ERRNO.EAGAIN],
  mmap: [6, ERRNO.ENOMEM],
  calloc: [7, ERRNO.ENOMEM],
} as const;
const CALLS_MAX = 40;
/** What has not come to an end by then waits for the shortage to end. */
const SHORT_MAX_MS = 1000;
/** How long everything may take from then on. */
const WORK_MAX_MS = 8000;

const after = (delayMs: number) => new Promise<"late">((resolve) => setTimeout(resolve, delayMs, "late").unref());
const [driver = "", mode = "", directory = ""] = process.argv.slice(2);
const path = join(directory, "file");
writeFileSync(path, "content");

const report = { attempts: 0, opened: 0, refused: 0, failures: 0, succeeded: 0, wrong: [] as string[] };

/** What went wrong has a code, or something is wrong with it. */
function note(where: string, error: unknown): void {
  report.failures++;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code !== "string") report.wrong.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`);
}

async function file(io: Backend): Promise<void> {
  const opened = await io.openFile(path, "r+");
  const buffer = io.buffers.copyFrom("changed");
  await opened.write(buffer, { position: 0 });
  await opened.read(buffer, { position: 0 });
  await opened.sync();
  await opened.stat();
  await opened.close();
  buffer.release();
}

async function connection(io: Backend): Promise<void> {
  const listener = await io.listen();
  const accepting = listener.accept();
  accepting.catch(() => undefined);
  const far = await io.connect({ host: listener.address.address, port: listener.address.port });
  // Where the runtime accepts by itself it ends what it has no descriptor for.
  const ended = far.receive().then((): never => {
    throw Object.assign(new Error("nobody has accepted the connection"), { code: "ECONNABORTED" });
  });
  ended.catch(() => undefined);
  const near = await Promise.race([accepting, ended]);
  const receiving = near.receive();
  await far.send(io.buffers.copyFrom("hello"));
  (await receiving).buffer?.release();
  await Promise.all([near.close(), far.close(), listener.close()]);
}

async function work(io: Backend, where: string, relax: () => void): Promise<void> {
  const parts = [() => io.nop(), () => io.sleep(2), () => file(io), () => connection(io), () => io.bindUdp()];
  const waiting = new Set(parts);
  const working = Promise.all(
    parts.map(async (part) => {
      try {
        await part();
        report.succeeded++;
      } catch (error) {
        note(where, error);
      }
      waiting.delete(part);
    }),
  );
  await Promise.race([working, after(SHORT_MAX_MS)]);
  relax();
  await Promise.race([working, after(WORK_MAX_MS)]);
  for (const part of waiting) report.wrong.push(`${where}: nothing comes of ${part}`);
}

/** One life of a backend; `between` comes when it is open, `relax` before it is closed. */
async function attempt(where: string, between: () => void, relax: () => void): Promise<void> {
  report.attempts++;
  let io: Backend;
  try {
    io = createBackend({ driver: createDriver(driver) });
  } catch (error) {
    report.refused++;
    relax();
    return note(`${where}: open`, error);
  }
  report.opened++;
  between();
  await work(io, where, relax);
  if ((await Promise.race([io.close({ deadlineMs: 1000 }), after(5000)])) === "late") {
    report.wrong.push(`${where}: it does not close`);
  }
}

async function shortOfDescriptors(): Promise<void> {
  for (let spare = 0; spare <= SPARE_MAX; spare++) {
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync("/dev/null", "r"));
    } catch {
      for (const fd of taken.splice(0, spare)) closeSync(fd);
    }
    const relax = () => {
      for (const fd of taken.splice(0)) closeSync(fd);
    };
    await attempt(`${spare} descriptors`, () => undefined, relax);
  }
}

async function failingCalls(): Promise<void> {
  const control = openSync(process.env["BATON_FAIL_CONTROL"]!, "r+");
  const set = (...words: number[]) => writeSync(control, new Uint8Array(Int32Array.from(words).buffer), 0, null, 0);
  const relax = () => set(0, 0, 0, 0);
  const count = () => {
    const words = new Int32Array(4);
    readSync(control, new Uint8Array(words.buffer), 0, 16, 0);
    return words[3]!;
  };
  for (const [name, [call, errno]] of Object.entries(calls)) {
    for (let which = 1; which <= CALLS_MAX; which++) {
      set(call, which, errno, 0);
      let made = 0;
      await attempt(
        `call ${which} of ${name}`,
        () => undefined,
        () => {
          made = count();
          relax();
        },
      );
      if (made < which) break;
    }
    await attempt(`every ${name} once it is open`, () => set(call, 0, errno, 0), relax);
  }
}

// The addon is loaded while there is enough of everything.
await createBackend({ driver: createDriver(driver) }).close();
await (mode === "descriptors" ? shortOfDescriptors() : failingCalls());
say(report);
process.exit(0);
