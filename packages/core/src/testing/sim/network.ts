/**
 * The network of one simulated machine: ports, listeners with their backlogs, and connecting. Which addresses it has is
 * in `interfaces.ts`.
 */

import type { SocketAddress } from "@baton-io/core";
import { ADDRESS_FAMILY, ERRNO, POLL_EVENT, SOCKET_OPTION } from "@baton-io/core/driver";
import type { PathAddress, RawAddress, SimAddress } from "./addresses.js";
import { Endpoint } from "./connection.js";
import { SimDatagram } from "./datagram.js";
import type { SimFileSystem } from "./file-system.js";
import { otherHost, ownHost } from "./interfaces.js";
import type { Machine } from "./machine.js";
import { type WaitList, wakeAll } from "./wait-list.js";

/** First of the ports that the system chooses itself. Source: RFC 6335. */
const PORT_CHOSEN_MIN = 49_152;
const PORT_MAX = 65_535;

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
  readonly #machine: Machine;
  readonly #forget: () => void;
  closed = false;

  constructor(machine: Machine, address: SimAddress, options: number, backlog: number, forget: () => void) {
    this.#machine = machine;
    this.#forget = forget;
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
    const { dice, ledger } = this.#machine;
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
    this.#machine.ledger.connectionsWaiting++;
    this.pending.push(end);
    wakeAll(this.accepters);
  }

  /** The last handle is gone: connections that nobody accepted are reset. */
  close(): void {
    this.closed = true;
    this.#forget();
    for (const end of this.pending.splice(0)) this.#drop(end);
    wakeAll(this.connecters);
  }

  #drop(end: Endpoint): void {
    const { ledger } = this.#machine;
    ledger.connectionsWaiting--;
    ledger.connectionsDropped++;
    end.abort();
    wakeAll(this.connecters);
  }
}

/** The machine that a network is of. */
type NetworkMachine = Machine & { readonly files: SimFileSystem };

export class SimNetwork {
  readonly #listeners = new Map<number, SimListener[]>();
  /** By the inode of the socket's name, or by an abstract name. */
  readonly #byPath = new Map<number | string, SimListener>();
  readonly #datagrams = new Map<number, SimDatagram[]>();
  #lastPort = PORT_CHOSEN_MIN - 1;

  /** Binds and listens; `options` are `SOCKET_OPTION` bits. A negative errno when that is refused. */
  listen(machine: NetworkMachine, raw: RawAddress, options: number, backlog: number): SimListener | number {
    if (raw.family === ADDRESS_FAMILY.unix) return this.#listenAtPath(machine, raw.bytes, options, backlog);
    const address = this.#bindable(raw, options, this.#listeners);
    if (typeof address === "number") return address;
    const listener: SimListener = new SimListener(machine, address, options, backlog, () => this.#forget(listener));
    this.#listeners.set(address.port, [...(this.#listeners.get(address.port) ?? []), listener]);
    return listener;
  }

  #listenAtPath(machine: NetworkMachine, bytes: Uint8Array, options: number, backlog: number): SimListener | number {
    const key = isAbstract(bytes) ? abstractKey(bytes) : undefined;
    if (bytes.length === 0) return -ERRNO.EINVAL;
    if (key !== undefined && this.#byPath.has(key)) return -ERRNO.EADDRINUSE;
    const node = key ?? machine.files.bindSocket(bytes);
    if (typeof node === "number") return node;
    const listener: SimListener = new SimListener(
      machine,
      { family: "unix", bytes: bytes.slice() },
      options,
      backlog,
      () => this.#forget(listener),
    );
    this.#byPath.set(typeof node === "string" ? node : node.inode, listener);
    return listener;
  }

  /** Binds a datagram socket. A negative errno when that is refused. */
  datagram(machine: NetworkMachine, raw: RawAddress, options: number): SimDatagram | number {
    const address = this.#bindable(raw, options, this.#datagrams);
    if (typeof address === "number") return address;
    const socket: SimDatagram = new SimDatagram(machine, address, options, () => this.#forgetDatagram(socket));
    this.#datagrams.set(address.port, [...(this.#datagrams.get(address.port) ?? []), socket]);
    return socket;
  }

  /** One attempt to send a datagram: its bytes, or a negative errno. */
  sendDatagram(machine: NetworkMachine, socket: SimDatagram, raw: RawAddress, bytes: Uint8Array): number {
    if (raw.family === ADDRESS_FAMILY.none) return -ERRNO.EDESTADDRREQ;
    if (raw.family === ADDRESS_FAMILY.unix) return -ERRNO.EAFNOSUPPORT;
    const isIpv6 = socket.address.family === "ipv6";
    if (!isIpv6 && raw.family === ADDRESS_FAMILY.ipv6) return -ERRNO.EAFNOSUPPORT;
    if (isIpv6 && isMapped(raw)) {
      return this.sendDatagram(
        machine,
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
    const target = there.length > 1 ? machine.dice.random.pick(there) : there[0];
    return socket.send(bytes, target, senderOf(socket.address, to, target));
  }

  /** A datagram socket is closed: its port is free. */
  #forgetDatagram(socket: SimDatagram): void {
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
  #forget(listener: SimListener): void {
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
  connect(machine: NetworkMachine, raw: RawAddress): Endpoint | number | SimListener {
    if (raw.family === ADDRESS_FAMILY.unix) return this.#connectToPath(machine, raw.bytes);
    const host = otherHost(raw);
    if (typeof host === "number") return host;
    if (machine.dice.happens("refused")) {
      return machine.dice.random.chance(0.5) ? -ERRNO.ECONNREFUSED : -ERRNO.ETIMEDOUT;
    }
    const target = socketAddress(raw.family, isWildcard(host) ? loopbackOf(raw.family) : host, raw.port);
    const listeners = (this.#listeners.get(raw.port) ?? []).filter((listener) => accepts(listener, target));
    if (listeners.length === 0) return -ERRNO.ECONNREFUSED;
    const withRoom = listeners.filter((listener) => listener.pending.length < listener.backlog);
    if (withRoom.length === 0) return listeners[0]!;
    const port = this.#choosePort();
    if (port === undefined) return -ERRNO.EADDRNOTAVAIL;
    const local = socketAddress(raw.family, homeOf(target), port);
    const [client, server] = Endpoint.pair(machine, local, target);
    machine.ledger.connectionsMade++;
    (withRoom.length === 1 ? withRoom[0]! : machine.dice.random.pick(withRoom)).enqueue(server);
    return client;
  }

  #connectToPath(machine: NetworkMachine, bytes: Uint8Array): Endpoint | number | SimListener {
    if (bytes.length === 0) return -ERRNO.EINVAL;
    const node = isAbstract(bytes) ? abstractKey(bytes) : machine.files.find(bytes, true);
    if (typeof node === "number") return node;
    const listener = this.#byPath.get(typeof node === "string" ? node : node.inode);
    if (listener === undefined) return -ERRNO.ECONNREFUSED;
    if (listener.pending.length >= listener.backlog) return listener;
    const unnamed: PathAddress = { family: "unix", bytes: new Uint8Array(0) };
    const [client, server] = Endpoint.pair(machine, unnamed, listener.address);
    machine.ledger.connectionsMade++;
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
