/**
 * Puts the evidence together: what can be read, then the kernel's own answers, then a second look where they differ.
 */
import { ERRNO } from "@baton-io/core";
import { askKernel, type KernelHook, type SendChild } from "./ask-kernel.js";
import type { DeniedKernel, IoUringEvidence, ProbeOutcome, Surroundings } from "./evidence.js";
import type { EvidenceSources } from "./sources.js";
import { type Depth, lookFurther, readSurroundings } from "./surroundings.js";

/** A driver package's hook, with its own list of kernels on which it stays out. */
export interface DriverHook extends KernelHook {
  denied?(release: string): DeniedKernel | undefined;
  /** What `prctl(PR_GET_SECCOMP)` says, or a negative errno. */
  seccompMode?(): number;
}

export interface GatherOptions {
  readonly sources: EvidenceSources;
  readonly sendChild: SendChild;
  readonly depth: Depth;
  /** What to ask with; a text says why there is nothing. */
  readonly hook: DriverHook | string;
}

/** Entries of the driver's ring when there is no driver to tell. */
const ENTRIES_USUAL = 1024;

/** Gathers everything. Never throws. */
export async function gatherEvidence({ sources, sendChild, depth, hook }: GatherOptions): Promise<IoUringEvidence> {
  const seen = fillSeccompMode(readSurroundings(sources), hook);
  const probe = await ask(seen, hook, sendChild);
  const surroundings = isMissing(seen, probe) ? lookFurther(sources, seen, depth) : seen;
  const denied = typeof hook === "string" ? undefined : hook.denied?.(surroundings.kernel.release ?? "");
  return {
    surroundings,
    probe,
    entriesWanted: typeof hook === "string" ? ENTRIES_USUAL : hook.entries,
    denied: denied ?? null,
  };
}

/** Without /proc, and without a descriptor to read it with, the kernel still tells whether there is a filter. */
function fillSeccompMode(seen: Surroundings, hook: DriverHook | string): Surroundings {
  if (seen.seccomp.mode !== null || typeof hook === "string") return seen;
  const mode = hook.seccompMode?.() ?? -1;
  return mode < 0 ? seen : { ...seen, seccomp: { ...seen.seccomp, mode } };
}

async function ask(seen: Surroundings, hook: DriverHook | string, sendChild: SendChild): Promise<ProbeOutcome> {
  if (typeof hook === "string") return { kind: "not-asked", why: hook };
  // Whatever gVisor's io_uring answers, it is "TEST ONLY" and takes no flag the driver needs (runsc, `--iouring`).
  if (seen.sandbox.gvisor !== null) return { kind: "not-asked", why: "gVisor has no io_uring to speak of" };
  try {
    return await askKernel(seen, hook, sendChild);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n", 1)[0]! : String(error);
    return { kind: "failed", why, denied: false };
  }
}

/** True when something says that there is no io_uring, and who says so is worth a second look. */
function isMissing(seen: Surroundings, probe: ProbeOutcome): boolean {
  return probe.kind === "answered" && probe.answers.setup === ERRNO.ENOSYS && seen.sandbox.gvisor === null;
}
