/** The addon: where it is, and what it offers. */
import { createRequire } from "node:module";
import { type BindingResult, loadBinding, type NativeSession, type RuntimeName } from "@baton-io/core";
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
  /** `io_uring_setup` with the smallest size that was tried. */
  readonly setup: number;
  /** `io_uring_setup(0, NULL)`. */
  readonly setupNull: number;
  /** `io_uring_enter(-1, …)`. */
  readonly enter: number;
  /** `io_uring_register(-1, …)`. */
  readonly register: number;
  /** `io_uring_setup` with the size asked for. */
  readonly firstSize: number;
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

export interface UringBinding {
  /** Asks the kernel who refuses what. Makes one ring, of the first size that is granted, and closes it. */
  probeKernel(entries: number): KernelAnswers;
  /** `prctl(PR_GET_SECCOMP)`: 0 none, 2 a filter, or a negative errno. */
  seccompMode(): number;
  /** What a ring with these options is, or a negative errno. */
  probe(options: NativeOptions): RingInfo | number;
  /** A session, or a negative errno. */
  open(
    options: NativeOptions & {
      readonly runtime: RuntimeName;
      readonly slots: number;
      readonly submissionBatchMax: number;
      readonly completionBatchMax: number;
      readonly arenaBytes: number;
    },
    sink: (count: number) => void,
  ): (NativeSession & { readonly ring: RingInfo }) | number;
}

let loaded: BindingResult<UringBinding> | undefined;

/** Loads the addon, once. `BATON_URING_BINARY` names another file, for tests with sanitizers. */
export function uringBinding(): BindingResult<UringBinding> {
  const named = process.env["BATON_URING_BINARY"];
  loaded ??= loadBinding<UringBinding>({
    driver: "uring",
    paths: named !== undefined ? [named] : [`../prebuilds/${process.platform}-${process.arch}/driver-uring.node`],
    load: createRequire(import.meta.url),
  });
  return loaded;
}
