/**
 * One datagram socket over a `dgram.Socket`. The runtime hands over each datagram as it comes, asked for or not; those
 * that nobody waits for stand in a queue of limited size. A datagram that finds the queue full is dropped, as a kernel
 * drops one that finds the receive buffer of its socket full: datagrams may be lost on the way, also here.
 */
import type { RemoteInfo, Socket } from "node:dgram";
import { ADDRESS_FAMILY, ERRNO, Fifo, MESSAGE_FLAG } from "@baton-io/core/driver";
import type { RecordAddress } from "./address-record.js";
import { calledBack, inAnyCase } from "./in-any-case.js";
import type { Submission } from "./record-reader.js";
import { errnoOf } from "./system-error.js";
import { scatter } from "./vector.js";
import { KeepAlive, type SubmissionHost, WaitingSubmissions } from "./waiting.js";

/** Bytes that wait to be received: what a socket's receive buffer holds on Linux (net.core.rmem_default). */
const QUEUE_BYTES_MAX = 212_992;
/** Datagrams that wait to be received, however small: each costs the runtime some memory of its own. */
const QUEUE_MESSAGES_MAX = 1024;

/** What a datagram socket needs of its driver. */
export interface DatagramHost extends SubmissionHost {
  /** The buffers of a message operation. */
  messageViews(submission: Submission): Uint8Array[];
  /** Where a message is to go. */
  messageAddress(submission: Submission): RecordAddress;
  /** Writes who sent a message, and its flags. */
  answerMessage(submission: Submission, from: { address: string; port: number }, flags: number): void;
}

interface Message {
  readonly bytes: Uint8Array;
  readonly from: RemoteInfo;
}

export class Datagram {
  readonly kind = "datagram";
  readonly #socket: Socket;
  readonly #host: DatagramHost;
  readonly #family: number;
  readonly #ipv6Only: boolean;
  readonly #alive: KeepAlive;
  readonly #receives: WaitingSubmissions;
  readonly #messages: Fifo<Message> = new Fifo();
  #messageBytes = 0;
  /** Told to one operation, as the kernel does. */
  #error = 0;

  constructor(socket: Socket, host: DatagramHost, options: { readonly family: number; readonly ipv6Only: boolean }) {
    this.#socket = socket;
    this.#host = host;
    this.#family = options.family;
    this.#ipv6Only = options.ipv6Only;
    this.#alive = new KeepAlive(socket);
    this.#receives = new WaitingSubmissions(host, this.#alive);
    socket.on("message", (bytes, from) => {
      const isFull = this.#messages.length >= QUEUE_MESSAGES_MAX || this.#messageBytes + bytes.length > QUEUE_BYTES_MAX;
      if (isFull) return;
      this.#messages.push({ bytes, from });
      this.#messageBytes += bytes.length;
      calledBack(() => this.#pump());
    });
    socket.on("error", (error) => {
      this.#error = errnoOf(error);
      calledBack(() => this.#pump());
    });
  }

  receive(submission: Submission): void {
    this.#receives.add(submission);
    this.#pump();
  }

  send(submission: Submission): void {
    const target = this.#target(this.#host.messageAddress(submission));
    if (typeof target === "number") return this.#host.complete(submission, target);
    const { address, port } = target;
    const views = this.#host.messageViews(submission);
    let length = 0;
    for (const view of views) length += view.length;
    this.#alive.enter();
    try {
      // Without a part the runtime would send nothing; an empty datagram is one all the same.
      this.#socket.send(views.length === 0 ? [new Uint8Array(0)] : views, port, address, (error) => {
        this.#settle(submission, error == null ? length : errnoOf(error));
      });
    } catch (error) {
      this.#settle(submission, errnoOf(error));
    }
  }

  /** Where it is bound. */
  address(): { address: string; port: number } {
    return this.#socket.address();
  }

  close(done: () => void): void {
    this.#alive.close();
    this.#messages.clear();
    inAnyCase(
      () => this.#receives.cancelAll(),
      () => void this.#socket.close(done),
    );
  }

  /** The address as the runtime takes it, or the errno that a kernel answers. */
  #target(to: RecordAddress): { address: string; port: number } | number {
    if (to.kind === "none") return -ERRNO.EDESTADDRREQ;
    if (to.kind === "path") return -ERRNO.EAFNOSUPPORT;
    // No datagram goes to port 0.
    if (to.port === 0) return -ERRNO.EINVAL;
    if (to.isNowhere) return -ERRNO.ENETUNREACH;
    if (to.family === this.#family) return { address: to.host, port: to.port };
    if (this.#family === ADDRESS_FAMILY.ipv4) return -ERRNO.EAFNOSUPPORT;
    return this.#ipv6Only ? -ERRNO.ENETUNREACH : { address: `::ffff:${to.host}`, port: to.port };
  }

  /** Gives the datagrams that have come to the receives that wait, in order. */
  #pump(): void {
    for (let next = this.#receives.first; next !== undefined; next = this.#receives.first) {
      const result = this.#takeError() ?? this.#answerOrError(next);
      if (result === undefined) return;
      this.#receives.take();
      this.#host.complete(next, result);
    }
  }

  #takeError(): number | undefined {
    if (this.#error === 0) return undefined;
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  /** A receive whose memory is gone leaves the datagram to the next. */
  #answerOrError(submission: Submission): number | undefined {
    try {
      return this.#answer(submission);
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** Gives the first datagram to a receive; how many bytes it took, or `undefined` when none has come. */
  #answer(submission: Submission): number | undefined {
    const message = this.#messages.first;
    if (message === undefined) return undefined;
    const received = scatter(this.#host.messageViews(submission), message.bytes);
    this.#messages.shift();
    this.#messageBytes -= message.bytes.length;
    const truncated = received < message.bytes.length;
    this.#host.answerMessage(submission, message.from, truncated ? MESSAGE_FLAG.truncated : 0);
    return received;
  }

  #settle(submission: Submission, result: number): void {
    this.#alive.leave();
    this.#host.complete(submission, result);
  }
}
