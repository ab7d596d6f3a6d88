import { lookup } from "node:dns/promises";
import { constants, existsSync, readFileSync } from "node:fs";
import {
  batonError,
  checkPlacement,
  createNativeSession,
  type Driver,
  type DriverProbe,
  describeErrno,
  linuxInterfaceIndex,
  readableEnvironment,
  runtimeName,
  type Unavailable,
} from "@baton-io/core/driver";
import { uringBinding } from "./binding.js";
import { uringCapabilities } from "./capabilities.js";
import { deniedFeatures } from "./deny-list.js";
import { locksUncounted } from "./locked-memory.js";
import { type CheckedOptions, featureMask, type NativeOptions, readOptions, type UringOptions } from "./options.js";
import { findShortfalls, wantedText } from "./shortfalls.js";

export type { KernelAnswers } from "./binding.js";
export { type DeniedKernel, deniedFeatures, deniedKernel, deniedKernels } from "./deny-list.js";
export { type UringKernel, uringKernel } from "./kernel.js";
export { type UringFeature, type UringOptions, uringFeatures } from "./options.js";

/**
 * The driver over io_uring: every operation an entry of the ring, one system call a batch, no thread pool.
 * Linux 5.7 or newer (5.6 gives each receive that waits a thread of the kernel); better with 5.19, best from 6.1 on.
 *
 * @example
 * await using io = createBackend({ driver: uringDriver({ entries: 4096 }) });
 */
export function uringDriver(options: UringOptions = {}): Driver {
  const checked = readOptions(options, readableEnvironment(process.env));
  const runtime = runtimeName(process.versions);
  return {
    name: "uring",
    probe: (): DriverProbe => {
      const binding = uringBinding();
      if ("unavailable" in binding) return binding.unavailable;
      const native = forThisProcess(checked, binding.binding.kernelRelease());
      const ring = binding.binding.probe(native);
      if (typeof ring === "number") return refused(ring, native);
      return {
        available: true,
        capabilities: uringCapabilities(ring, native),
        evidence: [
          { name: "ring", value: wantedText(native) },
          { name: "set-up flags", value: `0x${ring.setupFlags.toString(16)}` },
          { name: "restricted to the driver's operations", value: ring.restricted ? "yes" : "no" },
        ],
      };
    },
    open: (host, limits) => {
      const binding = uringBinding();
      if ("unavailable" in binding) throw unavailable(binding.unavailable);
      const native = forThisProcess(checked, binding.binding.kernelRelease());
      checkPlacement("uringDriver", native, {
        exists: existsSync,
        read: (path) => readFileSync(path, "utf8"),
        warn: (message, details) => process.emitWarning(message, details),
      });
      const session = binding.binding.open({ ...native, ...limits, runtime }, (count) => host.sink(count));
      if (typeof session === "number") throw unavailable(refused(session, native));
      return createNativeSession({
        native: session,
        capabilities: uringCapabilities(session.ring, native),
        runtime,
        guardPages: native.guardPages,
        shortfalls: findShortfalls(native, session.ring),
        interfaceIndex: linuxInterfaceIndex((path) => readFileSync(path, "latin1")),
        lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
        openConstants: constants,
      });
    },
  };
}

/**
 * The kernel asks what a process may do when the ring is made, which can be long after the driver was. What is known to
 * do harm on this kernel is left unused.
 */
function forThisProcess(checked: CheckedOptions, release: string): NativeOptions {
  return {
    ...checked,
    disabledFeatures: checked.disabledFeatures | featureMask(deniedFeatures(release)),
    registeredBuffers: checked.registeredBuffers ?? locksUncounted(),
  };
}

function refused(errno: number, { sqpoll }: NativeOptions): Unavailable {
  const { code, text } = describeErrno(errno);
  if (sqpoll && code === "ENOTSUP") {
    return {
      available: false,
      cause: "KERNEL_TOO_OLD",
      summary: "With sqpoll this kernel takes registered files only, and the driver has none.",
      evidence: [{ name: "IORING_FEAT_SQPOLL_NONFIXED", value: "no" }],
      remedy: { text: "Leave sqpoll out, or use Linux 5.11 or newer." },
    };
  }
  return {
    available: false,
    cause: "UNKNOWN_ERRNO",
    summary: `The kernel refused to make a ring: ${code} (${text}).`,
    evidence: [{ name: "io_uring_setup", value: code }],
  };
}

function unavailable(report: Unavailable): Error {
  return batonError("ERR_DRIVER_UNAVAILABLE", `The driver uring cannot run: ${report.summary} [${report.cause}]`, {
    driver: "uring",
  });
}
