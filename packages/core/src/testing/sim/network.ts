/**
 * The network of one simulated machine: addresses, ports, listeners with their backlogs, and connecting. Only
 * loopback and the wildcard addresses exist here.
 */
import { formatAddress, type SocketAddress } from "../../address.js";
import { ERRNO } from "../../errno.js";
import { ADDRESS_FAMILY, SOCKET_OPTION } from "../../record.js";
import { Endpoint } from "./connection.js";
import type { Kernel } from "./kernel.js";
import { type WaitList, wakeAll } from "./ticket.js";

/** First of the ports that the system chooses itself. Source: RFC 6335. */
const PORT_CHOSEN_MIN = 49_152;
const PORT_MAX = 65_535;

/** An address as it stands in the arena. */
export interface RawAddress {
  readonly family: number;
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** A listening socket. */
export class SimListener {
  readonly kind = "listener";
  readonly address: SocketAddress;
  readonly options: number;
  readonly backlog: number;
  /** Accepting ends of connections that nobody has accepted. */
  readonly pending: Endpoint[] = [];
  /** Accepts that wait for a connection, and connects that wait for room in the backlog. */
  readonly accepters: WaitList = [];
  readonly connecters: WaitList = [];
  readonly #kernel: Kernel;
  closed = false;

  constructor(kernel: Kernel, address: SocketAddress, options: number, backlog: number) {
    this.#kernel = kernel;
    this.address = address;
    this.options = options;
    this.backlog = backlog;
  }

  /** One attempt to accept: an end, a negative errno, or `undefined` when no connection waits. */
  accept(): Endpoint | number | undefined {
    const { dice, ledger } = this.#kernel;
    if (this.pending.length === 0) return undefined;
    if (dice.happens("aborted")) {
      this.#drop(this.pending.shift()!);
      return -ERRNO.ECONNABORTED;
    }
    ledger.connectionsWaiting--;
    ledger.connectionsHandedOver++;
    const end = this.pending.shift()!;
    wakeAll(this.connecters);
    return end;
  }

  /** Takes a new connection into the backlog. */
  enqueue(end: Endpoint): void {
    this.#kernel.ledger.connectionsWaiting++;
    this.pending.push(end);
    wakeAll(this.accepters);
  }

  /** The last handle is gone: connections that nobody accepted are reset. */
  close(): void {
    this.closed = true;
    this.#kernel.network.forget(this);
    for (const end of this.pending.splice(0)) this.#drop(end);
    wakeAll(this.connecters);
  }

  #drop(end: Endpoint): void {
    const { ledger } = this.#kernel;
    ledger.connectionsWaiting--;
    ledger.connectionsDropped++;
    end.abort();
    wakeAll(this.connecters);
  }
}

export class SimNetwork {
  /**
   * Client ports of connections that were reset by the network or never accepted: only on those may a program miss
   * bytes that the other end has sent.
   */
  readonly broken: Set<number> = new Set<number>();
  readonly #listeners = new Map<number, SimListener[]>();
  #lastPort = PORT_CHOSEN_MIN - 1;

  /** Binds and listens; `options` are `SOCKET_OPTION` bits. A negative errno when that is refused. */
  listen(kernel: Kernel, raw: RawAddress, options: number, backlog: number): SimListener | number {
    const host = hostOf(raw);
    if (host === undefined) return -ERRNO.EADDRNOTAVAIL;
    const port = raw.port === 0 ? this.#choosePort() : raw.port;
    if (port === undefined) return -ERRNO.EADDRINUSE;
    const shares = (listener: SimListener) => (listener.options & options & SOCKET_OPTION.reusePort) !== 0;
    const there = this.#listeners.get(port) ?? [];
    const address = socketAddress(raw.family, host, port);
    if (there.some((listener) => overlaps(listener.address, address) && !shares(listener))) return -ERRNO.EADDRINUSE;
    const listener = new SimListener(kernel, address, options, backlog);
    this.#listeners.set(port, [...there, listener]);
    return listener;
  }

  /** A listener is closed: its port is free. */
  forget(listener: SimListener): void {
    const { port } = listener.address;
    const left = (this.#listeners.get(port) ?? []).filter((other) => other !== listener);
    if (left.length > 0) this.#listeners.set(port, left);
    else this.#listeners.delete(port);
  }

  /**
   * One attempt to connect: the connecting end, a negative errno, or the listener whose backlog is full and that has
   * to be waited for.
   */
  connect(kernel: Kernel, raw: RawAddress): Endpoint | number | SimListener {
    const host = hostOf(raw);
    if (host === undefined) return -ERRNO.ENETUNREACH;
    if (kernel.dice.happens("refused")) {
      return kernel.dice.random.chance(0.5) ? -ERRNO.ECONNREFUSED : -ERRNO.ETIMEDOUT;
    }
    const target = socketAddress(raw.family, isWildcard(host) ? loopbackOf(raw.family) : host, raw.port);
    const listeners = (this.#listeners.get(raw.port) ?? []).filter((listener) => accepts(listener, target));
    if (listeners.length === 0) return -ERRNO.ECONNREFUSED;
    const withRoom = listeners.filter((listener) => listener.pending.length < listener.backlog);
    if (withRoom.length === 0) return listeners[0]!;
    const port = this.#choosePort();
    if (port === undefined) return -ERRNO.EADDRNOTAVAIL;
    const local = socketAddress(raw.family, loopbackOf(raw.family), port);
    const [client, server] = Endpoint.pair(kernel, local, target);
    kernel.ledger.connectionsMade++;
    (withRoom.length === 1 ? withRoom[0]! : kernel.dice.random.pick(withRoom)).enqueue(server);
    return client;
  }

  /** The next port that nobody listens on. */
  #choosePort(): number | undefined {
    for (let tries = PORT_CHOSEN_MIN; tries <= PORT_MAX; tries++) {
      this.#lastPort = this.#lastPort === PORT_MAX ? PORT_CHOSEN_MIN : this.#lastPort + 1;
      if (!this.#listeners.has(this.#lastPort)) return this.#lastPort;
    }
    return undefined;
  }
}

/** The text of an address that exists on this machine. */
function hostOf({ family, bytes }: RawAddress): string | undefined {
  const text = formatAddress(family, bytes);
  if (family === ADDRESS_FAMILY.ipv4) return text.startsWith("127.") || text === "0.0.0.0" ? text : undefined;
  return text === "::1" || text === "::" ? text : undefined;
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function loopbackOf(family: number): string {
  return family === ADDRESS_FAMILY.ipv4 ? "127.0.0.1" : "::1";
}

function socketAddress(family: number, address: string, port: number): SocketAddress {
  return { family: family === ADDRESS_FAMILY.ipv4 ? "ipv4" : "ipv6", address, port };
}

/** True when both could not be bound without sharing. */
function overlaps(one: SocketAddress, other: SocketAddress): boolean {
  if (one.family !== other.family) return false;
  return one.address === other.address || isWildcard(one.address) || isWildcard(other.address);
}

function accepts({ address, options }: SimListener, target: SocketAddress): boolean {
  if (address.address === "::" && target.family === "ipv4") return (options & SOCKET_OPTION.ipv6Only) === 0;
  if (address.family !== target.family) return false;
  return address.address === target.address || isWildcard(address.address);
}
