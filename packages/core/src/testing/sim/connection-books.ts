/** What the connections of a simulated machine came to. */

/** What one end of a connection comes to. */
export interface EndBook {
  /** Bytes that the kernel took of what was sent here. */
  accepted: number;
  /** Bytes that were received here. */
  received: number;
  /** When the connection was reset: bytes that could be received here in all. */
  receivable: number | undefined;
}

/** Both ends of a connection. */
export interface ConnectionBook {
  readonly client: Readonly<EndBook>;
  readonly server: Readonly<EndBook>;
}

export class ConnectionBooks {
  /**
   * Client ports of connections that were reset by the network or never accepted: only on those may a program miss
   * bytes that the other end has sent.
   */
  readonly broken: Set<number> = new Set<number>();
  /** What both ends of each internet connection came to, by the client's port. */
  readonly ends: Map<number, ConnectionBook> = new Map<number, ConnectionBook>();
}
