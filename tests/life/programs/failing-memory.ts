/**
 * Memory that is handed over by a runtime that fails: each call of Node-API in turn, in each thing that is asked of a
 * session. Whatever fails must fail with a code and leave every count as it was, so that the memory that the kernel may
 * write to is as much as before.
 *
 *   failing-memory.mjs DRIVER    with an addon of `fail_napi.h`, whose block is BATON_FAIL_CONTROL
 */
import { openSync, readFileSync, readSync, writeSync } from "node:fs";
import type { DriverSession, Slab } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

const PAGE_BYTES = 4096;
/** A size of nothing else. */
const BUFFER_BYTES = 37 * PAGE_BYTES;
const CALLS_MAX = 200;
/** As `fail_napi.h` numbers it. */
const NAPI = 100;

const block = openSync(process.env["BATON_FAIL_CONTROL"]!, "r+");
const setBlock = (which: number) => writeSync(block, new Uint8Array(Int32Array.of(NAPI, which, 0, 0).buffer), 0, 16, 0);
function callCount(): number {
  const words = new Int32Array(4);
  readSync(block, new Uint8Array(words.buffer), 0, 16, 0);
  return words[3]!;
}

/** V8's memory comes and goes in units of this, and is not inherited by a child either. */
const FOREIGN_BYTES = 256 * 1024;

/** Bytes of slabs, as far as they are told from V8's memory: what is not inherited, beyond whole units of V8's. */
function slabBytes(): number {
  let bytes = 0;
  let size = 0;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    const found = /^Size: +(\d+) kB/.exec(line);
    if (found !== null) size = Number(found[1]) * 1024;
    if (line.startsWith("VmFlags:") && / dc( |$)/.test(line)) bytes += size;
  }
  return bytes % FOREIGN_BYTES;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const limits = { slots: 64, submissionBatchMax: 16, completionBatchMax: 16, arenaBytes: 65_536 };
const driver = createDriver(process.argv[2]!);
// Loads the addon, before anything fails.
if (!driver.probe().available) throw new Error("the addon does not load");
const openSession = () => driver.open({ sink: () => undefined }, limits);
const report = { failures: 0, successes: 0, wrong: [] as string[] };

/** Does it with each call failing in turn, until one goes through. `action` answers what undoes it. */
async function attempt(name: string, action: () => () => unknown): Promise<void> {
  await settle();
  const before = slabBytes();
  for (let which = 1; which <= CALLS_MAX; which++) {
    let undo: (() => unknown) | undefined;
    setBlock(which);
    try {
      undo = action();
      report.successes++;
    } catch (error) {
      report.failures++;
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (typeof code !== "string") report.wrong.push(`${name}, call ${which}: ${String(error)}`);
    }
    const isOver = callCount() < which;
    setBlock(0);
    await undo?.();
    // What it has must be collectable.
    undo = undefined;
    await settle();
    const bytes = slabBytes();
    if (bytes !== before) {
      report.wrong.push(`${name}, call ${which}: ${bytes} bytes instead of ${before}`);
      return;
    }
    if (isOver) return;
  }
  report.wrong.push(`${name}: no end of its calls`);
}

/** What is asked for makes no sense. */
function expectRefused(name: string, action: () => unknown): void {
  try {
    action();
    report.wrong.push(`${name}: not refused`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) report.wrong.push(`${name}: ${String(error)}`);
  }
}

const freeing =
  ({ memory }: DriverSession, { firstNumber }: Slab) =>
  () =>
    memory.free(firstNumber);

await attempt("open", () => {
  const session = openSession();
  return () => session.close(1000);
});
const session = openSession();
const { memory } = session;
await attempt("allocate", () => freeing(session, memory.allocate(BUFFER_BYTES, 3)));
await attempt("adopt", () => freeing(session, memory.adopt(new ArrayBuffer(BUFFER_BYTES))));
await attempt("borrow", () => freeing(session, memory.borrow(new ArrayBuffer(100), 0, 100)));
const kept = memory.allocate(BUFFER_BYTES, 1);
let current = kept.buffers[0]!;
await attempt("renew", () => {
  current = memory.renew!(kept.firstNumber);
  return () => undefined;
});
await attempt("detach", () => {
  current = memory.detach(kept.firstNumber, current);
  return () => undefined;
});
new Uint8Array(current).fill(1);
expectRefused("borrow beyond the end", () => memory.borrow(new ArrayBuffer(100), 50, 51));
expectRefused("borrow before the start", () => memory.borrow(new ArrayBuffer(100), -1, 10));
expectRefused("allocate more than there is", () => memory.allocate(2 ** 50, 2 ** 20));
expectRefused("allocate more numbers than there are", () => memory.allocate(1, 2 ** 30));
expectRefused("submit more than the window holds", () => session.submit(limits.submissionBatchMax + 1));
// Where the runtime detaches, it asks for no number.
if (!("transfer" in ArrayBuffer.prototype)) {
  expectRefused("detach another's", () => memory.detach(kept.firstNumber, new ArrayBuffer(100)));
}
memory.free(kept.firstNumber);
await session.close(1000);
say(report);
