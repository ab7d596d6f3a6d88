/** Socket operations over `node:net`. */
import * as net from "node:net";
import {
  ADDRESS_BYTES_AT,
  ADDRESS_FAMILY,
  ADDRESS_WORD,
  ERRNO,
  formatAddress,
  parseAddress,
  SOCKET_OPTION,
  writeAddress,
} from "@baton-io/core";
import { Listener } from "./listener.js";
import type { Submission } from "./record-reader.js";
import { Stream, type StreamHost } from "./stream.js";
import { errnoOf } from "./system-error.js";

/** What socket operations need of their driver. */
export interface SocketHost extends StreamHost {
  /** Completes an operation whose result is a new handle. */
  completeWithHandle(submission: Submission, value: Stream | Listener): void;
}

/** Since when `net` shares ports: it takes the option without a word before. */
export const hasReusePort: boolean = (() => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return process.platform === "linux" && (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12));
})();

export class SocketOperations {
  readonly #host: SocketHost;
  readonly #arenaBytes: Uint8Array;
  readonly #arenaWords: Int32Array;

  constructor(host: SocketHost, arena: ArrayBuffer) {
    this.#host = host;
    this.#arenaBytes = new Uint8Array(arena);
    this.#arenaWords = new Int32Array(arena);
  }

  listen(submission: Submission): void {
    const { host, port } = this.#address(submission);
    const bits = submission.argument0;
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true, ...socketOptions(bits) });
    const onError = (error: Error) => this.#host.complete(submission, errnoOf(error));
    server.once("error", onError);
    const options = {
      host,
      port,
      backlog: submission.argument1,
      exclusive: true,
      ipv6Only: (bits & SOCKET_OPTION.ipv6Only) !== 0,
      reusePort: (bits & SOCKET_OPTION.reusePort) !== 0,
    };
    server.listen(options, () => {
      server.off("error", onError);
      // An accept that fails says so through the accepts that wait; the listener lives on.
      server.on("error", () => undefined);
      const listener = new Listener(server, {
        accepted: (accept, socket) => this.#host.completeWithHandle(accept, new Stream(socket, this.#host)),
        complete: (accept, result) => this.#host.complete(accept, result),
        setCancel: (accept, cancel) => this.#host.setCancel(accept, cancel),
      });
      this.#writeAddress(submission, listener.address()!);
      this.#host.completeWithHandle(submission, listener);
    });
  }

  connect(submission: Submission): void {
    const { host, port } = this.#address(submission);
    const socket = net.connect({ host, port, allowHalfOpen: true, ...socketOptions(submission.argument0) });
    const onError = (error: Error) => {
      socket.off("connect", onConnect);
      this.#host.complete(submission, errnoOf(error));
    };
    const onConnect = () => {
      socket.off("error", onError);
      this.#host.completeWithHandle(submission, new Stream(socket, this.#host));
    };
    socket.once("error", onError);
    socket.once("connect", onConnect);
    this.#host.setCancel(submission, () => {
      socket.off("connect", onConnect);
      socket.off("error", onError);
      socket.on("error", () => undefined);
      socket.destroy();
      this.#host.complete(submission, -ERRNO.ECANCELED);
    });
  }

  address(submission: Submission, handle: Stream): void {
    const address = handle.address(submission.argument0);
    if (address === undefined) return this.#host.complete(submission, -ERRNO.ENOTCONN);
    this.#writeAddress(submission, address);
    this.#host.complete(submission, 0);
  }

  #address({ arenaOffset }: Submission): { host: string; port: number } {
    const word = arenaOffset >> 2;
    const at = arenaOffset + ADDRESS_BYTES_AT;
    const family = this.#arenaWords[word + ADDRESS_WORD.family]!;
    const scope = this.#arenaWords[word + ADDRESS_WORD.scope]!;
    return {
      host: formatAddress(family, this.#arenaBytes.subarray(at, at + 16), scope),
      port: this.#arenaWords[word + ADDRESS_WORD.portOrLength]!,
    };
  }

  #writeAddress({ arenaOffset }: Submission, { address, port }: { address: string; port: number }): void {
    const parsed = parseAddress(address) ?? { family: ADDRESS_FAMILY.none, bytes: new Uint8Array(0), scope: 0 };
    writeAddress(this.#arenaBytes, this.#arenaWords, arenaOffset, parsed, port);
  }
}

function socketOptions(bits: number): { noDelay: boolean; keepAlive: boolean } {
  return { noDelay: (bits & SOCKET_OPTION.noDelay) !== 0, keepAlive: (bits & SOCKET_OPTION.keepAlive) !== 0 };
}
