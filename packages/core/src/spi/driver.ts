/**
 * The driver SPI: what core asks of a driver and what it offers one. It has the shape of io_uring: core writes
 * submission records into shared memory, the driver takes them in one call a batch and writes completion records,
 * one call a batch. Required is tiny (`probe`, `open`, `submit`, `close`, and memory); everything else is declared
 * in `capabilities`. How to write one: `docs/guides/writing-a-driver.md`.
 */

import type { Capabilities } from "./capability.js";
import type { InterfaceIndex } from "./interface-index.js";
import { COMPLETION_BYTES, CONTROL_WORDS, SUBMISSION_BYTES } from "./record.js";

/** A driver as its package exports it: a factory's plain object. Making it opens nothing. */
export interface Driver {
  /** `"uring"`, `"epoll"`, `"libuv"`, …: what `BATON_DRIVER` and `error.driver` say. */
  readonly name: string;
  /** Tells whether the driver can run here and what it could do. Opens nothing that outlives the call. */
  probe(): DriverProbe;
  /** Starts it for one backend, on the calling thread. Throws `ERR_DRIVER_UNAVAILABLE` when it cannot run. */
  open(host: DriverHost, limits: DriverLimits): DriverSession;
}

/** One remedy: what to do, the command for it where there is one, and where the documentation treats it. */
export interface Remedy {
  readonly text: string;
  readonly command?: string;
  /** Anchor in the documentation, `docs/CLOUD_SETUP.md#docker`. */
  readonly anchor?: string;
}

/** What was seen, as a name and a value; never a conclusion. */
export interface Evidence {
  readonly name: string;
  readonly value: string;
}

/** Why a driver cannot run: a permanent code, what was seen, and what would help. */
export interface Unavailable {
  readonly available: false;
  /** Permanent code, `"NOT_BUILT"`, `"SECCOMP_ERRNO"`, … */
  readonly cause: string;
  /** One sentence for a person. */
  readonly summary: string;
  readonly evidence: readonly Evidence[];
  readonly remedy?: Remedy;
  /** What would be the next obstacle once this is mended. */
  readonly next?: readonly Unavailable[];
}

export interface Available {
  readonly available: true;
  readonly capabilities: Capabilities;
  readonly evidence: readonly Evidence[];
}

export type DriverProbe = Available | Unavailable;

/** What core offers a driver. */
export interface DriverHost {
  /**
   * `count` completion records stand in `session.shared.completions`. Core has read them all when this returns. With
   * a count of 0 it only tells that there is room again for submissions that were refused.
   * Never call it from inside `submit`: completions that are ready there are left in the buffer and counted in
   * the control block. Runs no program code, so it does not throw and does not re-enter the driver.
   */
  sink(count: number): void;
}

/** The sizes a session works with. All are hard limits. */
export interface DriverLimits {
  /** Slots in the operation table: caller's operations and core's own cancels. */
  readonly slots: number;
  /** Most submissions in one `submit` call. */
  readonly submissionBatchMax: number;
  /** Most completion records in one sink call. */
  readonly completionBatchMax: number;
  /** Bytes of the arena for paths, addresses and answers. */
  readonly arenaBytes: number;
}

/**
 * The memory that core and driver share for one session. A native driver allocates it outside the JavaScript heap,
 * because it must outlive the environment while the kernel may still write to it.
 */
export interface SharedMemory {
  /** `limits.slots` submission records, one per slot. Written by core, valid until the final completion. */
  readonly records: ArrayBuffer;
  /** Slot numbers (int32) of the batch handed over by `submit(count)`. */
  readonly submissions: ArrayBuffer;
  /** Completion records (16 bytes). Written by the driver. */
  readonly completions: ArrayBuffer;
  /** Control words, see `CONTROL`. */
  readonly control: ArrayBuffer;
  /** Buffer numbers (int32) that core provides for receives without one, see `CONTROL.providedCount`. */
  readonly provided: ArrayBuffer;
  /** Paths, addresses and answers, by offset. */
  readonly arena: ArrayBuffer;
}

/** Most buffers that can be handed to a driver at once, and be provided to it in all. */
export const PROVIDED_MAX = 4096;

/** Something that a session has less of than it asked for, because the system did not grant more. */
export interface Shortfall {
  /** `"entries of the ring"` */
  readonly what: string;
  readonly wanted: number;
  readonly got: number;
  /** Who did not grant it, as far as that is known: half a sentence for a person. */
  readonly reason: string;
}

/** A driver at work for one backend. */
export interface DriverSession {
  readonly shared: SharedMemory;
  readonly capabilities: Capabilities;
  readonly memory: DriverMemory;
  /** What it has less of than it asked for; absent when it has everything. `io.inspect()` shows it. */
  readonly shortfalls?: readonly Shortfall[];
  /**
   * The sink is also called before the event loop has turned (from a microtask, or `process.nextTick`), so that a call of
   * it does not say that others had their turn.
   */
  readonly sinkWithoutTurn?: boolean;
  /**
   * A submission holds the handles that it names until its final completion: a `close` of one of them ends after it, and
   * what it stands for stays open until then. A number of the system's that was given up earlier could lead an operation
   * that comes to it late to a stranger's file. In a chain a `close` waits for nobody behind it.
   *
   * Takes the first `count` entries of `shared.submissions`, in order, and tells how many it took. It takes all
   * unless its own queue is full; then the rest is offered again after the next sink call, which the driver makes as
   * soon as it has room, with or without completions. Records of opcode `cancel` (they come first) it always takes,
   * and when nothing is in flight it takes at least one. `submit(0)` takes nothing and delivers what is waiting.
   * Completions that are ready at once stay in `shared.completions`, counted in `CONTROL.completionCount`; the same
   * operation may be among them.
   */
  submit(count: number): number;
  /**
   * Ends the session: nothing is submitted any more. Cancels what it still has, waits for it until the deadline,
   * then frees what is confirmed and keeps (quarantines) the rest: its memory, and its descriptors.
   */
  close(deadlineMs: number): Promise<DriverCloseReport>;
  /**
   * Addresses of a host name, best first, in text form; absent when the driver leaves that to the program.
   */
  lookup?(host: string): Promise<readonly string[]>;
  /**
   * The number of a network interface, for IPv6 addresses that name it (`fe80::1%eth0`); absent when only numbers are
   * understood.
   */
  readonly interfaceIndex?: InterfaceIndex;
  /**
   * The system's values of open flags, as `fs.constants` has them, for programs that give flags as numbers; absent when
   * they mean nothing here.
   */
  readonly openConstants?: Readonly<Record<string, number>>;
}

/** What was not confirmed when a session closed. All zero is the good case. */
export interface DriverCloseReport {
  /** Operations whose final completion did not come before the deadline. */
  readonly unconfirmedOperations: number;
  /**
   * Bytes of buffers kept for ever, because the kernel may still write to them. Descriptors that unconfirmed operations
   * name stay open with them.
   */
  readonly quarantinedBytes: number;
}

/** One allocation of buffers of the same size. */
export interface Slab {
  /** Number of the first buffer; the others follow. */
  readonly firstNumber: number;
  /** One ArrayBuffer per buffer, so that each can be detached by itself. */
  readonly buffers: readonly ArrayBuffer[];
}

/**
 * The driver's memory. Buffers are known by number in submission records; where they are, only the driver knows.
 * Memory lives until it is freed *and* the last operation on it has completed.
 */
export interface DriverMemory {
  /** Alignment of a buffer's first byte that `allocate` promises, in bytes. */
  readonly alignmentBytes: number;
  /** `count` buffers of `bytes` each, zeroed. Throws `ENOMEM` as a `BatonError`. */
  allocate(bytes: number, count: number): Slab;
  /**
   * Gives an allocation back. Of buffers that are not marked in `exposures` no view is left, so their memory may go at
   * once.
   */
  free(firstNumber: number): void;
  /**
   * Takes over the content of a foreign ArrayBuffer, which is detached by it. Moved where the driver can keep it
   * alive, copied where it cannot.
   */
  adopt(source: ArrayBuffer): Slab;
  /**
   * Makes foreign memory usable without detaching it; the caller vouches for it. `offset` and `length` in bytes.
   */
  borrow(source: ArrayBuffer, offset: number, length: number): Slab;
  /**
   * Detaches every view of a buffer and returns a new ArrayBuffer over the same memory; the number stays.
   */
  detach(number: number, buffer: ArrayBuffer): ArrayBuffer;
  /**
   * Gives the memory of a buffer at rest back to the system; it is there again, with other content, when the buffer is
   * used next. False when it stays. Without it, every buffer is allocated and freed by itself.
   */
  discard?(number: number): boolean;
  /**
   * The program has dropped a buffer and may still have views of it: the driver keeps no ArrayBuffer of it alive.
   */
  forget?(number: number): void;
  /**
   * A new ArrayBuffer for a buffer whose own is gone with the last view of it. Without it, the buffer is not used again.
   */
  renew?(number: number): ArrayBuffer;
  /**
   * One byte a buffer, by number: core writes 1 while the program can have views of it, 0 when it cannot. Present where
   * a program can take memory away that the driver has to keep for it (`ArrayBuffer.prototype.transfer`), and the
   * driver must know of it when no JavaScript can be asked any more. What has a number beyond its end counts as marked.
   */
  readonly exposures?: Uint8Array;
  /**
   * Present only when the driver was opened with guard pages: takes a buffer's memory away while it is at rest in its
   * pool, so that whoever touches it then, the kernel included, is found out. False when the system has no mapping left
   * for it: then the buffer is as it was.
   */
  protect?(number: number, accessible: boolean): boolean;
}

/** Shared memory on the JavaScript heap: for drivers made of JavaScript. */
export function allocateSharedMemory(limits: DriverLimits): SharedMemory {
  return {
    records: new ArrayBuffer(limits.slots * SUBMISSION_BYTES),
    submissions: new ArrayBuffer(limits.submissionBatchMax * 4),
    completions: new ArrayBuffer(limits.completionBatchMax * COMPLETION_BYTES),
    control: new ArrayBuffer(CONTROL_WORDS * 4),
    provided: new ArrayBuffer(PROVIDED_MAX * 4),
    arena: new ArrayBuffer(limits.arenaBytes),
  };
}
