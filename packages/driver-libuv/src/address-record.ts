/** Addresses in the arena, as `node:net` and `node:dgram` take and give them. */
import {
  ADDRESS_BYTES_AT,
  ADDRESS_FAMILY,
  ADDRESS_WORD,
  formatAddress,
  type InterfaceIndex,
  parseAddress,
  writeAddress,
} from "@baton-io/core/driver";
import { interfaceName } from "./interface-name.js";

/** An internet address and port. */
export interface HostAddress {
  readonly kind: "host";
  /** `ADDRESS_FAMILY.ipv4` or `ADDRESS_FAMILY.ipv6`. */
  readonly family: number;
  readonly host: string;
  readonly port: number;
  /** Its scope names an interface that does not exist: the runtime would drop the name. */
  readonly isNowhere: boolean;
}

/** A Unix-domain path. */
export interface PathAddress {
  readonly kind: "path";
  /** Empty: a socket that was never bound. */
  readonly bytes: Uint8Array;
}

/** Where a socket is or goes. */
export type RecordAddress = HostAddress | PathAddress | { readonly kind: "none" };

export class AddressRecords {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #interfaceIndex: InterfaceIndex;

  constructor(arena: ArrayBuffer, interfaceIndex: InterfaceIndex) {
    this.#interfaceIndex = interfaceIndex;
    this.#bytes = new Uint8Array(arena);
    this.#words = new Int32Array(arena);
  }

  read(offset: number): RecordAddress {
    const word = offset >> 2;
    const at = offset + ADDRESS_BYTES_AT;
    const family = this.#words[word + ADDRESS_WORD.family]!;
    const port = this.#words[word + ADDRESS_WORD.portOrLength]!;
    switch (family) {
      case ADDRESS_FAMILY.ipv4:
      case ADDRESS_FAMILY.ipv6: {
        const scope = this.#words[word + ADDRESS_WORD.scope]!;
        const address = formatAddress(family, this.#bytes.subarray(at, at + 16));
        const name = scope === 0 ? undefined : interfaceName(scope);
        const isNowhere = scope !== 0 && name === undefined && isLinkLocal(family, this.#bytes, at);
        return { kind: "host", family, host: name === undefined ? address : `${address}%${name}`, port, isNowhere };
      }
      case ADDRESS_FAMILY.unix:
        return { kind: "path", bytes: this.#bytes.slice(at, at + port) };
      default:
        return { kind: "none" };
    }
  }

  /** Writes where a socket is; what the runtime calls neither a path nor an internet address becomes "none". */
  write(offset: number, given: { readonly address: string; readonly port: number } | PathAddress): void {
    const address =
      "bytes" in given
        ? { family: ADDRESS_FAMILY.unix, bytes: given.bytes, scope: 0 }
        : (parseAddress(given.address, this.#interfaceIndex) ?? {
            family: ADDRESS_FAMILY.none,
            bytes: new Uint8Array(0),
            scope: 0,
          });
    writeAddress(this.#bytes, this.#words, offset, address, "port" in given ? given.port : 0);
  }
}

/** Source: RFC 4291, section 2.5.6. */
function isLinkLocal(family: number, bytes: Uint8Array, at: number): boolean {
  return family === ADDRESS_FAMILY.ipv6 && bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80;
}
