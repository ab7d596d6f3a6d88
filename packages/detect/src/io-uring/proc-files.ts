/** Reads the formats of `/proc` and of cgroup files. Pure; whatever cannot be read is `null`. */
import type { Limit } from "./evidence.js";

/** The fields of `/proc/self/status`, by name. Source: proc_pid_status(5). */
export function parseStatus(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** A whole number, or `null`. */
export function parseInteger(text: string | undefined): number | null {
  const trimmed = text?.trim() ?? "";
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : null;
}

/** Soft limit of a row of `/proc/self/limits`. Source: proc_pid_limits(5). */
export function parseSoftLimit(text: string | undefined, row: string): Limit {
  const line = text?.split("\n").find((candidate) => candidate.startsWith(`${row} `));
  const soft = line?.slice(row.length).trim().split(/\s+/, 1)[0];
  if (soft === "unlimited") return "unlimited";
  return parseInteger(soft);
}

/** A cgroup's limit. cgroup v2 writes `max`; v1 writes the largest page count times the page size. */
export function parseCgroupLimit(text: string | undefined): Limit {
  if (text?.trim() === "max") return "unlimited";
  const value = parseInteger(text);
  return value !== null && value >= 2 ** 62 ? "unlimited" : value;
}

/** Path of this process in a controller's hierarchy, of v1 by the controller's name, of v2 with an empty name. */
export function parseCgroupPath(text: string | undefined, controller: string): string | null {
  for (const line of text?.split("\n") ?? []) {
    const [, controllers, ...path] = line.split(":");
    if (controllers?.split(",").includes(controller)) return path.join(":");
  }
  return null;
}

/** True for the map of the initial user namespace; unreadable counts as initial. Source: user_namespaces(7). */
export function isInitialIdMap(text: string | undefined): boolean {
  return text === undefined || /^\s*0\s+0\s+4294967295\s*$/.test(text.trim());
}

/**
 * Numbers in a user namespace as the namespace around it has them; those that are not mapped are left out. Without a
 * map they stay as they are. Source: user_namespaces(7).
 */
export function mapIds(ids: readonly number[], map: string | undefined): readonly number[] {
  if (map === undefined) return ids;
  const rows = map.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return ids.flatMap((id) => {
    for (const [inside = 0, outside = 0, length = 0] of rows) {
      if (id >= inside && id < inside + length) return outside + (id - inside);
    }
    return [];
  });
}

/** The type of the file system at `/`. Source: proc_pid_mountinfo(5). */
export function rootFileSystem(text: string | undefined): string | null {
  const line = text?.split("\n").find((candidate) => candidate.split(" ")[4] === "/");
  return line?.split(" - ", 2)[1]?.split(" ", 1)[0] ?? null;
}

/** Bits of CapEff that matter here. Source: capabilities(7), `linux/capability.h`. */
export const CAPABILITY = { ipcLock: 14, sysAdmin: 21, sysResource: 24 } as const;

/** True when the bit is set in a hexadecimal set of capabilities. */
export function hasCapability(set: string | null, bit: number): boolean {
  if (set === null || !/^[0-9a-f]+$/i.test(set)) return false;
  return ((BigInt(`0x${set}`) >> BigInt(bit)) & 1n) === 1n;
}
