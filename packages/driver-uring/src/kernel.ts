/** What detection asks of this package before it lets the driver near the kernel. */
import { createRequire } from "node:module";
import type { Unavailable } from "@baton-io/core";
import { type KernelAnswers, uringBinding } from "./binding.js";
import { deniedKernel } from "./deny-list.js";
import { readOptions } from "./options.js";

export interface UringKernel {
  /**
   * Where the addon is. Detection loads it in a child process first where a seccomp filter might kill whoever calls
   * `io_uring_setup`.
   */
  readonly addon: string;
  /** Entries the driver's ring has by default: what is asked for first. */
  readonly entries: number;
  /** What `prctl(PR_GET_SECCOMP)` says, for where `/proc` cannot be read: 0 none, 2 a filter, or a negative errno. */
  seccompMode(): number;
  /** Asks the kernel, in this process. */
  ask(): KernelAnswers;
  /** Why the driver stays out of a kernel release, as `uname -r` says it; `undefined` where it does not. */
  denied(release: string): { readonly reason: string; readonly link: string } | undefined;
}

/** Loads the addon, which makes no system call of io_uring, and says what can be asked of it. */
export function uringKernel(): UringKernel | Unavailable {
  const binding = uringBinding();
  if ("unavailable" in binding) return binding.unavailable;
  const { entries } = readOptions({}, process.env);
  const addon = createRequire(import.meta.url).resolve(binding.path);
  const { probeKernel, seccompMode } = binding.binding;
  return { addon, entries, seccompMode: () => seccompMode(), ask: () => probeKernel(entries), denied: deniedKernel };
}
