/** What users hold of a connection, whichever way it goes: see `TcpStream` and `UnixStream`. */

import { promiseOfMany, stepsOfMany } from "../base/rejection.js";
import { isLendable, type Lendable, type Unreleased } from "../memory/owned-buffer.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { SocketAddress, UnixAddress } from "../spi/address.js";
import { closeResource, expectNotClosed } from "./closing.js";
import { doors, type FileLike, fileCore, wrongResource } from "./inner.js";
import { receiveProvided } from "./lent-receive.js";
import { type PipeResult, type PipeToFileOptions, pipeToFile } from "./pipe-transfer.js";
import { type PollOptions, preparePoll, type Readiness } from "./readiness.js";
import {
  type ProvidedResult,
  prepareAddress,
  prepareReceive,
  prepareSend,
  prepareShutdown,
  type ReceiveResult,
  type SendResult,
  type ShutdownHow,
  type StreamCore,
} from "./stream-operations.js";
import { type ReceivedChunk, readChunks } from "./stream-reader.js";
import { type ClosedResource, NO_OPTIONS, type TransferOptions } from "./transfer.js";

/**
 * A connection; its ends have addresses of the kind `A`. Receives go one after the other, and so do sends: whichever
 * driver runs, bytes come and go in the order of the calls. All methods reject with `ERR_RESOURCE_CLOSED` after
 * `close()`.
 *
 * @example
 * let buffer = io.buffers.take(65536);
 * for (;;) {
 *   const { bytesReceived } = await stream.receive(buffer);
 *   if (bytesReceived === 0) break;
 *   await stream.send(buffer, { length: bytesReceived });
 * }
 */
export class StreamSocket<A extends SocketAddress | UnixAddress = SocketAddress | UnixAddress> {
  readonly #core: StreamCore;

  /** Core's: use `io.connect` or `listener.accept`. */
  constructor(core: StreamCore) {
    this.#core = core;
  }

  /** True once `close()` was called. */
  get closed(): boolean {
    return this.#core.state.phase !== "open";
  }

  /**
   * Receives into the buffer, which is lent exclusively until the promise settles. Resolves as soon as there is
   * anything; 0 bytes mean the peer has ended its side. Bytes that win the race against an abort are given to the
   * next receive. Source: recv(2).
   */
  receive<B extends Lendable>(buffer: B & Unreleased<B>, options?: TransferOptions): Promise<ReceiveResult<B>>;
  /**
   * Receives into a buffer that the driver takes when bytes arrive: an idle connection holds none. The caller
   * releases it. Without the feature `providedBuffer` the pool lends one for as long as the connection is idle.
   */
  receive(options?: OperationOptions): Promise<ProvidedResult>;
  receive(
    first: Lendable | OperationOptions = NO_OPTIONS,
    options: TransferOptions = NO_OPTIONS,
  ): Promise<ReceiveResult<Lendable> | ProvidedResult> {
    // Not `dispatcher.run`: a closure per operation would be felt here.
    try {
      if (!looksLikeBuffer(first)) return receiveProvided(this.#core, first);
      return this.#core.dispatcher.start(prepareReceive(this.#core, first, options));
    } catch (error) {
      return this.#core.dispatcher.refused(error);
    }
  }

  /**
   * Sends all bytes of the buffer, or of the part that the options name; the buffer is lent shared until the promise
   * settles. When it is ended early, `error.bytesTransferred` says how many bytes went out. Source: send(2).
   */
  send<B extends Lendable>(buffer: B & Unreleased<B>, options: TransferOptions = NO_OPTIONS): Promise<SendResult<B>> {
    try {
      return this.#core.dispatcher.start(prepareSend(this.#core, buffer, options));
    } catch (error) {
      return this.#core.dispatcher.refused(error);
    }
  }

  /**
   * Receives until the peer ends its side: bytes in buffers that the driver takes, which the program releases. Where
   * the driver can, one submission serves the whole loop. Leaving the loop loses nothing: what had arrived goes to the
   * next `receive`. Other receives wait until the loop has ended. Buffers: as for `receive()`. Source: recv(2);
   * multishot: Linux 6.0.
   *
   * @example
   * for await (const { buffer, bytesReceived } of stream) {
   *   parse(buffer.bytes.subarray(0, bytesReceived));
   *   buffer.release();
   * }
   */
  [Symbol.asyncIterator](): AsyncGenerator<ReceivedChunk, void, void> {
    return stepsOfMany(this.#core.dispatcher.pace, readChunks(this.#core));
  }

  /**
   * Waits until a receive or a send would not have to wait, and moves no byte: for protocols that must not commit a
   * buffer beforehand. Resolves with everything that it is ready for, also with what was not asked for. Needs the
   * operation `poll`. Source: poll(2).
   *
   * @example const { hangUp } = await stream.poll({ readable: true, timeoutMs: 1000 });
   */
  poll(options: PollOptions): Promise<Readiness> {
    return this.#core.dispatcher.run(() => preparePoll(this.#core, options));
  }

  /**
   * Writes what arrives to a `File` of the same backend, until the peer ends its side or `bytesMax` are moved. Where the driver can splice
   * the bytes never come into the program; otherwise they go through a buffer of the pool
   * (`capabilities.features.pipeTo`), and so they do into what cannot seek. Bytes that were taken from the connection are
   * in the file before this settles, however it ends, and `error.bytesTransferred` says how many; what was not taken, and
   * what a FIFO or terminal has no room for, is there for the next receive. Receives and writes that are asked for
   * meanwhile take turns with it. Source: splice(2).
   *
   * @example const { bytesTransferred } = await upload.pipeTo(file, { position: 0, signal });
   */
  pipeTo(file: FileLike, options: PipeToFileOptions = NO_OPTIONS): Promise<PipeResult> {
    return promiseOfMany(this.#core.dispatcher.pace, async () => pipeToFile(this.#core, fileCore(file), options));
  }

  /** Ends one or both directions; what was sent before still arrives. Source: shutdown(2). */
  shutdown(how: ShutdownHow = "send"): Promise<void> {
    return this.#core.dispatcher.run(() => prepareShutdown(this.#core, how));
  }

  /** This end's address. Source: getsockname(2). */
  localAddress(): Promise<A> {
    return this.#core.dispatcher.run(() => prepareAddress(this.#core, "local"));
  }

  /** The peer's address. Source: getpeername(2). */
  peerAddress(): Promise<A> {
    return this.#core.dispatcher.run(() => prepareAddress(this.#core, "peer"));
  }

  /**
   * Shuts down, cancels what is in flight (it rejects with `ERR_RESOURCE_CLOSED` and its buffer, or settles with what
   * really happened), then closes. A second call rejects with `ERR_RESOURCE_CLOSED_TWICE`.
   */
  async close(): Promise<ClosedResource> {
    const { dispatcher, state } = this.#core;
    expectNotClosed(state);
    await closeResource(dispatcher, state, "shut-down-and-cancel");
    return this as ClosedResource;
  }

  /** Closes; does nothing when the stream is closed or closing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#core.state.phase === "open") await this.close();
  }

  static {
    doors.stream = (stream) => {
      if (typeof stream !== "object" || stream === null || !(#core in stream)) {
        throw wrongResource("stream", ["TcpStream", "UnixStream"], stream);
      }
      return stream.#core;
    };
  }
}

/** A buffer, or something that was meant to be one and must be refused as such rather than read as options. */
function looksLikeBuffer(first: Lendable | OperationOptions): first is Lendable {
  if (isLendable(first)) return true;
  return typeof first === "object" && first !== null && ("bytes" in first || "byteLength" in first);
}
