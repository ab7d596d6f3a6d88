import { lookup } from "node:dns/promises";
import { release } from "node:os";
import {
  batonError,
  createNativeSession,
  type Driver,
  type DriverProbe,
  describeErrno,
  runtimeName,
  type Unavailable,
} from "@baton-io/core";
import { uringBinding } from "./binding.js";
import { uringCapabilities } from "./capabilities.js";
import { deniedFeatures } from "./deny-list.js";
import { locksUncounted } from "./locked-memory.js";
import { type CheckedOptions, featureMask, type NativeOptions, readOptions, type UringOptions } from "./options.js";
import { checkNumaNode, hugePageSource, noticeHugePages } from "./placement.js";

export type { KernelAnswers } from "./binding.js";
export { type DeniedKernel, deniedFeatures, deniedKernel, deniedKernels } from "./deny-list.js";
export { type UringKernel, uringKernel } from "./kernel.js";
export { type UringFeature, type UringOptions, uringFeatures } from "./options.js";

/**
 * The driver over io_uring: every operation an entry of the ring, one system call a batch, no thread pool.
 * Linux 5.6 or newer; better with 5.19, best from 6.1 on.
 *
 * @example
 * await using io = createBackend({ driver: uringDriver({ entries: 4096 }) });
 */
export function uringDriver(options: UringOptions = {}): Driver {
  const checked = withoutDenied(readOptions(options, process.env));
  const runtime = runtimeName(process.versions);
  return {
    name: "uring",
    probe: (): DriverProbe => {
      const binding = uringBinding();
      if ("unavailable" in binding) return binding.unavailable;
      const native = forThisProcess(checked);
      const ring = binding.binding.probe(native);
      if (typeof ring === "number") return refused(ring);
      return {
        available: true,
        capabilities: uringCapabilities(ring, native),
        evidence: [
          { name: "ring", value: `${ring.entries} entries, ${ring.cqEntries} completions` },
          { name: "set-up flags", value: `0x${ring.setupFlags.toString(16)}` },
          { name: "restricted to the driver's operations", value: ring.restricted ? "yes" : "no" },
        ],
      };
    },
    open: (host, limits) => {
      const binding = uringBinding();
      if ("unavailable" in binding) throw unavailable(binding.unavailable);
      const native = forThisProcess(checked);
      checkNumaNode("uringDriver", native.numaNode);
      if (native.hugePages) noticeHugePages(hugePageSource());
      const session = binding.binding.open({ ...native, ...limits, runtime }, (count) => host.sink(count));
      if (typeof session === "number") throw unavailable(refused(session));
      return createNativeSession({
        native: session,
        capabilities: uringCapabilities(session.ring, native),
        runtime,
        guardPages: native.guardPages,
        lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
      });
    },
  };
}

/** What is known to do harm on this kernel is left unused. */
function withoutDenied(checked: CheckedOptions): CheckedOptions {
  const denied = featureMask(deniedFeatures(release()));
  return denied === 0 ? checked : { ...checked, disabledFeatures: checked.disabledFeatures | denied };
}

/** The kernel asks what a process may do when the ring is made, which can be long after the driver was. */
function forThisProcess(checked: CheckedOptions): NativeOptions {
  return { ...checked, registeredBuffers: checked.registeredBuffers ?? locksUncounted() };
}

function refused(errno: number): Unavailable {
  const { code, text } = describeErrno(errno);
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
