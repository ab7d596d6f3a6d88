/** Limits of the system that a test at scale meets. */
import { readFile } from "node:fs/promises";

/** How many descriptors a process may have open; no limit where the system does not tell. */
export async function descriptorLimit(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}
