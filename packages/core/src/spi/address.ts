/**
 * Addresses: what a caller writes, what travels in the arena, and the way between. Internet addresses are parsed
 * here and not by the system, so that every driver accepts the same texts.
 */
import type { InterfaceIndex } from "./interface-index.js";
import { ADDRESS_BYTES, ADDRESS_BYTES_AT, ADDRESS_FAMILY, ADDRESS_WORD } from "./record.js";

/** Where a socket is or goes: an internet address and port. */
export interface SocketAddress {
  readonly family: "ipv4" | "ipv6";
  /** In text form, `"127.0.0.1"`, `"::1"`. */
  readonly address: string;
  /** 0–65535. */
  readonly port: number;
}

/** Where a Unix-domain socket is. */
export interface UnixAddress {
  readonly family: "unix";
  /** A path; an abstract name begins with a NUL; `""` is a socket that was bound to nothing. */
  readonly path: string;
}

/** The longest path of a Unix-domain socket in bytes: the 108 of `sun_path` less a terminating NUL. */
export const UNIX_PATH_BYTES_MAX = 107;

/** An internet address, taken apart. */
export interface ParsedAddress {
  /** `ADDRESS_FAMILY.ipv4` or `ADDRESS_FAMILY.ipv6`. */
  readonly family: number;
  readonly bytes: Uint8Array;
  /** Number of the interface of an IPv6 address, 0 for any. */
  readonly scope: number;
}

/**
 * The bytes of an internet address, or `undefined` when the text is not one (a host name, then). An interface can be
 * given by its number, and by its name where `interfaceIndex` knows that.
 */
export function parseAddress(text: string, interfaceIndex?: InterfaceIndex): ParsedAddress | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return { family: ADDRESS_FAMILY.ipv4, bytes: ipv4, scope: 0 };
  const percent = text.indexOf("%");
  const ipv6 = parseIpv6(percent < 0 ? text : text.slice(0, percent));
  if (ipv6 === undefined) return undefined;
  const scope = percent < 0 ? 0 : parseScope(text.slice(percent + 1), interfaceIndex);
  return scope === undefined ? undefined : { family: ADDRESS_FAMILY.ipv6, bytes: ipv6, scope };
}

/** The system numbers interfaces with a signed integer. Source: netdevice(7), `ifr_ifindex`. */
const SCOPE_MAX = 0x7fff_ffff;

/** Source: RFC 4007, section 11. */
function parseScope(text: string, interfaceIndex: InterfaceIndex | undefined): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return interfaceIndex?.(text);
  // A number beyond the system's 32 bits would become another interface's.
  return Number(text) <= SCOPE_MAX ? Number(text) : undefined;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    // No leading zeros: some systems read them as octal.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[index] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  // An IPv4 address may stand at the end of all, not before a "::".
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Bytes of colon-separated groups; with `mayEndInIpv4` the last may be an IPv4 address. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (mayEndInIpv4 && index === groups.length - 1 && group.includes(".")) {
      const ipv4 = parseIpv4(group);
      if (ipv4 === undefined) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    }
  }
  return bytes;
}

/** The text of an internet address; IPv6 in the form of RFC 5952. */
export function formatAddress(family: number, bytes: Uint8Array, scope = 0): string {
  if (family === ADDRESS_FAMILY.ipv4) return bytes.subarray(0, 4).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[index * 2]! << 8) | bytes[index * 2 + 1]!);
  const run = longestZeroRun(groups);
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  const text = isMapped(groups)
    ? `::ffff:${bytes.subarray(12, 16).join(".")}`
    : run.length < 2
      ? hex(0, 8)
      : `${hex(0, run.start)}::${hex(run.start + run.length, 8)}`;
  return scope === 0 ? text : `${text}%${scope}`;
}

/** An IPv4 address in the form of IPv6, whose text ends in the IPv4 address. Source: RFC 5952, section 5. */
function isMapped(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** Writes an address into an arena area. */
export function writeAddress(
  arenaBytes: Uint8Array,
  arenaWords: Int32Array,
  offset: number,
  address: { family: number; bytes: Uint8Array; scope: number },
  port: number,
): void {
  const word = offset >> 2;
  arenaWords[word + ADDRESS_WORD.family] = address.family;
  arenaWords[word + ADDRESS_WORD.portOrLength] = address.family === ADDRESS_FAMILY.unix ? address.bytes.length : port;
  arenaWords[word + ADDRESS_WORD.scope] = address.scope;
  arenaBytes.set(address.bytes, offset + ADDRESS_BYTES_AT);
}

/** Reads an internet address from an arena area. */
export function readAddress(arenaBytes: Uint8Array, arenaWords: Int32Array, offset: number): SocketAddress {
  const word = offset >> 2;
  const family = arenaWords[word + ADDRESS_WORD.family]!;
  const at = offset + ADDRESS_BYTES_AT;
  return {
    family: family === ADDRESS_FAMILY.ipv6 ? "ipv6" : "ipv4",
    address: formatAddress(family, arenaBytes.subarray(at, at + 16), arenaWords[word + ADDRESS_WORD.scope]),
    port: arenaWords[word + ADDRESS_WORD.portOrLength]!,
  };
}

/** Reads the address of a Unix-domain socket from an arena area. */
export function readUnixAddress(arenaBytes: Uint8Array, arenaWords: Int32Array, offset: number): UnixAddress {
  const at = offset + ADDRESS_BYTES_AT;
  // A driver that says more than an area holds does not make this read the next one.
  const length = Math.min(arenaWords[(offset >> 2) + ADDRESS_WORD.portOrLength]!, ADDRESS_BYTES - ADDRESS_BYTES_AT);
  return { family: "unix", path: new TextDecoder().decode(arenaBytes.subarray(at, at + length)) };
}

/** Reads an address of either kind from an arena area. */
export function readAnyAddress(
  arenaBytes: Uint8Array,
  arenaWords: Int32Array,
  offset: number,
): SocketAddress | UnixAddress {
  const family = arenaWords[(offset >> 2) + ADDRESS_WORD.family];
  const isUnix = family === ADDRESS_FAMILY.unix || family === ADDRESS_FAMILY.none;
  return (isUnix ? readUnixAddress : readAddress)(arenaBytes, arenaWords, offset);
}
