/** Whether memory that this process locks is taken from somebody: from the rings of all processes of its user. */
import { readFileSync } from "node:fs";

/** The bit of `CAP_IPC_LOCK` in a mask of capabilities. Source: capabilities(7). */
const CAP_IPC_LOCK = 1n << 14n;

/**
 * True when no limit holds for the memory that this process locks: `RLIMIT_MEMLOCK` is infinite, or it has
 * `CAP_IPC_LOCK` where the kernel heeds it, in the first user namespace. False too where that cannot be found out.
 * Source: proc_pid_limits(5), proc_pid_status(5), user_namespaces(7).
 */
export function locksWithoutLimit(read: (path: string) => string = (path) => readFileSync(path, "utf8")): boolean {
  try {
    if (/^Max locked memory\s+unlimited\s/m.test(read("/proc/self/limits"))) return true;
    const [, capabilities = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(read("/proc/self/status")) ?? [];
    if ((BigInt(`0x${capabilities}`) & CAP_IPC_LOCK) === 0n) return false;
    // Every identity is mapped to itself: no namespace in between.
    return /^\s*0\s+0\s+4294967295\s*$/.test(read("/proc/self/uid_map"));
  } catch {
    return false;
  }
}
