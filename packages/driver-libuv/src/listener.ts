/**
 * One listener over a `net.Server`. The runtime accepts connections as they come; they wait here, paused, for the
 * accepts that want them, and beyond a bound they are reset.
 */
import type { Server, Socket } from "node:net";
import { Fifo } from "@baton-io/core/driver";
import type { PathAddress } from "./address-record.js";
import { calledBack, inAnyCase, orAnswer } from "./in-any-case.js";
import type { Submission } from "./record-reader.js";
import { SocketFile } from "./socket-file.js";
import { descriptorOf } from "./socket-inside.js";
import { errnoOf } from "./system-error.js";
import { KeepAlive, type SubmissionHost, WaitingSubmissions } from "./waiting.js";

export interface ListenerHost extends SubmissionHost {
  /** Completes an accept with the connection. */
  accepted(submission: Submission, socket: Socket): void;
}

/** The least number of connections that may wait for an accept, whatever the backlog: as many as core would hold. */
const WAITING_MIN = 128;

export class Listener {
  readonly kind = "listener";
  readonly #server: Server;
  readonly #host: ListenerHost;
  readonly #path: PathAddress | undefined;
  readonly #accepts: WaitingSubmissions;
  readonly #sockets: Fifo<Socket> = new Fifo();
  readonly #file: SocketFile | undefined;

  /**
   * `path`: where it is bound, when that is not an internet address. `backlog`: connections that may wait; the runtime
   * cannot leave them to the kernel.
   */
  constructor(server: Server, host: ListenerHost, path: PathAddress | undefined, backlog: number) {
    this.#server = server;
    this.#path = path;
    this.#file = path && new SocketFile(path.bytes);
    const waitingMax = Math.max(WAITING_MIN, backlog);
    this.#host = host;
    this.#accepts = new WaitingSubmissions(host, new KeepAlive(server));
    server.on("connection", (socket) => calledBack(() => this.#connected(socket, waitingMax)));
    // The runtime has tried to accept and could not: without descriptors, for one. Somebody who waits is told.
    server.on("error", (error) => {
      const submission = this.#accepts.take();
      if (submission !== undefined) this.#host.complete(submission, errnoOf(error));
    });
  }

  #connected(socket: Socket, waitingMax: number): void {
    // Until an accept takes it, an error only means that the connection is gone.
    socket.on("error", () => undefined);
    const submission = this.#accepts.take();
    if (submission !== undefined) return this.#hand(submission, socket);
    if (this.#sockets.length >= waitingMax) this.#forgetGone();
    if (this.#sockets.length >= waitingMax) return void socket.resetAndDestroy();
    this.#sockets.push(socket);
    socket.unref();
  }

  /** Its descriptor, where the runtime tells. */
  get fd(): number | undefined {
    return descriptorOf(this.#server);
  }

  accept(submission: Submission): void {
    let socket = this.#sockets.shift();
    // One that was reset while it waited is gone.
    while (socket?.destroyed) socket = this.#sockets.shift();
    if (socket !== undefined) return this.#hand(submission, socket);
    this.#accepts.add(submission);
  }

  /** A connection of which no stream can be made is closed, and whoever waited is told. */
  #hand(submission: Submission, socket: Socket): void {
    orAnswer(
      () => this.#host.accepted(submission, socket),
      (error) =>
        inAnyCase(
          () => this.#host.complete(submission, errnoOf(error)),
          () => socket.destroy(),
        ),
    );
  }

  /** The address it is bound to. */
  address(): { address: string; port: number } | PathAddress | undefined {
    if (this.#path !== undefined) return this.#path;
    const address = this.#server.address();
    return address === null || typeof address === "string" ? undefined : address;
  }

  close(done: () => void): void {
    // The port is free at once; the callback would wait for every connection that was accepted, and those live on.
    const close = () => void this.#server.close();
    inAnyCase(
      () => this.#accepts.cancelAll(),
      ...this.#sockets.takeAll().map((socket) => () => void socket.destroy()),
      () => (this.#file === undefined ? close() : this.#file.spared(close)),
      done,
    );
  }

  /** Connections that were reset while they waited make room. */
  #forgetGone(): void {
    for (const socket of this.#sockets.takeAll()) if (!socket.destroyed) this.#sockets.push(socket);
  }
}
