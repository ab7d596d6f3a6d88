/**
 * The operation table: one entry per slot, reused. An operation is known by slot *and* generation; the generation
 * changes whenever a slot is freed, so a completion or a cancel that comes late finds nobody (P1).
 */

import { batonError } from "../base/errors.js";
import type { Holder, OwnedBuffer } from "../memory/owned-buffer.js";
import { GENERATION_MAX, operationId, SUBMISSION_SHIFT } from "../spi/record.js";
import type { Chain } from "./chain.js";
import type { JoinedSend } from "./joined-sends.js";
import type { Lane } from "./lane.js";
import {
  EVENT,
  eventName,
  ILLEGAL,
  type LifecycleEvent,
  nextState,
  STATE,
  type State,
  stateName,
} from "./lifecycle.js";
import type { OperationKind } from "./operation-kind.js";
import type { OwnPosition } from "./own-position.js";
import type { ResourceState } from "./resource-state.js";
import type { VectorPart } from "./vector.js";

/** Why an operation was asked to end early; decides what its caller is told. */
export type CancelCause = "cancel" | "signal" | "timeout" | "close" | "chain";

/** What `cancel()` resolves to; see `Operation.cancel`. */
export type CancelOutcome = "canceled" | "completed" | "too-late";

/** What only some operations carry: a caller's signal, a deadline, people who wait for a cancel. */
export interface EntryExtras {
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  timer: unknown;
  timeoutMs: number;
  /** When its time is up, while the driver keeps the time; otherwise `undefined`. */
  driverDeadlineMs: number | undefined;
  cause: CancelCause | undefined;
  cancelWaiters: ((outcome: CancelOutcome) => void)[] | undefined;
  /** Tells the `Operation` object how it ended. */
  onSettled: ((outcome: "ok" | "error" | "canceled") => void) | undefined;
  /** What it ends with instead of being handed to the driver, a negative errno. */
  refusal: number | undefined;
  /** Pause before the last repetition after `-EAGAIN`, ms; 0 before the first. */
  againDelayMs: number;
}

/**
 * One operation, from request to completion. Lives in its slot and is reused for the next one. There may be very many that
 * wait, so an object is small: what only some of them need is in `extras`, or in what they belong to.
 */
export class Entry implements Holder {
  readonly slot: number;
  generation = 1;
  state: State = STATE.free;
  kind: OperationKind | undefined = undefined;
  resource: ResourceState | undefined = undefined;
  /** What the kind's functions need: a resource, a path, a listener of results. */
  subject: unknown = undefined;
  buffer: OwnedBuffer | undefined = undefined;
  lendStart = 0;
  lendEnd = 0;
  lendExclusive = false;
  /** The buffers of a vectored operation; `lendEnd` is then their length in all. */
  vector: VectorPart[] | undefined = undefined;
  /** The buffer for the result, where the caller gave none. */
  picked: OwnedBuffer | undefined = undefined;
  /** Bytes moved by earlier submissions of the same operation. */
  progress = 0;
  /** Go on after a short result until all bytes are moved. */
  whole = false;
  /** Bytes of the arena area it needs, 0 for none; `writeArea` fills it just before the launch. */
  areaBytes = 0;
  writeArea: ((offset: number) => void) | undefined = undefined;
  /** Accepted, but not in the submission queue: waits in its lane, to be admitted, or for room in the arena. */
  held = false;
  /** One of the `operationsMax` that may be in flight. */
  admitted = false;
  /** Core's own: it does not wait to be admitted. */
  reserved = false;
  /** A file position stands in its record and moves on with the bytes. */
  movesPosition = false;
  /** The file's own position, for an operation that goes by it. */
  position: OwnPosition | undefined = undefined;
  lane: Lane | undefined = undefined;
  /** It waits in its lane, between these two. */
  inLine = false;
  ahead: Entry | undefined = undefined;
  behind: Entry | undefined = undefined;
  /** What it is on its way with. */
  joined: JoinedSend | undefined = undefined;
  chain: Chain | undefined = undefined;
  /** The caller's, where `resolve` and `reject` are its functions. */
  promise: Promise<unknown> | undefined = undefined;
  resolve: ((value: unknown) => void) | undefined = undefined;
  reject: ((error: unknown) => void) | undefined = undefined;
  extras: EntryExtras | undefined = undefined;
  /** When the driver took it, ms; 0 before. */
  startedAtMs = 0;
  /** Neighbours in the list of its resource's operations. */
  next: Entry | undefined = undefined;
  previous: Entry | undefined = undefined;

  constructor(slot: number) {
    this.slot = slot;
  }

  /** First word of its submission record. */
  get base(): number {
    return this.slot << SUBMISSION_SHIFT;
  }

  get id(): number {
    return operationId(this.slot, this.generation);
  }

  /** Takes the step, or throws: an illegal step is a bug in core or in a driver. */
  advance(event: LifecycleEvent): void {
    const next = nextState(this.state, event);
    if (next === ILLEGAL) {
      throw batonError(
        "ERR_DRIVER_FAULT",
        `Operation ${this.id} (${this.kind?.name ?? "none"}) cannot take the event "${eventName(event)}" in state "${stateName(this.state)}".`,
      );
    }
    this.state = next;
  }
}

/** The slots of one backend. */
export class OperationTable {
  readonly entries: Entry[] = [];
  readonly #free: number[] = [];
  readonly #callerMax: number;
  readonly #slots: number;
  #inUse = 0;

  /**
   * @param callerMax most operations of callers at once, those that wait included
   * @param slots all slots there are, the reserve for cancels included
   */
  constructor(callerMax: number, slots: number) {
    this.#callerMax = callerMax;
    this.#slots = slots;
  }

  /** Slots in use: operations of callers, and cancels. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Callers have not taken all the slots that they can have. */
  get hasRoom(): boolean {
    return this.#inUse < this.#callerMax;
  }

  /** A slot for a caller's operation. Throws `ERR_OPERATION_LIMIT`. */
  allocate(kind: OperationKind): Entry {
    if (this.#inUse >= this.#callerMax) {
      throw batonError("ERR_OPERATION_LIMIT", `${kind.name}: ${this.#callerMax} operations are in flight or wait.`);
    }
    return this.#take(kind);
  }

  /** A slot out of the reserve, or `undefined` when even that is used up. */
  allocateReserved(kind: OperationKind): Entry | undefined {
    if (this.#inUse >= this.#slots) return undefined;
    const entry = this.#take(kind);
    entry.reserved = true;
    return entry;
  }

  #take(kind: OperationKind): Entry {
    const slot = this.#free.pop() ?? this.entries.length;
    const entry = this.entries[slot] ?? this.#addEntry(slot);
    this.#inUse++;
    entry.advance(EVENT.request);
    entry.kind = kind;
    return entry;
  }

  #addEntry(slot: number): Entry {
    const entry = new Entry(slot);
    this.entries.push(entry);
    return entry;
  }

  /** Frees the slot of a completed operation: from here on its id means nothing. */
  release(entry: Entry): void {
    entry.advance(EVENT.release);
    entry.generation = entry.generation === GENERATION_MAX ? 1 : entry.generation + 1;
    entry.kind = undefined;
    entry.subject = undefined;
    entry.buffer = undefined;
    entry.vector = undefined;
    entry.picked = undefined;
    entry.promise = undefined;
    entry.resolve = undefined;
    entry.reject = undefined;
    entry.extras = undefined;
    entry.lane = undefined;
    entry.chain = undefined;
    entry.progress = 0;
    entry.whole = false;
    entry.held = false;
    entry.admitted = false;
    entry.reserved = false;
    entry.areaBytes = 0;
    entry.writeArea = undefined;
    entry.movesPosition = false;
    entry.position = undefined;
    entry.startedAtMs = 0;
    this.#inUse--;
    this.#free.push(entry.slot);
  }

  /** The operation with this slot and generation, or `undefined` when it has ended. */
  find(slot: number, generation: number): Entry | undefined {
    const entry = this.entries[slot];
    return entry !== undefined && entry.generation === generation && entry.state !== STATE.free ? entry : undefined;
  }
}
