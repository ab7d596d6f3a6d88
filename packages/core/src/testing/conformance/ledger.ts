/**
 * The ledger: what must balance when a case is over, whatever it did. Every operation has ended exactly once, every
 * buffer is home, every handle is closed, nothing was told twice.
 */
import type { Backend, Inspection, Leak } from "@baton-io/core";
import { equal, fail } from "./expect.js";
import type { Waits } from "./waits.js";

/** What a case says it leaves behind. All zero unless it says otherwise. */
export interface Expected {
  /** Operations given up while the driver had them; all of them must have ended by now. */
  orphans: number;
  /** Resources left open for the backend to close. */
  resourcesOpen: number;
  /** Buffers left with the program. */
  buffersOut: number;
  /** Resources and buffers that the program drops without closing or releasing them. */
  dropped: number;
}

/** A backend that a case created, and what is expected of it at the end. */
export interface Account {
  readonly backend: Backend;
  readonly expected: Expected;
  readonly leaks: readonly Leak[];
}

/** Waits until nothing is in flight, checks what must hold while the backend is open, closes it, checks the rest. */
export async function balance({ backend, expected, leaks }: Account, waits: Waits): Promise<void> {
  const closedByCase = backend.closed;
  if (closedByCase) await backend[Symbol.asyncDispose]();
  await waits.until(
    () => backend.inspect().operations.length === 0,
    () => `all operations to have ended; in flight: ${inFlight(backend.inspect())}`,
  );
  if (!closedByCase) {
    const open = backend.inspect().resources.map(({ kind, label }) => `${kind} ${label}`);
    equal(open.length, expected.resourcesOpen, `the number of open resources at the end (${open.join(", ")})`);
    const report = await backend.close();
    equal(report.unconfirmedOperations, 0, "the number of operations that the driver did not confirm");
    equal(report.quarantinedBytes, 0, "the number of quarantined bytes");
    equal(report.buffersOut, expected.buffersOut, "the number of buffers out in the report of close()");
  }
  checkClosed(backend.inspect(), expected);
  if (leaks.length !== expected.dropped) {
    fail(
      `expected ${expected.dropped} things to be dropped; ${leaks.map(({ what }) => what).join(", ") || "none"} were`,
    );
  }
}

function checkClosed(inspection: Inspection, expected: Expected): void {
  const { counters, orphans, buffers } = inspection;
  equal(inspection.operations.length, 0, "the number of operations in flight after close()");
  equal(inspection.resources.length, 0, "the number of resources after close()");
  equal(orphans.inFlight, 0, "the number of orphans in flight");
  equal(orphans.total, expected.orphans, "the number of orphans in all");
  equal(buffers.out, expected.buffersOut, "the number of buffers out after close()");
  equal(buffers.leaked, 0, "the number of leaked buffers");
  equal(buffers.waiting, 0, "the number of waiters for a buffer");
  equal(counters.completionsStale, 0, "the number of completions for operations that had ended");
  equal(counters.completed, counters.submitted, "operations that ended, against operations that began,");
}

/** What is in flight, for a message. */
export function inFlight(inspection: Inspection): string {
  return inspection.operations
    .map(({ opcode, state, ageMs }) => `${opcode} ${state} ${ageMs.toFixed(0)} ms`)
    .join(", ");
}
