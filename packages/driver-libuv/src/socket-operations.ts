/** Socket operations over `node:net` and `node:dgram`: making sockets, and telling where they are. */
import * as dgram from "node:dgram";
import * as fs from "node:fs";
import * as net from "node:net";
import { dirname } from "node:path";
import { ADDRESS_FAMILY, ADOPT_ANSWER, ERRNO, type InterfaceIndex, SOCKET_OPTION } from "@baton-io/core/driver";
import { AddressRecords, type HostAddress, type PathAddress, type RecordAddress } from "./address-record.js";
import { Datagram, type DatagramHost } from "./datagram.js";
import { inAnyCase, orAnswer } from "./in-any-case.js";
import { Listener, type ListenerHost } from "./listener.js";
import type { Submission } from "./record-reader.js";
import { Stream, type StreamHost } from "./stream.js";
import { errnoOf } from "./system-error.js";

/** What socket operations need of their driver. */
export interface SocketHost extends StreamHost, DatagramHost {
  /** Completes an operation whose result is a new handle. */
  completeWithHandle(submission: Submission, value: Stream | Listener | Datagram): void;
  readonly interfaceIndex: InterfaceIndex;
}

/** Whether `net` and `dgram` can share ports; earlier versions ignore the option silently. */
export const hasReusePort: boolean = (() => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return process.platform === "linux" && (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12));
})();

/** Bytes of the longest Unix-domain path. */
const PATH_BYTES_MAX = 108;
/** How long a connect waits before it looks again whether a full backlog has room, at first and at most. */
const CONNECT_AGAIN_MS = 1;
const CONNECT_AGAIN_MS_MAX = 64;

/** Of a socket that was never bound to a path. */
const unnamed: PathAddress = { kind: "path", bytes: new Uint8Array(0) };

export class SocketOperations {
  readonly #host: SocketHost;
  readonly #records: AddressRecords;

  constructor(host: SocketHost, arena: ArrayBuffer) {
    this.#host = host;
    this.#records = new AddressRecords(arena, host.interfaceIndex);
  }

  /** The address at the start of an operation's arena area. */
  addressIn({ arenaOffset }: Submission): RecordAddress {
    return this.#records.read(arenaOffset);
  }

  /** Writes an address there. */
  answer({ arenaOffset }: Submission, address: { address: string; port: number } | PathAddress): void {
    this.#records.write(arenaOffset, address);
  }

  listen(submission: Submission): void {
    const address = this.#usableAddress(submission, -ERRNO.ENODEV);
    if (typeof address === "number") return this.#host.complete(submission, address);
    const bits = submission.argument0;
    const options = { pauseOnConnect: true, allowHalfOpen: true, ...socketOptions(bits) };
    const server = net.createServer(options);
    const onError = (error: Error) => void this.#listenFailed(submission, address, errnoOf(error));
    server.once("error", onError);
    const onListening = () => {
      server.off("error", onError);
      const listener = this.#createListener(
        server,
        address.kind === "path" ? address : undefined,
        submission.argument1,
      );
      this.answer(submission, listener.address()!);
      this.#host.completeWithHandle(submission, listener);
    };
    server.listen(
      listenOptions(address, submission),
      this.#orFail(submission, onListening, () => void server.close()),
    );
  }

  /** What it throws ends the operation; what was made for it is undone. */
  #orFail(submission: Submission, action: () => void, undo: () => void): () => void {
    return () => orAnswer(action, (error) => inAnyCase(undo, () => this.#host.complete(submission, errnoOf(error))));
  }

  /** A server that was adopted, which listens already; its address goes where the answer to that has it. */
  adoptListener(submission: Submission, server: net.Server, path: PathAddress | undefined): void {
    const listener = this.#createListener(server, path, 0);
    this.#records.write(submission.arenaOffset + ADOPT_ANSWER.addressAt, listener.address()!);
    this.#host.completeWithHandle(submission, listener);
  }

  /** A connection that was adopted. Which path the other end of one within the machine has is not known. */
  adoptStream(submission: Submission, socket: net.Socket, path: PathAddress | undefined): void {
    const ends = path && { local: path, remote: unnamed };
    this.#host.completeWithHandle(submission, new Stream(socket, this.#host, ends));
  }

  #createListener(server: net.Server, path: PathAddress | undefined, backlog: number): Listener {
    // An accepted connection is at the listener's path, and its peer has none.
    const ends = path && { local: path, remote: unnamed };
    const host: ListenerHost = {
      accepted: (accept, socket) => this.#host.completeWithHandle(accept, new Stream(socket, this.#host, ends)),
      complete: (accept, result) => this.#host.complete(accept, result),
      setCancel: (accept, cancel) => this.#host.setCancel(accept, cancel),
    };
    return new Listener(server, host, path, backlog);
  }

  /** The runtime says `EACCES` where the kernel says that the path's directory is not there. */
  async #listenFailed(submission: Submission, address: HostAddress | PathAddress, result: number): Promise<void> {
    if (result === -ERRNO.EACCES && address.kind === "path" && (await isMissing(dirname(textOf(address)!)))) {
      return this.#host.complete(submission, -ERRNO.ENOENT);
    }
    this.#host.complete(submission, result);
  }

  connect(submission: Submission): void {
    const address = this.#usableAddress(submission, -ERRNO.ENETUNREACH);
    if (typeof address === "number") return this.#host.complete(submission, address);
    this.#connectTo(submission, address, CONNECT_AGAIN_MS);
  }

  #connectTo(submission: Submission, address: HostAddress | PathAddress, againMs: number): void {
    const target = address.kind === "path" ? { path: textOf(address)! } : { host: address.host, port: address.port };
    const socket = net.connect({ ...target, allowHalfOpen: true, ...socketOptions(submission.argument0) });
    const onError = (error: Error) => {
      socket.off("connect", onConnect);
      const result = errnoOf(error);
      // A Unix-domain listener whose backlog is full: a blocking connect would wait for room in it.
      if (result === -ERRNO.EAGAIN) return this.#connectLater(submission, address, againMs);
      this.#host.complete(submission, result);
    };
    const undo = () => {
      socket.on("error", () => undefined);
      socket.destroy();
    };
    const connected = () => {
      const ends = address.kind === "path" ? { local: unnamed, remote: address } : undefined;
      const stream = new Stream(socket, this.#host, ends);
      socket.off("error", onError);
      this.#host.completeWithHandle(submission, stream);
    };
    const onConnect = this.#orFail(submission, connected, undo);
    socket.once("error", onError);
    socket.once("connect", onConnect);
    this.#host.setCancel(submission, () => {
      socket.off("connect", onConnect);
      socket.off("error", onError);
      inAnyCase(undo, () => this.#host.complete(submission, -ERRNO.ECANCELED));
    });
  }

  #connectLater(submission: Submission, address: HostAddress | PathAddress, againMs: number): void {
    const again = () => this.#connectTo(submission, address, Math.min(againMs * 2, CONNECT_AGAIN_MS_MAX));
    const timer = setTimeout(
      this.#orFail(submission, again, () => undefined),
      againMs,
    );
    this.#host.setCancel(submission, () => {
      clearTimeout(timer);
      this.#host.complete(submission, -ERRNO.ECANCELED);
    });
  }

  /** Makes a datagram socket and binds it. */
  datagram(submission: Submission): void {
    const address = this.addressIn(submission);
    if (address.kind !== "host") return this.#host.complete(submission, -ERRNO.EAFNOSUPPORT);
    if (address.isNowhere) return this.#host.complete(submission, -ERRNO.ENODEV);
    const { family, host, port } = address;
    const has = (bit: number) => (submission.argument0 & bit) !== 0;
    const ipv6Only = family === ADDRESS_FAMILY.ipv6 && has(SOCKET_OPTION.ipv6Only);
    const type = family === ADDRESS_FAMILY.ipv6 ? "udp6" : "udp4";
    const socket = dgram.createSocket({ type, ipv6Only, ...(has(SOCKET_OPTION.reusePort) && { reusePort: true }) });
    const undo = () => void socket.close();
    const onError = (error: Error) => inAnyCase(undo, () => this.#host.complete(submission, errnoOf(error)));
    socket.once("error", onError);
    const bound = () => {
      socket.off("error", onError);
      if (has(SOCKET_OPTION.broadcast)) socket.setBroadcast(true);
      this.answer(submission, socket.address());
      this.#host.completeWithHandle(submission, new Datagram(socket, this.#host, { family, ipv6Only }));
    };
    const bind = () =>
      void socket.bind({ address: host, port, exclusive: true }, this.#orFail(submission, bound, undo));
    this.#orFail(submission, bind, undo)();
  }

  address(submission: Submission, handle: Stream | Listener | Datagram): void {
    const which = submission.argument0;
    const address = handle.kind === "stream" ? handle.address(which) : which === 0 ? handle.address() : undefined;
    if (address === undefined) return this.#host.complete(submission, -ERRNO.ENOTCONN);
    this.answer(submission, address);
    this.#host.complete(submission, 0);
  }

  /**
   * Where a stream socket is to be bound or connected, or the errno for what the runtime cannot name; `nowhere`: the
   * errno for an interface that does not exist.
   */
  #usableAddress(submission: Submission, nowhere: number): HostAddress | PathAddress | number {
    const address = this.addressIn(submission);
    if (address.kind === "none") return -ERRNO.EAFNOSUPPORT;
    if (address.kind === "host") return address.isNowhere ? nowhere : address;
    if (address.bytes.length === 0 || address.bytes.length > PATH_BYTES_MAX) return -ERRNO.EINVAL;
    // There, the runtime takes a path for the name of a pipe, which is another thing.
    if (process.platform === "win32") return -ERRNO.ENOTSUP;
    // The runtime fills a name of the abstract namespace up with zeros, which makes it another name; and it takes paths
    // as text, so it cannot name what is not.
    if (address.bytes[0] === 0 || textOf(address) === undefined) return -ERRNO.ENOTSUP;
    return address;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A path as the runtime takes it; `undefined` when its bytes are not text. */
function textOf({ bytes }: PathAddress): string | undefined {
  try {
    const text = utf8.decode(bytes);
    // A text that is a number would be a port.
    return Number.isNaN(Number(text)) ? text : `./${text}`;
  } catch {
    return undefined;
  }
}

async function isMissing(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    // Somebody who may not look is not told.
    orAnswer(
      () => fs.stat(path, (error) => resolve(error?.code === "ENOENT")),
      () => resolve(false),
    );
  });
}

function listenOptions(
  address: HostAddress | PathAddress,
  { argument0: bits, argument1: backlog }: Submission,
): net.ListenOptions {
  if (address.kind === "path") return { path: textOf(address)!, backlog, exclusive: true };
  return {
    host: address.host,
    port: address.port,
    backlog,
    exclusive: true,
    ipv6Only: (bits & SOCKET_OPTION.ipv6Only) !== 0,
    // Newer than the types of the oldest runtime that is supported.
    ...({ reusePort: (bits & SOCKET_OPTION.reusePort) !== 0 } as object),
  };
}

function socketOptions(bits: number): { noDelay: boolean; keepAlive: boolean } {
  return { noDelay: (bits & SOCKET_OPTION.noDelay) !== 0, keepAlive: (bits & SOCKET_OPTION.keepAlive) !== 0 };
}
