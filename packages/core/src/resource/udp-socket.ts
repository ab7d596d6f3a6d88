/** The datagram socket that users hold. */

import type { Lendable, Unreleased } from "../memory/owned-buffer.js";
import type { SocketAddress } from "../spi/address.js";
import { closeResource, expectNotClosed } from "./closing.js";
import {
  type DatagramCore,
  type DatagramResult,
  type DatagramSendOptions,
  prepareReceiveMessage,
  prepareSendMessage,
} from "./datagram-operations.js";
import { wrongResource } from "./inner.js";
import type { SendResult } from "./stream-operations.js";
import { type ClosedResource, NO_OPTIONS, type TransferOptions } from "./transfer.js";

// Set by the class's static block: what is private to users is open to the rest of core.
let coreOfSocket: (socket: UdpSocket) => DatagramCore;

/**
 * A socket for datagrams over UDP: each is sent and received whole, or not at all, and the network may lose, double or
 * reorder them. Receives are served in the order of the calls. All methods reject with `ERR_RESOURCE_CLOSED` after
 * `close()`.
 *
 * @example
 * await using socket = await io.bindUdp({ port: 5353 });
 * const { bytesReceived, address, buffer } = await socket.receive(io.buffers.take(1500));
 * await socket.send(buffer, { address: address.address, port: address.port, length: bytesReceived });
 */
export class UdpSocket {
  /** The address it is bound to. */
  readonly address: SocketAddress;
  readonly #core: DatagramCore;

  /** Core's: use `io.bindUdp`. */
  constructor(core: DatagramCore) {
    this.#core = core;
    this.address = core.address;
  }

  /** True once `close()` was called. */
  get closed(): boolean {
    return this.#core.state.phase !== "open";
  }

  /**
   * Receives one datagram and who sent it. The buffer is lent exclusively until the promise settles. What does not fit
   * into it is gone, and `truncated` says so. A datagram that wins the race against an abort is kept whole, with its
   * sender, and given to the next receive. Source: recvmsg(2).
   */
  receive<B extends Lendable>(
    buffer: B & Unreleased<B>,
    options: TransferOptions = NO_OPTIONS,
  ): Promise<DatagramResult<B>> {
    try {
      return this.#core.dispatcher.start(prepareReceiveMessage(this.#core, buffer, options));
    } catch (error) {
      return this.#core.dispatcher.refused(error);
    }
  }

  /**
   * Sends the buffer, or the part that the options name, as one datagram; no bytes are a datagram too. The buffer is
   * lent shared until the promise settles. That it was sent does not say that it arrives. Rejects with `EMSGSIZE` when
   * it is longer than a datagram can be; errors carry the receiver's `address` and `port`. Source: sendmsg(2).
   */
  send<B extends Lendable>(buffer: B & Unreleased<B>, options: DatagramSendOptions): Promise<SendResult<B>> {
    try {
      return this.#core.dispatcher.start(prepareSendMessage(this.#core, buffer, options));
    } catch (error) {
      return this.#core.dispatcher.refused(error);
    }
  }

  /**
   * Cancels what is in flight (it rejects with `ERR_RESOURCE_CLOSED` and its buffer, or settles with what really
   * happened), then closes. A second call rejects with `ERR_RESOURCE_CLOSED_TWICE`.
   */
  async close(): Promise<ClosedResource> {
    const { dispatcher, state } = this.#core;
    expectNotClosed(state);
    await closeResource(dispatcher, state, "cancel");
    return this as ClosedResource;
  }

  /** Closes; does nothing when the socket is closed or closing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#core.state.phase === "open") await this.close();
  }

  static {
    coreOfSocket = (socket) => {
      if (typeof socket !== "object" || socket === null || !(#core in socket)) {
        throw wrongResource("socket", ["UdpSocket"], socket);
      }
      return socket.#core;
    };
  }
}

/** For `submit`: a socket as its operations know it. */
export function socketCore(socket: UdpSocket): DatagramCore {
  return coreOfSocket(socket);
}
