/** What a ring takes of locked memory, and which limit it was when a ring is refused for memory. */
import type { IoUringCause } from "./cause-table.js";
import type { Surroundings } from "./evidence.js";
import { CAPABILITY, hasCapability } from "./proc-files.js";
import { headroom } from "./surroundings.js";

const PAGE_BYTES = 4096;
const SQE_BYTES = 64;
const CQE_BYTES = 16;
/** Heads, tails and counters before the completions. */
const HEADER_BYTES = 64;
/** Entry numbers behind the completions. */
const INDEX_BYTES = 4;
/** Completions for each submission, as the driver asks for by default. */
const COMPLETIONS_PER_ENTRY = 4;
/** The smallest ring that is tried. */
const ENTRIES_MIN = 8;
/** With less room than this a cgroup can refuse a ring; the kernel has given up reclaiming by then. */
const MEMCG_ROOM_BYTES = 256 * 1024;

/** Bytes that a ring is charged with, in whole pages. Source: `rings_size` in io_uring/io_uring.c; measured on 6.18. */
export function ringBytes(entries: number): number {
  const pages = (bytes: number) => Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  const completions = entries * COMPLETIONS_PER_ENTRY;
  return pages(entries * SQE_BYTES) + pages(HEADER_BYTES + completions * CQE_BYTES + entries * INDEX_BYTES);
}

/** The limit that holds for this process; none for a process that may lock memory without limit. */
function memlockLimit({ limits, identity }: Surroundings): number | undefined {
  if (typeof limits.memlockBytes !== "number") return undefined;
  const exempt = identity.initialUserNamespace && hasCapability(identity.capabilities, CAPABILITY.ipcLock);
  return exempt ? undefined : limits.memlockBytes;
}

/**
 * True for kernels that charge rings to locked memory: up to 5.11, and again from 6.14 on. A distribution's kernel may
 * differ from its release, so this is good for foretelling only; what the kernel answers goes before it.
 */
export function chargesMemlock(release: string | null): boolean {
  const [major = 0, minor = 0] = (release ?? "").split(/[.-]/).map(Number);
  if (release === null || !(major > 0)) return true;
  return major < 5 || (major === 5 && minor <= 11) || major > 6 || (major === 6 && minor >= 14);
}

/** Bytes of locked memory that are missing for a ring of that size; 0 when the limit is large enough. */
export function memlockNeededBytes(seen: Surroundings, entries: number): number {
  const limit = memlockLimit(seen);
  if (limit === undefined || !chargesMemlock(seen.kernel.release)) return 0;
  return Math.max(0, ringBytes(entries) - limit);
}

/** True when the limit on locked memory could hold the smallest ring, if nobody else of this user had locked anything. */
export function ringFits(seen: Surroundings): boolean {
  return (memlockLimit(seen) ?? Number.POSITIVE_INFINITY) >= ringBytes(ENTRIES_MIN);
}

/** Which limit it was, once the kernel has answered ENOMEM. */
export function memoryCause(seen: Surroundings): IoUringCause {
  const limit = memlockLimit(seen);
  const room = headroom(seen.cgroup.memoryBytesMax, seen.cgroup.memoryBytes);
  if (limit === undefined) return typeof seen.cgroup.memoryBytesMax === "number" ? "MEMCG" : "UNKNOWN_ERRNO";
  // The limit counts what all processes of this user have locked, so a large one may be used up.
  return ringFits(seen) && room < MEMCG_ROOM_BYTES ? "MEMCG" : "MEMLOCK";
}
