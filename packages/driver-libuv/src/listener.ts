/**
 * One listener over a `net.Server`. The runtime accepts connections as they come; they wait here, paused, for the
 * accepts that want them.
 */
import type { Server, Socket } from "node:net";
import { Fifo } from "@baton-io/core";
import type { PathPlace } from "./address-record.js";
import type { Submission } from "./record-reader.js";
import { KeepAlive, type SubmissionHost, WaitingSubmissions } from "./waiting.js";

export interface ListenerHost extends SubmissionHost {
  /** Completes an accept with the connection. */
  accepted(submission: Submission, socket: Socket): void;
}

export class Listener {
  readonly kind = "listener";
  readonly #server: Server;
  readonly #host: ListenerHost;
  readonly #path: PathPlace | undefined;
  readonly #accepts: WaitingSubmissions;
  readonly #sockets: Fifo<Socket> = new Fifo();

  /** `path`: where it is bound, when that is not an internet address. */
  constructor(server: Server, host: ListenerHost, path: PathPlace | undefined) {
    this.#server = server;
    this.#path = path;
    this.#host = host;
    this.#accepts = new WaitingSubmissions(host, new KeepAlive(server));
    server.on("connection", (socket) => {
      // Until somebody has it, an error only means that it goes.
      socket.on("error", () => undefined);
      const submission = this.#accepts.take();
      if (submission === undefined) {
        socket.unref();
        this.#sockets.push(socket);
      } else {
        this.#host.accepted(submission, socket);
      }
    });
  }

  accept(submission: Submission): void {
    let socket = this.#sockets.shift();
    // One that was reset while it waited is gone.
    while (socket?.destroyed) socket = this.#sockets.shift();
    if (socket !== undefined) return this.#host.accepted(submission, socket);
    this.#accepts.add(submission);
  }

  /** The address it is bound to. */
  address(): { address: string; port: number } | PathPlace | undefined {
    if (this.#path !== undefined) return this.#path;
    const address = this.#server.address();
    return address === null || typeof address === "string" ? undefined : address;
  }

  close(done: () => void): void {
    this.#accepts.cancelAll();
    for (const socket of this.#sockets.takeAll()) socket.destroy();
    // The port is free at once; the callback would wait for every connection that was accepted, and those live on.
    this.#server.close();
    done();
  }
}
