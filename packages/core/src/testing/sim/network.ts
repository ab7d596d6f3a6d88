/**
 * The network of one simulated machine: ports, listeners with their backlogs, and connecting. Which addresses it has is
 * in `interfaces.ts`.
 */

import { ERRNO } from "../../base/errno.js";
import type { SocketAddress } from "../../spi/address.js";
import { ADDRESS_FAMILY, POLL_EVENT, SOCKET_OPTION } from "../../spi/record.js";
import { type EndBook, Endpoint } from "./connection.js";
import { SimDatagram } from "./datagram.js";
import { otherHost, ownHost } from "./interfaces.js";
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

/** A port and address that is taken. */
interface Bound {
  readonly address: SimAddress;
  readonly options: number;
}

/** A listening socket. */
export class SimListener {
  readonly kind = "listener";
  readonly address: SimAddress;
  readonly options: number;
  readonly backlog: number;
  /** Accepting ends of connections that nobody has accepted. */
  readonly pending: Endpoint[] = [];
  /** Accepts that wait for a connection, and connects that wait for room in the backlog. */
  readonly accepters: WaitList = [];
  readonly connecters: WaitList = [];
  readonly #kernel: Kernel;
  closed = false;

  constructor(kernel: Kernel, address: SimAddress, options: number, backlog: number) {
    this.#kernel = kernel;
    this.address = address;
    this.options = options;
    this.backlog = backlog;
  }

  /** `POLL_EVENT` bits. */
  get events(): number {
    return this.pending.length > 0 ? POLL_EVENT.readable : 0;
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

/** Both ends of a connection. */
export interface ConnectionBook {
  readonly client: Readonly<EndBook>;
  readonly server: Readonly<EndBook>;
}

export class SimNetwork {
  /**
   * Client ports of connections that were reset by the network or never accepted: only on those may a program miss
   * bytes that the other end has sent.
   */
  readonly broken: Set<number> = new Set<number>();
  /** What both ends of each internet connection came to, by the client's port. */
  readonly books: Map<number, ConnectionBook> = new Map<number, ConnectionBook>();
  readonly #listeners = new Map<number, SimListener[]>();
  /** By the inode of the socket's name, or by an abstract name. */
  readonly #byPath = new Map<number | string, SimListener>();
  readonly #datagrams = new Map<number, SimDatagram[]>();
  #lastPort = PORT_CHOSEN_MIN - 1;

  /** Binds and listens; `options` are `SOCKET_OPTION` bits. A negative errno when that is refused. */
  listen(kernel: Kernel, raw: RawAddress, options: number, backlog: number): SimListener | number {
    if (raw.family === ADDRESS_FAMILY.unix) return this.#listenAtPath(kernel, raw.bytes, options, backlog);
    const address = this.#bindable(raw, options, this.#listeners);
    if (typeof address === "number") return address;
    const listener = new SimListener(kernel, address, options, backlog);
    this.#listeners.set(address.port, [...(this.#listeners.get(address.port) ?? []), listener]);
    return listener;
  }

  #listenAtPath(kernel: Kernel, bytes: Uint8Array, options: number, backlog: number): SimListener | number {
    const key = isAbstract(bytes) ? abstractKey(bytes) : undefined;
    if (bytes.length === 0) return -ERRNO.EINVAL;
    if (key !== undefined && this.#byPath.has(key)) return -ERRNO.EADDRINUSE;
    const node = key ?? kernel.files.bindSocket(bytes);
    if (typeof node === "number") return node;
    const listener = new SimListener(kernel, { family: "unix", bytes: bytes.slice() }, options, backlog);
    this.#byPath.set(typeof node === "string" ? node : node.inode, listener);
    return listener;
  }

  /** Binds a datagram socket. A negative errno when that is refused. */
  datagram(kernel: Kernel, raw: RawAddress, options: number): SimDatagram | number {
    const address = this.#bindable(raw, options, this.#datagrams);
    if (typeof address === "number") return address;
    const socket = new SimDatagram(kernel, address, options);
    this.#datagrams.set(address.port, [...(this.#datagrams.get(address.port) ?? []), socket]);
    return socket;
  }

  /** One attempt to send a datagram: its bytes, or a negative errno. */
  sendDatagram(kernel: Kernel, socket: SimDatagram, raw: RawAddress, bytes: Uint8Array): number {
    if (raw.family === ADDRESS_FAMILY.none) return -ERRNO.EDESTADDRREQ;
    if (raw.family === ADDRESS_FAMILY.unix) return -ERRNO.EAFNOSUPPORT;
    const isIpv6 = socket.address.family === "ipv6";
    if (!isIpv6 && raw.family === ADDRESS_FAMILY.ipv6) return -ERRNO.EAFNOSUPPORT;
    if (isIpv6 && isMapped(raw)) {
      return this.sendDatagram(
        kernel,
        socket,
        { ...raw, family: ADDRESS_FAMILY.ipv4, bytes: raw.bytes.subarray(12) },
        bytes,
      );
    }
    if (isIpv6 && raw.family === ADDRESS_FAMILY.ipv4 && (socket.options & SOCKET_OPTION.ipv6Only) !== 0)
      return -ERRNO.ENETUNREACH;
    if (raw.port === 0) return -ERRNO.EINVAL;
    const host = otherHost(raw);
    if (typeof host === "number") return host;
    const to = socketAddress(raw.family, isWildcard(host) ? loopbackOf(raw.family) : host, raw.port);
    const there = (this.#datagrams.get(raw.port) ?? []).filter((other) => accepts(other, to));
    const target = there.length > 1 ? kernel.dice.random.pick(there) : there[0];
    return socket.send(bytes, target, senderOf(socket.address, to, target));
  }

  /** A datagram socket is closed: its port is free. */
  forgetDatagram(socket: SimDatagram): void {
    const { port } = socket.address;
    const left = (this.#datagrams.get(port) ?? []).filter((other) => other !== socket);
    if (left.length > 0) this.#datagrams.set(port, left);
    else this.#datagrams.delete(port);
  }

  /** The address that can be bound, with a port chosen where none is asked for; or a negative errno. */
  #bindable(raw: RawAddress, options: number, bound: ReadonlyMap<number, readonly Bound[]>): SocketAddress | number {
    const host = ownHost(raw);
    if (typeof host === "number") return host;
    const port = raw.port === 0 ? this.#choosePort() : raw.port;
    if (port === undefined) return -ERRNO.EADDRINUSE;
    const shares = (other: Bound) => (other.options & options & SOCKET_OPTION.reusePort) !== 0;
    const address = socketAddress(raw.family, host, port);
    const isTaken = (bound.get(port) ?? []).some((other) => overlaps(other.address, address) && !shares(other));
    return isTaken ? -ERRNO.EADDRINUSE : address;
  }

  /** A listener is closed: its port is free. */
  forget(listener: SimListener): void {
    if (listener.address.family === "unix") {
      for (const [key, other] of this.#byPath) if (other === listener) this.#byPath.delete(key);
      return;
    }
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
    if (raw.family === ADDRESS_FAMILY.unix) return this.#connectToPath(kernel, raw.bytes);
    const host = otherHost(raw);
    if (typeof host === "number") return host;
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
    const local = socketAddress(raw.family, homeOf(target), port);
    const [client, server] = Endpoint.pair(kernel, local, target);
    kernel.ledger.connectionsMade++;
    (withRoom.length === 1 ? withRoom[0]! : kernel.dice.random.pick(withRoom)).enqueue(server);
    return client;
  }

  #connectToPath(kernel: Kernel, bytes: Uint8Array): Endpoint | number | SimListener {
    if (bytes.length === 0) return -ERRNO.EINVAL;
    const node = isAbstract(bytes) ? abstractKey(bytes) : kernel.files.find(bytes, true);
    if (typeof node === "number") return node;
    const listener = this.#byPath.get(typeof node === "string" ? node : node.inode);
    if (listener === undefined) return -ERRNO.ECONNREFUSED;
    if (listener.pending.length >= listener.backlog) return listener;
    const unnamed: PathAddress = { family: "unix", bytes: new Uint8Array(0) };
    const [client, server] = Endpoint.pair(kernel, unnamed, listener.address);
    kernel.ledger.connectionsMade++;
    listener.enqueue(server);
    return client;
  }

  /** The next port that nobody listens on. */
  #choosePort(): number | undefined {
    for (let tries = PORT_CHOSEN_MIN; tries <= PORT_MAX; tries++) {
      this.#lastPort = this.#lastPort === PORT_MAX ? PORT_CHOSEN_MIN : this.#lastPort + 1;
      if (!this.#listeners.has(this.#lastPort) && !this.#datagrams.has(this.#lastPort)) return this.#lastPort;
    }
    return undefined;
  }
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function loopbackOf(family: number): string {
  return family === ADDRESS_FAMILY.ipv4 ? "127.0.0.1" : "::1";
}

/** The machine's own address from which another of its own is reached. */
function homeOf({ family, address }: SocketAddress): string {
  if (family === "ipv4") return "127.0.0.1";
  return address.includes("%") ? address : "::1";
}

function socketAddress(family: number, address: string, port: number): SocketAddress {
  return { family: family === ADDRESS_FAMILY.ipv4 ? "ipv4" : "ipv6", address, port };
}

/** Who a datagram is from, as its receiver sees it. */
function senderOf(address: SocketAddress, to: SocketAddress, target: SimDatagram | undefined): SocketAddress {
  const isIpv4 = to.family === "ipv4";
  const host = address.family === to.family && !isWildcard(address.address) ? address.address : homeOf(to);
  if (isIpv4 && target?.address.family === "ipv6") {
    return { family: "ipv6", address: `::ffff:${host}`, port: address.port };
  }
  return { family: isIpv4 ? "ipv4" : "ipv6", address: host, port: address.port };
}

/** An IPv4 address in the form of IPv6, `::ffff:127.0.0.1`. */
function isMapped({ family, bytes }: RawAddress): boolean {
  const head = bytes.subarray(0, 12);
  return family === ADDRESS_FAMILY.ipv6 && head.every((byte, index) => byte === (index < 10 ? 0 : 0xff));
}

/** A name of the abstract namespace begins with a NUL. Source: unix(7). */
function isAbstract(bytes: Uint8Array): boolean {
  return bytes[0] === 0;
}

function abstractKey(bytes: Uint8Array): string {
  return bytes.join();
}

/** True when both could not be bound without sharing. */
function overlaps(one: SimAddress, other: SocketAddress): boolean {
  if (one.family === "unix" || one.family !== other.family) return false;
  return one.address === other.address || isWildcard(one.address) || isWildcard(other.address);
}

function accepts({ address, options }: Bound, target: SocketAddress): boolean {
  if (address.family === "unix") return false;
  if (address.address === "::" && target.family === "ipv4") return (options & SOCKET_OPTION.ipv6Only) === 0;
  if (address.family !== target.family) return false;
  return address.address === target.address || isWildcard(address.address);
}
