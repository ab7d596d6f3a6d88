/** The network interfaces of one simulated machine, and which addresses they have. */

import { ADDRESS_FAMILY, ERRNO, formatAddress } from "@baton-io/core/driver";
import type { RawAddress } from "./addresses.js";

/** An address of one interface, and which. */
export interface LinkLocal {
  readonly address: string;
  readonly name: string;
  readonly index: number;
}

/** Their numbers, by name. */
const interfaces: ReadonlyMap<string, number> = new Map([
  ["lo", 1],
  ["eth0", 2],
]);

/** The one address that is one of its interface only. */
export const simLinkLocal: LinkLocal = { address: "fe80::1", name: "eth0", index: 2 };

export function simInterfaceIndex(name: string): number | undefined {
  return interfaces.get(name);
}

/** The text of an address to be bound, or a negative errno. */
export function ownHost(raw: RawAddress): string | number {
  if (!isLinkLocal(raw)) return hostOf(raw) ?? -ERRNO.EADDRNOTAVAIL;
  if (raw.scope === 0) return -ERRNO.EINVAL;
  if (![...interfaces.values()].includes(raw.scope)) return -ERRNO.ENODEV;
  return linkLocalOf(raw) ?? -ERRNO.EADDRNOTAVAIL;
}

/** The text of an address to be reached, or a negative errno. */
export function otherHost(raw: RawAddress): string | number {
  if (!isLinkLocal(raw)) return hostOf(raw) ?? -ERRNO.ENETUNREACH;
  return raw.scope === 0 ? -ERRNO.EINVAL : (linkLocalOf(raw) ?? -ERRNO.ENETUNREACH);
}

/** An address that means something only together with its interface, `fe80::/10`. Every other is without one. */
function isLinkLocal({ family, bytes }: RawAddress): boolean {
  return family === ADDRESS_FAMILY.ipv6 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

function linkLocalOf({ family, bytes, scope }: RawAddress): string | undefined {
  const { address, index } = simLinkLocal;
  return scope === index && formatAddress(family, bytes) === address ? `${address}%${index}` : undefined;
}

/** Beside it, the machine has loopback addresses only. */
function hostOf({ family, bytes }: RawAddress): string | undefined {
  const text = formatAddress(family, bytes);
  if (family === ADDRESS_FAMILY.ipv4) return text.startsWith("127.") || text === "0.0.0.0" ? text : undefined;
  return text === "::1" || text === "::" ? text : undefined;
}
