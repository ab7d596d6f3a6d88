/** What detection asks of this package before it lets the driver near the kernel. */
import { setTimeout as sleep } from "node:timers/promises";
import { readableEnvironment, type Unavailable } from "@baton-io/core/driver";
import { type KernelAnswers, type ProbeChildEnd, type UringBinding, uringBinding } from "./binding.js";
import { deniedKernel } from "./deny-list.js";
import { readOptions } from "./options.js";

/** Far more than asking takes (2 ms, measured on a busy machine); a child that hangs longer is not waited for. */
const CHILD_LIMIT_MS = 5000;
/** How often a child is looked after. */
const LOOK_MS = 1;

/** How asking in a child went. */
export type ChildProbe =
  | ({ readonly kind: "ended" } & ProbeChildEnd)
  /** No process can be made: the errno, positive. */
  | { readonly kind: "not-started"; readonly errno: number }
  | { readonly kind: "timeout"; readonly afterMs: number };

export interface UringKernel {
  /** Entries the driver's ring has by default. */
  readonly entries: number;
  /** What `uname -r` says, for where `/proc` cannot be read. */
  readonly release: string;
  /** Asks the kernel, in this process. Only where no seccomp filter can kill whoever asks. */
  ask(): KernelAnswers;
  /**
   * Asks in a child process that dies in this one's place. It is a copy of the calling thread, so that the filter of
   * that very thread judges it; it executes no program, and needs no permission of the runtime and no descriptor.
   */
  askInChild(): Promise<ChildProbe>;
  /** Why the driver stays out of a kernel release, as `uname -r` says it; `undefined` where it does not. */
  denied(release: string): { readonly reason: string; readonly link: string } | undefined;
}

/** Loads the addon, which makes no system call of io_uring, and says what can be asked of it. */
export function uringKernel(): UringKernel | Unavailable {
  const found = uringBinding();
  if ("unavailable" in found) return found.unavailable;
  const { binding } = found;
  const { entries } = readOptions({}, readableEnvironment(process.env));
  return {
    entries,
    release: binding.kernelRelease(),
    ask: () => binding.probeKernel(),
    askInChild: () => askInChild(binding, entries),
    denied: deniedKernel,
  };
}

async function askInChild(binding: UringBinding, entries: number): Promise<ChildProbe> {
  const child = binding.probeInChild(entries);
  if (typeof child === "number") return { kind: "not-started", errno: -child };
  const endMs = performance.now() + CHILD_LIMIT_MS;
  while (performance.now() < endMs) {
    const end = child.look();
    if (end !== undefined) return { kind: "ended", ...end };
    await sleep(LOOK_MS);
  }
  child.kill();
  return { kind: "timeout", afterMs: CHILD_LIMIT_MS };
}
