/**
 * Memory that is handed over by a runtime that fails: each call of Node-API in turn, in each thing that is asked of a
 * session. Whatever fails must fail with a code and leave every count as it was, so that the memory that the kernel may
 * write to is as much as before.
 *
 *   failing-memory.mjs DRIVER    with an addon of `fail_napi.h`, whose block is BATON_FAIL_CONTROL
 */
import { openSync, readSync, writeSync } from "node:fs";
import type { DriverSession, Slab } from "@baton-io/core/driver";
import { createDriver, say } from "./drivers.js";

const PAGE_BYTES = 4096;
/** A size of nothing else. */
const BUFFER_BYTES = 37 * PAGE_BYTES;
const CALLS_MAX = 200;
/** Collections in which a count that is given back too often shows, and in which what nobody has must be gone. */
const SETTLE_TURNS = 2;
const SETTLE_TURNS_MAX = 20;
/** As `fail_napi.h` numbers it. */
const NAPI = 100;
const MAPPED_BYTES_AT = 16;

const block = openSync(process.env["BATON_FAIL_CONTROL"]!, "r+");
const setBlock = (which: number) => writeSync(block, new Uint8Array(Int32Array.of(NAPI, which, 0, 0).buffer), 0, 16, 0);
function callCount(): number {
  const words = new Int32Array(4);
  readSync(block, new Uint8Array(words.buffer), 0, 16, 0);
  return words[3]!;
}

/** Bytes that the addon has mapped and not given back. */
function mappedBytes(): number {
  const bytes = new BigInt64Array(1);
  readSync(block, new Uint8Array(bytes.buffer), 0, 8, MAPPED_BYTES_AT);
  return Number(bytes[0]);
}

/** Collects until the addon has so much memory, or for a while. Answers what it has. */
async function settle(bytes: number): Promise<number> {
  for (let turn = 0; turn < SETTLE_TURNS_MAX && (turn < SETTLE_TURNS || mappedBytes() !== bytes); turn++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return mappedBytes();
}

const limits = { slots: 64, submissionBatchMax: 16, completionBatchMax: 16, arenaBytes: 65_536 };
const driver = createDriver(process.argv[2]!);
// Loads the addon, before anything fails.
if (!driver.probe().available) throw new Error("the addon does not load");
const openSession = () => driver.open({ sink: () => undefined }, limits);
const report = { failures: 0, successes: 0, wrong: [] as string[] };

/**
 * Does it and undoes it with one call failing, and says whether there was no such call any more. A function of its own:
 * what it had is out of reach when it has ended.
 */
async function once(name: string, action: () => () => unknown, which: number): Promise<boolean> {
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
  return isOver;
}

/** Does it with each call failing in turn, until one goes through. `action` answers what undoes it. */
async function attempt(name: string, action: () => () => unknown): Promise<void> {
  const before = await settle(-1);
  for (let which = 1; which <= CALLS_MAX; which++) {
    const isOver = await once(name, action, which);
    const bytes = await settle(before);
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
