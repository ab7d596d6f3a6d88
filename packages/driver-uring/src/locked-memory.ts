/** Whether memory that this process locks is taken from somebody: from the rings of all processes of its user. */
import { readFileSync, readlinkSync } from "node:fs";

/** The bit of `CAP_IPC_LOCK` in a mask of capabilities. Source: capabilities(7). */
const CAP_IPC_LOCK = 1n << 14n;
/** The first user namespace, as its link says it. Source: `PROC_USER_INIT_INO` in include/linux/proc_ns.h. */
const FIRST_USER_NAMESPACE = "user:[4026531837]";

/** The files of /proc that are asked. */
export interface ProcessFiles {
  read(path: string): string;
  readLink(path: string): string;
}

const files: ProcessFiles = {
  read: (path) => readFileSync(path, "utf8"),
  readLink: (path) => readlinkSync(path),
};

/**
 * True when the kernel does not count the memory that this process locks: it has `CAP_IPC_LOCK`, in the first user
 * namespace, where alone the kernel heeds it. A limit that is infinite is not enough: what this process locks is counted
 * for its user all the same, and taken from processes whose limit is not. False too where it cannot be found out.
 * Source: proc_pid_status(5), user_namespaces(7), `__io_account_mem` in io_uring/rsrc.c.
 */
export function locksUncounted({ read, readLink }: ProcessFiles = files): boolean {
  try {
    const [, capabilities = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(read("/proc/self/status")) ?? [];
    return (
      (BigInt(`0x${capabilities}`) & CAP_IPC_LOCK) !== 0n && readLink("/proc/self/ns/user") === FIRST_USER_NAMESPACE
    );
  } catch {
    return false;
  }
}
