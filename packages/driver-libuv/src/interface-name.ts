/**
 * Network interfaces by their numbers: the runtime takes the interface of an IPv6 address by its name, except on
 * Windows.
 */
import { readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/**
 * What stands behind the `%` of an address for the interface of this number; `undefined` where there is none. Source:
 * if_indextoname(3), sysfs(5).
 */
export function interfaceName(index: number): string | undefined {
  if (process.platform === "win32") return String(index);
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    if (addresses.some((address) => address.family === "IPv6" && address.scopeid === index)) return name;
  }
  return nameInSysfs(index);
}

/** Interfaces without an address of their own kind, the loopback's for one. */
function nameInSysfs(index: number): string | undefined {
  try {
    return readdirSync("/sys/class/net").find(
      (name) => readFileSync(`/sys/class/net/${name}/ifindex`, "latin1").trim() === String(index),
    );
  } catch {
    return undefined;
  }
}
