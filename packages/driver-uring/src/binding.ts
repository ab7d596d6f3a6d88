/** The addon: where it is, and what it offers. */
import { createRequire } from "node:module";
import { type BindingResult, type NativeBinding, type NativeSession, nativeBinding } from "@baton-io/core/driver";
import type { NativeOptions } from "./options.js";

/** What the ring turned out to be. */
export interface RingInfo {
  readonly setupFlags: number;
  readonly featureFlags: number;
  readonly entries: number;
  readonly cqEntries: number;
  readonly multishotAccept: boolean;
  readonly multishotReceive: boolean;
  readonly bufferRing: boolean;
  /** The kernel has buffer rings, and did not grant the memory for this one. */
  readonly bufferRingRefused: boolean;
  readonly zeroCopySend: boolean;
  readonly registeredBuffers: boolean;
  /** The kernel takes from this ring only what the driver uses. */
  readonly restricted: boolean;
  /** The kernel starts one entry after the other; else the engine does. */
  readonly links: boolean;
  readonly linkTimeout: boolean;
  /** By the number of an operation: it is an entry of the ring. */
  readonly operations: readonly boolean[];
}

/** What the kernel answers to each of the three system calls. Errnos are positive; 0 stands for success. */
export interface KernelAnswers {
  /** `io_uring_setup` with the smallest ring that the driver would live with. */
  readonly setup: number;
  /** `io_uring_setup(0, NULL)`. */
  readonly setupNull: number;
  /** `io_uring_enter(-1, …)`. */
  readonly enter: number;
  /** `io_uring_register(-1, …)`. */
  readonly register: number;
  /** Where the round trip of a no-op ended, and the errno there. */
  readonly step: "setup" | "map" | "enter" | "completion" | "done";
  readonly roundTrip: number;
  /** Of the ring that was made; 0 when none was. */
  readonly entries: number;
  readonly features: number;
  /** What the question for operations was answered with, and the numbers of those there are. */
  readonly opcodeProbe: number;
  readonly opcodes: readonly number[];
  /** `prctl(PR_GET_SECCOMP)`: 0 none, 2 a filter, or a negative errno. */
  readonly seccompMode: number;
}

/** One of io_uring's system calls, with the argument that tells its purpose: entries, flags, or an operation. */
export interface RingCall {
  readonly name: "io_uring_setup" | "io_uring_enter" | "io_uring_register";
  readonly argument: number;
}

/** How a child that asked the kernel ended. */
export interface ProbeChildEnd {
  /** Number of the signal that it died of, 0 for none. */
  readonly signal: number;
  /** The call that it was making when it ended before its time. */
  readonly diedOf: RingCall | undefined;
  /** The first call that the driver cannot do without and that something in front of the kernel refuses. */
  readonly refused: RingCall | undefined;
  readonly refusedErrno: number;
  /** What the kernel answered; `undefined` when the child did not come that far. */
  readonly answers: KernelAnswers | undefined;
}

/** A child that asks. */
export interface ProbeChild {
  /** How it ended, `undefined` while it runs. */
  look(): ProbeChildEnd | undefined;
  kill(): void;
}

/** A probe tells what a ring with these options is but for its size: it makes the smallest, and closes it. */
export interface UringBinding
  extends NativeBinding<NativeOptions, RingInfo, NativeSession & { readonly ring: RingInfo }> {
  /** What `uname -r` says; empty when it cannot be told. Not from `node:os`, which Deno may forbid. */
  kernelRelease(): string;
  /** Asks the kernel who refuses what. Makes one ring, the smallest, and closes it. */
  probeKernel(): KernelAnswers;
  /**
   * The same in a child process, a copy of the calling thread, which first makes every call of io_uring that a driver
   * with so many entries makes. A negative errno when no process can be made.
   */
  probeInChild(entries: number): ProbeChild | number;
}

/** Loads the addon, once. `BATON_URING_BINARY` names another file, for tests with sanitizers. */
export const uringBinding: () => BindingResult<UringBinding> = nativeBinding({
  driver: "uring",
  package: "@baton-io/driver-uring",
  file: "driver-uring.node",
  variable: "BATON_URING_BINARY",
  from: import.meta.url,
  process,
  load: createRequire(import.meta.url),
});
