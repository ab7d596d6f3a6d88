/**
 * An operation, from its request to its completion. What an entry refers to imports this file in turn, so it is
 * declared here only as far as an entry uses it.
 */
import { batonError, type ErrorDetails } from "../base/errors.js";
import type { Holder, OwnedBuffer } from "../memory/owned-buffer.js";
import type { Opcode, OpcodeName } from "../spi/opcode.js";
import { operationId, SUBMISSION_SHIFT } from "../spi/record.js";
import { eventName, ILLEGAL, type LifecycleEvent, nextState, STATE, type State, stateName } from "./lifecycle.js";

/** What differs between operations once a completion has come in; one shared, stateless object per kind. */
export interface OperationKind {
  readonly opcode: Opcode;
  readonly name: OpcodeName;
  readonly syscall: string;
  /** May be submitted again after `-EINTR` or `-EAGAIN`. */
  readonly repeatable: boolean;
  /** The value the caller's promise resolves with. `result` is 0 or more; the buffer is home. */
  finish(entry: Entry, result: number, flags: number): unknown;
  /**
   * Takes care of a result that nobody waits for any more, so that nothing is lost or left open: an accepted
   * connection goes to its listener, received bytes to their stream, an opened handle is closed.
   */
  salvage(entry: Entry, result: number, flags: number): void;
  /** It has ended without a result: what an earlier try has begun (`COMPLETION_FLAG.begun`) is nobody's. */
  giveUp?(entry: Entry): void;
  /** A completion that is not the final one. */
  more?(entry: Entry, result: number, flags: number): void;
  /** Another operation waits in the lane for this one, which goes on until it is told to end. */
  crowded?(entry: Entry): void;
  /** What an error of this operation tells beside the errno. */
  details?(entry: Entry): ErrorDetails;
}

/** One buffer of a vector, and its lend. */
export interface VectorPart extends Holder {
  readonly buffer: OwnedBuffer;
}

export type ResourceKind = "file" | "tcp-stream" | "tcp-listener" | "unix-stream" | "unix-listener" | "udp-socket";

/** The resource that an operation is on; see `ResourceState`. */
export interface OperationResource {
  readonly handle: OperationHandle;
  readonly handleIndex: number;
  readonly handleGeneration: number;
  readonly number: number;
  readonly kind: ResourceKind;
  readonly label: string;
  /** A reset of which nobody was told, as a negative errno; 0 for none. */
  untoldReset: number;
  /** The operation has ended. */
  leave(entry: Entry): void;
}

/** Its handle; see `ResourceHandle`. */
export interface OperationHandle {
  /** How much the peer said last. */
  said: "nothing" | "little" | "much";
  /** The peer says little. */
  readonly quiet: boolean;
}

/** The lane that an operation goes by; see `Lane`. */
export interface OperationLane {
  /** It would not wait. */
  readonly isFree: boolean;
  enter(entry: Entry): void;
  leave(entry: Entry): void;
  takeOut(entry: Entry): void;
  takeBack(current: Entry | undefined, back: readonly Entry[]): void;
  salvage(entry: Entry, count: number): void;
}

/** The chain that an operation belongs to; see `Chain`. */
export interface OperationChain {
  readonly brokenBy: unknown;
  isBrokenBefore(entry: Entry): boolean;
  togetherCountFrom(entry: Entry): number;
  unlink(entry: Entry): void;
  waitsAgain(entry: Entry): boolean;
}

/** The own position of the file that an operation is on; see `OwnPosition`. */
export interface OperationPosition {
  startOf(reads: boolean): number | undefined;
  find(): Promise<void>;
  refused(reads: boolean): void;
  ended(entry: Entry, bytes: number, told: boolean): void;
}

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
  resource: OperationResource | undefined = undefined;
  /** What the kind's functions need: a resource, a path, a listener of results. */
  subject: unknown = undefined;
  buffer: OwnedBuffer | undefined = undefined;
  lendStart = 0;
  lendEnd = 0;
  lendExclusive = false;
  /** The buffers of a vectored operation; `lendEnd` is then their length in all. */
  vector: VectorPart[] | undefined = undefined;
  /** The buffer for the result, where the caller gave none. */
  provided: OwnedBuffer | undefined = undefined;
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
  position: OperationPosition | undefined = undefined;
  lane: OperationLane | undefined = undefined;
  /** It waits in its lane, between these two. */
  inLine = false;
  ahead: Entry | undefined = undefined;
  behind: Entry | undefined = undefined;
  /** What it is on its way with. */
  joined: { cancel(): void } | undefined = undefined;
  chain: OperationChain | undefined = undefined;
  /** The promise that the caller has, where `resolve` and `reject` belong to one. */
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

  /** True while it is the operation of that generation and has not ended: its slot has not been reused. */
  isAlive(generation: number): boolean {
    return this.generation === generation && this.state !== STATE.free && this.state !== STATE.completed;
  }

  /** It is still the operation of that generation, and the driver does not have it. */
  isQueued(generation: number): boolean {
    return this.generation === generation && this.state === STATE.queued;
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

/** The extras of an operation, made when first needed. */
export function extrasOf(entry: Entry): EntryExtras {
  entry.extras ??= {
    signal: undefined,
    onAbort: undefined,
    timer: undefined,
    timeoutMs: 0,
    driverDeadlineMs: undefined,
    cause: undefined,
    cancelWaiters: undefined,
    onSettled: undefined,
    refusal: undefined,
    againDelayMs: 0,
  };
  return entry.extras;
}
