/** Network interfaces by name, as in the `%eth0` behind an IPv6 address. */

/** The number of an interface; `undefined` where there is none of that name. */
export type InterfaceIndex = (name: string) => number | undefined;

/** The longest name of an interface, bytes: IFNAMSIZ less its NUL. */
const NAME = /^[^/\s]{1,15}$/;

/**
 * Looks interfaces up as Linux shows them under `/sys/class/net` (sysfs(5)); `readText` reads a file there, and throws
 * where it cannot. Systems without it know none by name.
 */
export function linuxInterfaceIndex(readText: (path: string) => string): InterfaceIndex {
  return (name) => {
    if (!NAME.test(name) || name === "." || name === "..") return undefined;
    try {
      const index = Number(readText(`/sys/class/net/${name}/ifindex`));
      return Number.isInteger(index) && index > 0 ? index : undefined;
    } catch {
      return undefined;
    }
  };
}
