/**
 * One connection over a `net.Socket`. The socket pushes bytes when it has them, core asks for them when it wants
 * them; between the two stands a short queue of received bytes. It is ours rather than the stream's, so that bytes
 * which arrived before a reset are still delivered after it.
 */
import type { Socket } from "node:net";
import { ChunkQueue, ERRNO } from "@baton-io/core/driver";
import type { PathAddress } from "./address-record.js";
import { calledBack, inAnyCase, orAnswer } from "./in-any-case.js";
import type { Submission } from "./record-reader.js";
import { SendQueue, type SendQueueHost } from "./send-queue.js";
import { SocketInside } from "./socket-inside.js";
import { errnoOf } from "./system-error.js";
import { KeepAlive, type SubmissionHost, WaitingSubmissions } from "./waiting.js";

/** Bytes that are read ahead of the receives that want them, before reading pauses. */
const READ_AHEAD_BYTES_MAX = 65_536;

/** What a stream needs of its driver. */
export interface StreamHost extends SubmissionHost {
  /** The bytes an operation reads into or writes from. */
  view(submission: Submission): Uint8Array;
  /** A buffer for a receive that brought none: its number and its first `length` bytes. */
  provide(length: number): { readonly number: number; readonly bytes: Uint8Array } | undefined;
}

/** The paths of a Unix-domain connection, which the runtime does not tell. */
export interface PathEnds {
  readonly local: PathAddress;
  readonly remote: PathAddress;
}

/** What a receive ends with, and the buffer that was taken for it. */
interface Answer {
  readonly result: number;
  readonly provided?: number;
}

export class Stream {
  readonly kind = "stream";
  readonly #paths: PathEnds | undefined;
  readonly #socket: Socket;
  readonly #inside: SocketInside;
  readonly #host: StreamHost;
  /** A connection that nobody waits on does not keep the process running. */
  readonly #alive: KeepAlive;
  readonly #receives: WaitingSubmissions;
  readonly #sends: SendQueue;
  readonly #arrived = new ChunkQueue();
  /** Shutdowns that are not done yet. */
  readonly #ends = new Set<() => void>();
  /** Nothing more comes: the peer has ended its side, or the connection is over. */
  #ended = false;
  /** This side receives no more than what is there. */
  #receiveShut = false;
  /** What is left is taken out of the runtime by hand. */
  #drains = false;
  /** The error of the connection, told to one operation, as the kernel does. */
  #error = 0;
  /** The last error that a send was told; it is told to nobody else. */
  #errorOfSend: Error | undefined = undefined;

  constructor(socket: Socket, host: StreamHost, paths?: PathEnds) {
    this.#socket = socket;
    this.#inside = new SocketInside(socket);
    this.#paths = paths;
    this.#host = host;
    this.#alive = new KeepAlive(socket);
    this.#receives = new WaitingSubmissions(host, this.#alive);
    this.#sends = new SendQueue(socket, this.#inside, this.#sendHost(), this.#alive);
    socket.on("data", (chunk: Uint8Array) => {
      if (this.#drains) return;
      if (this.#refuses) return calledBack(() => this.#refuse());
      this.#arrived.push(chunk);
      calledBack(
        () => {
          if (this.#arrived.length >= READ_AHEAD_BYTES_MAX) socket.pause();
        },
        () => this.#pump(),
      );
    });
    socket.pause();
    socket.on("end", () => {
      // After bytes that were followed by a reset the runtime tells of an end, and the kernel still of the reset.
      const left = this.#inside.drain((bytes) => this.#arrived.push(bytes));
      if (left !== -ERRNO.EAGAIN && left !== 0) this.#error = left;
      calledBack(() => this.#end());
    });
    socket.on("error", (error) => {
      // Nothing is left that could keep the process running.
      this.#alive.close();
      calledBack(
        () => this.#takeWhatTheRuntimeHas(),
        () => {
          // The runtime tells a send's error here too.
          if (error !== this.#errorOfSend) this.#error = errnoOf(error);
        },
        () => this.#end(),
        () => this.#sends.cut(),
      );
    });
    socket.on("close", () => {
      calledBack(
        () => this.#end(),
        () => this.#sends.over(),
        ...this.#ends,
      );
    });
  }

  /** Its descriptor, where the runtime tells. */
  get fd(): number | undefined {
    return this.#inside.fd;
  }

  receive(submission: Submission): void {
    if (this.#receiveShut && this.#arrived.length === 0 && !this.#refuses) this.#takeWhatTheKernelHas();
    this.#receives.add(submission);
    this.#pump();
  }

  /** Sends the parts, one after the other. */
  send(submission: Submission, parts: readonly Uint8Array[]): void {
    const earlier = this.#takeError();
    if (earlier !== 0) return this.#host.complete(submission, earlier);
    if (this.#socket.writableEnded || this.#socket.destroyed) return this.#host.complete(submission, -ERRNO.EPIPE);
    this.#sends.add(submission, parts);
  }

  /** `how`: 0 receiving, 1 sending, 2 both, as shutdown(2). */
  shutdown(submission: Submission, how: number): void {
    if (this.#socket.destroyed) return this.#host.complete(submission, -ERRNO.ENOTCONN);
    if (how !== 1) this.#shutReceiving();
    if (how === 0) {
      this.#seeToRefusing();
      return this.#host.complete(submission, 0);
    }
    // With both sides ended, nothing may hang on a peer that does not read.
    if (how === 2) this.cut();
    this.#alive.enter();
    // Whichever comes first: a connection that is reset meanwhile ends without having finished.
    const done = () => {
      if (this.#ends.delete(done)) this.#settle(submission, 0);
    };
    this.#ends.add(done);
    const end = () => {
      this.#socket.end(done);
      this.#seeToRefusing();
    };
    this.#sends.whenIdle(() =>
      orAnswer(end, (error) => {
        if (this.#ends.delete(done)) this.#settle(submission, errnoOf(error));
      }),
    );
  }

  /** Ends sends that are under way, and with them the connection: the runtime gives nothing back. */
  cut(): void {
    if (!this.#sends.busy) return;
    inAnyCase(
      () => this.#takeWhatTheKernelHas(),
      () => this.#sends.cut(),
      () => this.#socket.destroy(),
    );
  }

  /** Where the ends are; `undefined` when it is not connected. */
  address(which: number): { address: string; port: number } | PathAddress | undefined {
    const socket = this.#socket;
    if (this.#paths !== undefined) return which === 0 ? this.#paths.local : this.#paths.remote;
    const address = which === 0 ? socket.localAddress : socket.remoteAddress;
    const port = which === 0 ? socket.localPort : socket.remotePort;
    return address === undefined || port === undefined ? undefined : { address, port };
  }

  close(done: () => void): void {
    const socket = this.#socket;
    inAnyCase(
      () => this.#sends.cut(),
      () => {
        this.#alive.close();
        this.#arrived.clear();
        if (socket.closed) return done();
        socket.once("close", done);
        if (!socket.destroyed) socket.ref();
      },
      () => socket.destroy(),
    );
  }

  #sendHost(): SendQueueHost {
    return {
      complete: (submission, result) => this.#host.complete(submission, result),
      setCancel: (submission, cancel) => this.#host.setCancel(submission, cancel),
      takeError: () => this.#takeError(),
      writeFailed: (error) => {
        this.#errorOfSend = error;
        this.#error = errnoOf(error);
        // The runtime destroys the socket next, and would take along what is there to be received.
        this.#takeWhatTheKernelHas();
      },
    };
  }

  /** A receive waits no longer for what is not there; what is there, and what still comes, can be received. */
  #shutReceiving(): void {
    this.#receiveShut = true;
    this.#socket.pause();
    this.#takeWhatTheKernelHas();
    this.#pump();
  }

  /** Both sides are shut: what comes now is for nobody. */
  get #refuses(): boolean {
    return this.#receiveShut && this.#socket.writableEnded;
  }

  /** What comes has to be read to be refused. */
  #seeToRefusing(): void {
    if (this.#refuses) this.#socket.resume();
  }

  /** The connection is reset, as by a kernel: both ends are told so. */
  #refuse(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (this.#error === 0) this.#error = -ERRNO.ECONNRESET;
    this.#ended = true;
    // A Unix-domain connection has no reset.
    if (this.#paths === undefined) socket.resetAndDestroy();
    else socket.destroy();
  }

  #takeWhatTheKernelHas(): void {
    this.#takeWhatTheRuntimeHas();
    const left = this.#inside.drain((bytes) => this.#arrived.push(bytes));
    if (left === -ERRNO.EAGAIN) return;
    if (left !== 0 && this.#error === 0) this.#error = left;
    this.#ended = true;
  }

  /** What the runtime has read and not handed out; when it destroys the socket, it would be lost. */
  #takeWhatTheRuntimeHas(): void {
    this.#drains = true;
    try {
      for (let chunk = this.#socket.read(); chunk !== null; chunk = this.#socket.read()) this.#arrived.push(chunk);
    } finally {
      this.#drains = false;
    }
  }

  #end(): void {
    this.#ended = true;
    this.#pump();
  }

  /** Gives what has arrived to the receives that wait, in order. */
  #pump(): void {
    for (let next = this.#receives.first; next !== undefined && this.#hasAnswer; next = this.#receives.first) {
      const answer = this.#answerOrError(next);
      this.#receives.take();
      this.#host.complete(next, answer.result, answer.provided);
    }
    if (this.#receives.first !== undefined && !this.#ended && this.#arrived.length < READ_AHEAD_BYTES_MAX)
      this.#socket.resume();
  }

  get #hasAnswer(): boolean {
    return this.#arrived.length > 0 || this.#ended || this.#receiveShut;
  }

  /** A receive whose memory is gone takes no bytes, and those behind it get theirs. */
  #answerOrError(submission: Submission): Answer {
    try {
      return this.#answer(submission);
    } catch (error) {
      return { result: errnoOf(error) };
    }
  }

  /** What the next receive gets: bytes that have arrived, or how the connection ended. */
  #answer(submission: Submission): Answer {
    if (this.#arrived.length === 0) return { result: this.#takeError() };
    if (!submission.providedBuffer) return { result: this.#arrived.fill(this.#host.view(submission)) };
    const provided = this.#host.provide(submission.length);
    if (provided === undefined) return { result: -ERRNO.ENOBUFS };
    return { result: this.#arrived.fill(provided.bytes), provided: provided.number };
  }

  /** What the next operation is told of the connection, 0 for nothing. */
  #takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  #settle(submission: Submission, result: number): void {
    this.#alive.leave();
    this.#host.complete(submission, result);
  }
}
