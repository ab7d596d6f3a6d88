/**
 * Where native drivers put memory: what the system has for it, and what is said when it has not. Core itself knows no
 * file system, so the caller brings the way to it.
 */
import { batonError } from "../base/errors.js";

const NODES = "/sys/devices/system/node";
const HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
const TRANSPARENT = "/sys/kernel/mm/transparent_hugepage/enabled";

/** What the check needs of the system; Node's `fs` and `process` have all of it. */
export interface PlacementSystem {
  exists(path: string): boolean;
  /** The text of a file. Throws when it cannot be read. */
  read(path: string): string;
  warn(message: string, options: { readonly type: string; readonly code: string }): void;
}

/**
 * Checks where a driver's slabs shall be, when its session opens. Throws `ERR_INVALID_ARG_VALUE` when there is no such
 * NUMA node (−1: none asked for), and warns where huge pages were asked for and there are none.
 */
export function checkPlacement(
  where: string,
  options: { readonly numaNode: number; readonly hugePages: boolean },
  system: PlacementSystem,
): void {
  const { numaNode, hugePages } = options;
  // A machine without the directory is one node, number 0.
  const isThere =
    numaNode < 0 || system.exists(`${NODES}/node${numaNode}`) || (numaNode === 0 && !system.exists(NODES));
  if (!isThere) throw batonError("ERR_INVALID_ARG_VALUE", `${where}: this machine has no NUMA node ${numaNode}.`);
  if (!hugePages || hugePageSource(system) !== "none") return;
  system.warn("hugePages: this system has none, neither reserved nor transparent; ordinary pages are used.", {
    type: "BatonWarning",
    code: "BATON_NO_HUGE_PAGES",
  });
}

/** Where huge pages would come from here: reserved ones, transparent ones, or not at all. */
export function hugePageSource(system: Pick<PlacementSystem, "read">): "reserved" | "transparent" | "none" {
  if (Number(readOr(system, HUGE_PAGES, "0")) > 0) return "reserved";
  return /\[(always|madvise)\]/.test(readOr(system, TRANSPARENT, "")) ? "transparent" : "none";
}

function readOr(system: Pick<PlacementSystem, "read">, path: string, otherwise: string): string {
  try {
    return system.read(path);
  } catch {
    return otherwise;
  }
}
