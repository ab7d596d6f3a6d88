/** Addresses as the simulated network knows them. */
import type { SocketAddress } from "@baton-io/core";

/** An address as it stands in the arena. */
export interface RawAddress {
  readonly family: number;
  readonly bytes: Uint8Array;
  readonly port: number;
  /** Number of the interface, 0 for any. */
  readonly scope: number;
}

/** A Unix-domain path; empty for a socket that was never bound. */
export interface PathAddress {
  readonly family: "unix";
  readonly bytes: Uint8Array;
}

/** Where an end of a connection is. */
export type SimAddress = SocketAddress | PathAddress;
