/**
 * Puts the evidence together: what can be read, then the kernel's own answers, then a second look where they differ.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ERRNO } from "@baton-io/core/driver";
import { askKernel, type KernelHook, type ProbeSetting } from "./ask-kernel.js";
import type { DeniedKernel, IoUringEvidence, ProbeOutcome, Surroundings } from "./evidence.js";
import { ringFits } from "./memory.js";
import type { EvidenceSources } from "./sources.js";
import { type Depth, lookFurther, readSurroundings } from "./surroundings.js";

/** A driver package's hook, with its own list of kernels on which it stays out. */
export interface DriverHook extends KernelHook {
  denied?(release: string): DeniedKernel | undefined;
  /** What `uname -r` says, for where `/proc` cannot be read. */
  readonly release?: string;
}

export interface GatherOptions {
  readonly sources: EvidenceSources;
  readonly depth: Depth;
  readonly setting: ProbeSetting;
  /** What to ask with; a text says why there is nothing. */
  readonly hook: DriverHook | string;
}

/** Entries of the driver's ring when there is no driver to tell. */
const ENTRIES_USUAL = 1024;
/**
 * The kernel gives a closed ring's locked memory back 12 to 21 ms after the close (measured on 6.18), so a ring that was
 * just closed may stand in the way of the one that is asked for.
 */
const MEMORY_WAITS_MAX = 6;
const MEMORY_WAIT_MS = 10;

/** Gathers everything. Never throws. */
export async function gatherEvidence({ sources, depth, hook, setting }: GatherOptions): Promise<IoUringEvidence> {
  const seen = fillRelease(readSurroundings(sources), hook);
  const probe = await askPatiently(seen, hook, setting);
  const surroundings = isMissing(seen, probe) ? lookFurther(sources, seen, depth) : seen;
  const denied = typeof hook === "string" ? undefined : hook.denied?.(surroundings.kernel.release ?? "");
  return {
    surroundings,
    probe,
    entriesWanted: typeof hook === "string" ? ENTRIES_USUAL : hook.entries,
    denied: denied ?? null,
  };
}

/** Without /proc the kernel still tells its release. */
function fillRelease(seen: Surroundings, hook: DriverHook | string): Surroundings {
  const release = typeof hook === "string" || hook.release === "" ? undefined : hook.release;
  if (seen.kernel.release !== null || release === undefined) return seen;
  return { ...seen, kernel: { ...seen.kernel, release } };
}

/** Asks again for a while, when there was no memory for a ring and the limit has room for one. */
async function askPatiently(
  seen: Surroundings,
  hook: DriverHook | string,
  setting: ProbeSetting,
): Promise<ProbeOutcome> {
  let probe = await ask(seen, hook, setting);
  for (let waits = 0; waits < MEMORY_WAITS_MAX && isShortOfMemory(probe) && ringFits(seen); waits++) {
    await sleep(MEMORY_WAIT_MS);
    probe = await ask(seen, hook, setting);
  }
  return probe;
}

function isShortOfMemory(probe: ProbeOutcome): boolean {
  return probe.kind === "answered" && probe.answers.setup === ERRNO.ENOMEM;
}

async function ask(seen: Surroundings, hook: DriverHook | string, setting: ProbeSetting): Promise<ProbeOutcome> {
  if (typeof hook === "string") return { kind: "not-asked", why: hook };
  // Whatever gVisor's io_uring answers, it is "TEST ONLY" and takes no flag the driver needs (runsc, `--iouring`).
  if (seen.sandbox.gvisor !== null) return { kind: "not-asked", why: "gVisor has no io_uring to speak of" };
  try {
    return await askKernel(seen, hook, setting);
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n", 1)[0]! : String(error);
    return { kind: "failed", why, errno: null };
  }
}

/** True when something says that there is no io_uring, and who says so is worth a second look. */
function isMissing(seen: Surroundings, probe: ProbeOutcome): boolean {
  return probe.kind === "answered" && probe.answers.setup === ERRNO.ENOSYS && seen.sandbox.gvisor === null;
}
