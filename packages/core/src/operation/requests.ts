/**
 * The beginning of an operation: a slot of the table, the constant words of its record, and its buffer lent. What is
 * refused here leaves nothing behind.
 */
import type { Counters } from "../base/counters.js";
import { batonError } from "../base/errors.js";
import { blockOf, lendBuffer, type OwnedBuffer } from "../memory/owned-buffer.js";
import { type Capabilities, type FeatureName, isSupported } from "../spi/capability.js";
import { opcodeNames } from "../spi/opcode.js";
import { TRANSFER_BYTES_MAX, WORD } from "../spi/record.js";
import type { Areas } from "./areas.js";
import type { Entry, EntryExtras, OperationKind } from "./entry.js";
import { EVENT } from "./lifecycle.js";
import type { OperationTable } from "./operation-table.js";
import type { ResourceState } from "./resource-state.js";
import { giveBackAll } from "./vector.js";

/** What beginning an operation needs of a backend. */
export interface RequestHost {
  readonly driverName: string;
  readonly capabilities: Capabilities;
  readonly records: Int32Array;
  readonly counters: Counters;
  readonly table: OperationTable;
  readonly areas: Areas;
  readonly canceler: { detach(extras: EntryExtras): void };
}

export class Requests {
  /** Set while the backend closes: nothing new begins. */
  closed = false;
  readonly #host: RequestHost;
  readonly #records: Int32Array;
  readonly #table: OperationTable;
  readonly #counters: Counters;
  /** By opcode: 1 where the driver has no such operation. */
  readonly #unsupported: Uint8Array;

  constructor(host: RequestHost) {
    this.#host = host;
    this.#records = host.records;
    this.#table = host.table;
    this.#counters = host.counters;
    const { operations } = host.capabilities;
    this.#unsupported = Uint8Array.from(opcodeNames, (name) => (isSupported(operations[name]) ? 0 : 1));
  }

  /**
   * A slot for an operation, with the constant words of its record written. Follow up with `Dispatcher.start` or `drop`.
   * Throws `ERR_BACKEND_CLOSED`, `ERR_UNSUPPORTED`, `ERR_OPERATION_LIMIT`.
   */
  begin(kind: OperationKind, resource: ResourceState | undefined): Entry {
    if (this.closed || this.#unsupported[kind.opcode] === 1) throw this.#notReady(kind);
    // Checked before, but reading a caller's options may run code of the caller, which may close it.
    if (resource !== undefined && resource.phase !== "open") resource.expectOpen(kind.name);
    const entry = this.#table.allocate(kind);
    this.#counters.submitted++;
    this.#writeHead(entry, kind, resource);
    if (resource !== undefined) resource.enter(entry);
    return entry;
  }

  /** Like `begin`, out of the reserve that is kept for cancels. */
  beginReserved(kind: OperationKind): Entry | undefined {
    const entry = this.#table.allocateReserved(kind);
    if (entry !== undefined) this.#writeHead(entry, kind, undefined);
    return entry;
  }

  /** Like `begin`, on core's own account; `undefined` when callers have all the slots. */
  beginSpare(kind: OperationKind): Entry | undefined {
    const entry = this.#table.hasRoom ? this.beginReserved(kind) : undefined;
    if (entry !== undefined) this.#counters.submitted++;
    return entry;
  }

  /** Like `begin`, and lends `length` bytes from `start` of the buffer. */
  beginWithBuffer(
    kind: OperationKind,
    resource: ResourceState,
    buffer: OwnedBuffer,
    start: number,
    length: number,
    exclusive: boolean,
  ): Entry {
    const entry = this.begin(kind, resource);
    try {
      const offset = lendBuffer(buffer, entry, start, length, exclusive);
      entry.buffer = buffer;
      const records = this.#records;
      records[entry.base + WORD.buffer] = blockOf(buffer).number;
      records[entry.base + WORD.bufferOffset] = offset;
      records[entry.base + WORD.length] = Math.min(length, TRANSFER_BYTES_MAX);
    } catch (error) {
      this.drop(entry);
      throw error;
    }
    return entry;
  }

  /** Undoes `begin`, when what follows it was refused. */
  drop(entry: Entry): void {
    this.#counters.submitted--;
    entry.advance(EVENT.cancel);
    if (entry.extras !== undefined) this.#host.canceler.detach(entry.extras);
    giveBackAll(entry);
    if (entry.resource !== undefined) entry.resource.leave(entry);
    this.#host.areas.release(entry);
    this.#table.release(entry);
  }

  /** Throws `ERR_UNSUPPORTED` unless the driver has the feature, native or emulated. */
  expectFeature(where: string, name: FeatureName): void {
    const support = this.#host.capabilities.features[name];
    if (support.kind === "unsupported") throw this.#lacking(where, support.why);
  }

  #notReady(kind: OperationKind): Error {
    if (this.closed) return batonError("ERR_BACKEND_CLOSED", `${kind.name}: the backend is closed.`);
    const support = this.#host.capabilities.operations[kind.name];
    return this.#lacking(kind.name, support.kind === "unsupported" ? support.why : "unknown");
  }

  #lacking(where: string, why: string): Error {
    const driver = this.#host.driverName;
    return batonError("ERR_UNSUPPORTED", `${where}: the driver ${driver} does not have it: ${why}.`, { driver });
  }

  #writeHead(entry: Entry, kind: OperationKind, resource: ResourceState | undefined): void {
    const records = this.#records;
    const base = entry.base;
    records[base + WORD.operation] = kind.opcode;
    records[base + WORD.generation] = entry.generation;
    records[base + WORD.handleIndex] = resource === undefined ? -1 : resource.handleIndex;
    records[base + WORD.handleGeneration] = resource === undefined ? 0 : resource.handleGeneration;
    records[base + WORD.buffer] = -1;
    records[base + WORD.arenaOffset] = -1;
    records[base + WORD.vectorCount] = 0;
  }
}
