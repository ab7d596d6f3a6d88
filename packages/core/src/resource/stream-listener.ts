/** What users hold of a listener, whatever it listens on: see `TcpListener` and `UnixListener`. */

import { checkOptions } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { SocketAddress, UnixAddress } from "../spi/address.js";
import { expectNotClosed } from "./closing.js";
import { wrongResource } from "./inner.js";
import { closeListener, createAcceptedStream, type ListenerCore } from "./listener-operations.js";
import type { StreamSocket } from "./stream-socket.js";
import { type ClosedResource, NO_OPTIONS, operationOptionNames } from "./transfer.js";

// Set by the class's static block: what is private to users is open to the rest of core.
let coreOfListener: (listener: StreamListener) => ListenerCore;

/**
 * A listener at an address of the kind `A`, whose connections are of the class `S`. A connection belongs to it until a
 * caller of `accept` has it: one that arrives after its caller gave up goes to the next caller, and one that a caller
 * dropped without ever using it comes back when it is collected.
 *
 * @example
 * await using listener = await io.listen({ port: 8080 });
 * for await (const stream of listener) serve(stream);
 */
export class StreamListener<
  S extends StreamSocket = StreamSocket,
  A extends SocketAddress | UnixAddress = SocketAddress | UnixAddress,
> {
  /** The address it is bound to. */
  readonly address: A;
  readonly #core: ListenerCore;

  /** Core's: use `io.listen`. */
  constructor(core: ListenerCore, address: A) {
    this.#core = core;
    this.address = address;
  }

  /** True once `close()` was called. */
  get closed(): boolean {
    return this.#core.state.phase !== "open";
  }

  /** Connections that arrived and wait for a caller of `accept`. */
  get ready(): number {
    return this.#core.acceptor.ready;
  }

  /**
   * The next connection. A caller that aborts or times out takes none: the next caller gets it. While the system is
   * short of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), callers go on waiting and accepting is
   * tried again after a pause; other errors reject one call and leave the listener alive. Source: accept4(2).
   */
  accept(options: OperationOptions = NO_OPTIONS): Promise<S> {
    const core = this.#core;
    try {
      core.state.expectOpen("listener.accept");
      checkOptions("listener.accept", options, operationOptionNames);
      // The class of a listener and of its streams is chosen in one place, by the kind of its handle.
      return core.acceptor.next(core.state, options, (connection) => createAcceptedStream(core, connection) as S);
    } catch (error) {
      return core.dispatcher.refused(error);
    }
  }

  /** Accepts until the listener is closed. Breaking out of the loop loses nothing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<S, void, void> {
    while (!this.closed) {
      let stream: S;
      try {
        stream = await this.accept();
      } catch (error) {
        if (this.closed) return;
        throw error;
      }
      yield stream;
    }
  }

  /**
   * Stops accepting: callers of `accept` get `ERR_RESOURCE_CLOSED`, connections that nobody took are closed, streams
   * that were accepted live on. A second call rejects with `ERR_RESOURCE_CLOSED_TWICE`.
   */
  async close(): Promise<ClosedResource> {
    expectNotClosed(this.#core.state);
    await closeListener(this.#core, this.#core.state);
    return this as ClosedResource;
  }

  /** Closes; does nothing when the listener is closed or closing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#core.state.phase === "open") await this.close();
  }

  static {
    coreOfListener = (listener) => {
      if (typeof listener !== "object" || listener === null || !(#core in listener)) {
        throw wrongResource("listener", ["TcpListener", "UnixListener"], listener);
      }
      return listener.#core;
    };
  }
}

/** For `submit`: a listener as its operations know it. */
export function listenerCore(listener: StreamListener): ListenerCore {
  return coreOfListener(listener);
}
