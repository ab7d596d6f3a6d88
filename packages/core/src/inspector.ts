/** A look inside a running backend: what is in flight, since when, who holds which buffer, and what was counted. */

import type { Counters } from "./base/counters.js";
import type { BufferPoolStats } from "./memory/buffer-pool.js";
import type { BufferState, OwnedBuffer } from "./memory/owned-buffer.js";
import type { AdmissionStats } from "./operation/admission.js";
import type { Dispatcher } from "./operation/dispatcher.js";
import type { ResourceKind } from "./operation/entry.js";
import { STATE, type StateName, stateName } from "./operation/lifecycle.js";
import type { OrphanStats } from "./operation/orphan.js";
import type { ReceiveStats } from "./operation/provided-buffers.js";
import type { ResourceTracker } from "./resource/resource-tracker.js";
import type { Shortfall } from "./spi/driver.js";
import type { OpcodeName } from "./spi/opcode.js";
import { CONTROL } from "./spi/record.js";

/** A buffer that an operation holds. */
export interface BufferInfo {
  readonly length: number;
  readonly state: BufferState;
}

/** One operation in flight. */
export interface OperationInfo {
  readonly id: number;
  readonly opcode: OpcodeName;
  readonly state: StateName;
  /** Milliseconds since the driver took it; 0 while it is queued. */
  readonly ageMs: number;
  readonly resource: { readonly kind: ResourceKind; readonly label: string; readonly number: number } | undefined;
  readonly buffer: BufferInfo | undefined;
  /** Those of a vectored operation. */
  readonly buffers: readonly BufferInfo[] | undefined;
}

/** One open resource. */
export interface ResourceInfo {
  readonly kind: ResourceKind;
  readonly label: string;
  readonly number: number;
  readonly phase: "open" | "closing" | "closed";
  readonly operationsInFlight: number;
  /** A listener that does not accept now: the code of the error, `"EMFILE"` for one. */
  readonly pausedBy: string | undefined;
}

/** What `io.inspect()` shows; plain data, fit for JSON. */
export interface Inspection {
  readonly driver: string;
  /** What the driver has less of than it asked for, because the system did not grant more. */
  readonly shortfalls: readonly Shortfall[];
  readonly operations: readonly OperationInfo[];
  readonly admission: AdmissionStats;
  readonly resources: readonly ResourceInfo[];
  readonly orphans: OrphanStats;
  readonly buffers: BufferPoolStats;
  /** Receives without a buffer of their own. */
  readonly receiving: ReceiveStats;
  readonly counters: Readonly<Counters>;
  /**
   * Submissions and provided buffers that the driver passed over because they named nothing that is there: always 0,
   * unless something has written to Baton's memory that should not have.
   */
  readonly passedOver: number;
}

function describeBuffer({ length, state }: OwnedBuffer): BufferInfo {
  return { length, state };
}

export function inspect(dispatcher: Dispatcher, tracker: ResourceTracker): Inspection {
  const nowMs = dispatcher.clock.nowMs();
  const operations: OperationInfo[] = [];
  for (const entry of dispatcher.table.entries) {
    if (entry.state === STATE.free || entry.state === STATE.completed) continue;
    const { resource, buffer, vector } = entry;
    operations.push({
      id: entry.id,
      opcode: entry.kind!.name,
      state: stateName(entry.state),
      ageMs: entry.startedAtMs === 0 ? 0 : Math.max(0, nowMs - entry.startedAtMs),
      resource: resource && { kind: resource.kind, label: resource.label, number: resource.number },
      buffer: buffer && describeBuffer(buffer),
      buffers: vector?.map((part) => describeBuffer(part.buffer)),
    });
  }
  return {
    driver: dispatcher.driverName,
    shortfalls: dispatcher.session.shortfalls ?? [],
    operations,
    admission: dispatcher.admission.stats(),
    resources: [...tracker.handles].map(({ kind, label, number, phase, ending, busy }) => ({
      kind,
      label,
      number,
      phase,
      operationsInFlight: busy?.inFlight ?? 0,
      pausedBy: ending?.pausedBy,
    })),
    orphans: dispatcher.endings.orphans.stats(),
    buffers: dispatcher.buffers.stats(),
    receiving: dispatcher.provided.stats(),
    counters: { ...dispatcher.counters },
    passedOver: new Int32Array(dispatcher.session.shared.control)[CONTROL.passedOver]!,
  };
}
