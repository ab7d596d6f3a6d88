/** Where memory is put: what the system has for it, and what is said when it has not. */
import { existsSync, readFileSync } from "node:fs";
import { batonError } from "@baton-io/core";

const NODES = "/sys/devices/system/node";
const HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
const TRANSPARENT = "/sys/kernel/mm/transparent_hugepage/enabled";

/** Throws `ERR_INVALID_ARG_VALUE` when there is no such NUMA node; −1 is none asked for. */
export function checkNumaNode(where: string, node: number): void {
  // A machine without the directory is one node, number 0.
  if (node < 0 || existsSync(`${NODES}/node${node}`) || (node === 0 && !existsSync(NODES))) return;
  throw batonError("ERR_INVALID_ARG_VALUE", `${where}: this machine has no NUMA node ${node}.`);
}

/** Where huge pages would come from here: reserved ones, transparent ones, or not at all. */
export type HugePageSource = "reserved" | "transparent" | "none";

export function hugePageSource(read: (path: string) => string = (path) => readFileSync(path, "utf8")): HugePageSource {
  if (Number(readOr(read, HUGE_PAGES, "0")) > 0) return "reserved";
  return /\[(always|madvise)\]/.test(readOr(read, TRANSPARENT, "")) ? "transparent" : "none";
}

/** Says once per call that ordinary pages are used, where huge ones were asked for and there are none. */
export function noticeHugePages(source: HugePageSource): void {
  if (source !== "none") return;
  process.emitWarning("hugePages: this system has none, neither reserved nor transparent; ordinary pages are used.", {
    type: "BatonWarning",
    code: "BATON_NO_HUGE_PAGES",
  });
}

function readOr(read: (path: string) => string, path: string, otherwise: string): string {
  try {
    return read(path);
  } catch {
    return otherwise;
  }
}
