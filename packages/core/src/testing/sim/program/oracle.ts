/** What must be true when a program has ended, whatever happened to it on the way. */
import type { OwnedBuffer } from "@baton-io/core";
import type { Context } from "./context.js";
import { fillPattern, patternMismatch } from "./context.js";

const HELD_BYTES = 4096;
const HELD_MAX = 6;

/** All actors have ended and nothing is in flight: core and driver agree on who has which buffer. */
export async function checkAtRest(context: Context): Promise<void> {
  const { io, simulation } = context;
  // Buffers that are to be provided go to the driver with the next submission.
  while (!(await context.end("nop", io.nop())).ok) await context.pause(1);
  const { operations, orphans, buffers } = io.inspect();
  context.expect(operations.length === 0, () => `in flight at rest: ${JSON.stringify(operations)}`);
  context.expect(orphans.inFlight === 0, () => `${orphans.inFlight} orphans at rest`);
  const { buffersProvided, buffersLent } = simulation.ledger;
  context.expect(buffersLent === 0, () => `the kernel has ${buffersLent} lent buffers at rest`);
  context.expect(
    buffers.out === buffersProvided,
    () => `${buffers.out} buffers are out, the kernel has ${buffersProvided}`,
  );
}

/**
 * Each operation has settled once; every buffer is home; handles, connections and bytes add up; the inspector shows
 * nothing in flight; the kernel touches nothing any more.
 */
export async function checkAtEnd(context: Context, unconfirmed: number, isAbrupt: boolean): Promise<void> {
  const { io, simulation } = context;
  const { ledger } = simulation;
  const { operations, orphans, counters, buffers } = io.inspect();
  context.expect(context.started === context.settled, () => {
    const pending = [...context.pending].map(({ where }) => where).join(", ");
    return `${context.started} operations were started and ${context.settled} have settled, without ${pending}`;
  });
  context.expect(counters.completionsStale === 0, () => `${counters.completionsStale} stale completions`);
  context.expect(counters.resourcesLeaked === 0, () => `${counters.resourcesLeaked} resources leaked`);
  if (unconfirmed === 0) {
    context.expect(operations.length === 0, () => `in flight at the end: ${JSON.stringify(operations)}`);
    context.expect(orphans.inFlight === 0, () => `${orphans.inFlight} orphans at the end`);
    context.expect(buffers.out === 0, () => `${buffers.out} buffers are not home`);
    context.expect(counters.submitted === counters.completed, () => {
      return `${counters.submitted} operations were submitted and ${counters.completed} have completed`;
    });
    context.expect(ledger.operationsInFlight === 0, () => `the kernel has ${ledger.operationsInFlight} operations`);
    context.expect(ledger.buffersLent === 0, () => `the kernel has ${ledger.buffersLent} lent buffers`);
    context.expect(ledger.buffersProvided === 0, () => `the kernel has ${ledger.buffersProvided} provided buffers`);
  }
  if (!isAbrupt) {
    context.expect(ledger.handlesForceClosed === 0, () => `${ledger.handlesForceClosed} handles were never closed`);
  }
  context.expect(ledger.handlesOpen === 0, () => `${ledger.handlesOpen} handles are open`);
  context.expect(ledger.badHandles === 0, () => `${ledger.badHandles} operations on handles that are closed`);
  context.expect(ledger.strangersMet === 0, () => `${ledger.strangersMet} operations met a stranger's descriptor`);
  context.expect(ledger.closesWhileInUse === 0, () => `${ledger.closesWhileInUse} handles were closed while in use`);
  for (const sentence of ledger.balance()) context.fail(sentence);
  context.expect(ledger.bytesUnderWay === 0, () => `${ledger.bytesUnderWay} bytes are still under way`);
}

/** Buffers that a program holds while its backend closes, with a mark in each. */
export class HeldBuffers {
  readonly #context: Context;
  readonly #buffers: OwnedBuffer[] = [];

  /** Takes as many as there are, up to a few. */
  constructor(context: Context) {
    this.#context = context;
    for (let count = 0; count < HELD_MAX; count++) {
      const buffer = context.io.buffers.tryTake(HELD_BYTES);
      if (buffer === undefined) return;
      fillPattern(buffer.bytes, count, 0);
      this.#buffers.push(buffer);
    }
  }

  get count(): number {
    return this.#buffers.length;
  }

  /** However late the kernel is, it must not have written into them. */
  async release(): Promise<void> {
    await this.#context.simulation.idle();
    for (const [index, buffer] of this.#buffers.entries()) {
      const mismatch = patternMismatch(buffer.bytes, index, 0);
      if (mismatch >= 0) this.#context.fail(`the kernel wrote at ${mismatch} of a buffer that the program holds`);
      buffer.release();
    }
  }
}
