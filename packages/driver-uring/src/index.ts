import { lookup } from "node:dns/promises";
import * as fs from "node:fs";
import { type Driver, describeErrno, nativeDriver, type Unavailable } from "@baton-io/core/driver";
import { type UringBinding, uringBinding } from "./binding.js";
import { uringCapabilities } from "./capabilities.js";
import { deniedFeatures } from "./deny-list.js";
import { locksUncounted } from "./locked-memory.js";
import { type CheckedOptions, featureMask, type NativeOptions, readOptions, type UringOptions } from "./options.js";
import { findShortfalls, wantedText } from "./shortfalls.js";

export type { KernelAnswers } from "./binding.js";
export { type DeniedKernel, deniedFeatures, deniedKernel, deniedKernels } from "./deny-list.js";
export { type UringKernel, uringKernel } from "./kernel.js";
export { type UringFeature, type UringOptions, uringFeatures } from "./options.js";

const createDriver = nativeDriver({
  name: "uring",
  binding: uringBinding,
  system: { process, fs, lookup },
  instance: { text: "a ring", call: "io_uring_setup" },
  readOptions,
  optionsFor: forThisProcess,
  describeProbe: (ring, options) => ({
    capabilities: uringCapabilities(ring, options),
    evidence: [
      { name: "ring", value: wantedText(options) },
      { name: "set-up flags", value: `0x${ring.setupFlags.toString(16)}` },
      { name: "restricted to the driver's operations", value: ring.restricted ? "yes" : "no" },
    ],
  }),
  describeSession: ({ ring }, options) => ({
    capabilities: uringCapabilities(ring, options),
    shortfalls: findShortfalls(options, ring),
  }),
  describeRefusal,
});

/**
 * The driver over io_uring: every operation an entry of the ring, one system call a batch, no thread pool.
 * Linux 5.7 or newer (5.6 gives each receive that waits a thread of the kernel); better with 5.19, best from 6.1 on.
 *
 * @example
 * await using io = createBackend({ driver: uringDriver({ entries: 4096 }) });
 */
export function uringDriver(options: UringOptions = {}): Driver {
  return createDriver(options);
}

/**
 * The kernel asks what a process may do when the ring is made, which can be long after the driver was. What is known to
 * do harm on this kernel is left unused.
 */
function forThisProcess(checked: CheckedOptions, binding: UringBinding): NativeOptions {
  return {
    ...checked,
    disabledFeatures: checked.disabledFeatures | featureMask(deniedFeatures(binding.kernelRelease())),
    registeredBuffers: checked.registeredBuffers ?? locksUncounted(),
  };
}

function describeRefusal(errno: number, { sqpoll }: NativeOptions): Unavailable | undefined {
  if (!sqpoll || describeErrno(errno).code !== "ENOTSUP") return undefined;
  return {
    available: false,
    cause: "KERNEL_TOO_OLD",
    summary: "With sqpoll this kernel takes registered files only, and the driver has none.",
    evidence: [{ name: "IORING_FEAT_SQPOLL_NONFIXED", value: "no" }],
    remedy: { text: "Leave sqpoll out, or use Linux 5.11 or newer." },
  };
}
