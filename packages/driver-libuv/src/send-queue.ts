/**
 * The sends of one connection, one after the other. What counts is what the kernel has: the runtime calls a write back
 * as if it had succeeded when its socket was destroyed, and holds back how much of one that failed had left. So a send
 * goes in pieces, and no more than the last of them can be in doubt.
 */
import type { Socket } from "node:net";
import { ERRNO, Fifo } from "@baton-io/core/driver";
import { calledBack, inAnyCase } from "./in-any-case.js";
import type { Submission } from "./record-reader.js";
import type { SocketInside } from "./socket-inside.js";
import { errnoOf } from "./system-error.js";
import type { KeepAlive, SubmissionHost } from "./waiting.js";

/**
 * Bytes that the runtime is given at once. What the kernel does not take of them at first it mostly takes whole when it
 * has room again.
 */
export const PIECE_BYTES = 65_536;

/** The send that is under way. */
interface Sending {
  readonly submission: Submission;
  readonly parts: readonly Uint8Array[];
  /** Where the next piece starts: in which part, and how far into it. */
  part: number;
  offset: number;
  /** Bytes that the kernel has for certain. */
  sent: number;
  /** Bytes of the piece that the runtime has, 0 for none … */
  piece: number;
  /** … and so many of them it could not hand over at once. */
  queued: number;
  /** No further piece: somebody wants it to end. */
  stopped: boolean;
}

export interface SendQueueHost extends SubmissionHost {
  /** A write has failed, and the runtime is about to destroy the socket. */
  writeFailed(error: Error): void;
  /** The error that the next operation is told, 0 for none. It is told to nobody else. */
  takeError(): number;
}

export class SendQueue {
  readonly #socket: Socket;
  readonly #inside: SocketInside;
  readonly #host: SendQueueHost;
  readonly #alive: KeepAlive;
  readonly #waiting: Fifo<Sending> = new Fifo();
  #current: Sending | undefined = undefined;
  readonly #onIdle: (() => void)[] = [];
  /** Callbacks still to come of pieces that the kernel took at once. */
  #settledEarly = 0;

  constructor(socket: Socket, inside: SocketInside, host: SendQueueHost, alive: KeepAlive) {
    this.#socket = socket;
    this.#inside = inside;
    this.#host = host;
    this.#alive = alive;
  }

  /** Some send has not ended. */
  get busy(): boolean {
    return this.#current !== undefined;
  }

  /** Sends the parts one after the other, behind the sends that came before. */
  add(submission: Submission, parts: readonly Uint8Array[]): void {
    const sending = { submission, parts, part: 0, offset: 0, sent: 0, piece: 0, queued: 0, stopped: false };
    this.#alive.enter();
    this.#host.setCancel(submission, () => this.#stop(sending));
    if (this.#current !== undefined) return this.#waiting.push(sending);
    this.#current = sending;
    this.#go();
  }

  /** Calls back when no send is left, at once if there is none now. */
  whenIdle(action: () => void): void {
    if (this.busy) this.#onIdle.push(action);
    else action();
  }

  /**
   * The connection is about to end, or has just ended: the send under way ends with what the kernel has of it, or,
   * where that is nothing, as those behind it do, with the error of the connection, told once, and `-EPIPE`.
   */
  cut(): void {
    const { queuedBytes } = this.#inside;
    this.#cut((sending) => Math.min(sending.queued, queuedBytes ?? sending.queued));
  }

  /** The same, when the runtime has called back what it did not send: it knows no longer how much that was. */
  over(): void {
    this.#cut(({ queued }) => queued);
  }

  #cut(queuedOf: (sending: Sending) => number): void {
    for (let next = this.#current; next !== undefined; next = this.#current) {
      const count = next.sent + next.piece - queuedOf(next);
      this.#end(next, count > 0 ? count : this.#host.takeError() || -ERRNO.EPIPE);
    }
  }

  #stop(sending: Sending): void {
    sending.stopped = true;
    // What the runtime has it cannot give back; what it has not stays here.
    if (sending === this.#current) return;
    this.#waiting.remove(sending);
    this.#alive.leave();
    this.#host.complete(sending.submission, -ERRNO.ECANCELED);
  }

  #go(): void {
    const socket = this.#socket;
    for (let sending = this.#current; sending !== undefined; sending = this.#current) {
      const piece = sending.stopped && sending.sent > 0 ? nothing : pieceOrError(sending);
      if (typeof piece === "number" || piece.length === 0) {
        this.#end(sending, sending.sent > 0 || typeof piece !== "number" ? sending.sent : piece);
        continue;
      }
      sending.piece = piece.length;
      sending.queued = piece.length;
      try {
        socket.write(piece, this.#written);
      } catch (error) {
        // Nobody knows what the runtime has of it; nothing may go behind it.
        return this.#broken(error);
      }
      // What failed at once the kernel has nothing of, and the runtime does not count it as queued.
      if (socket.errored !== null || socket.destroyed) return;
      sending.queued = Math.min(piece.length, this.#inside.queuedBytes ?? piece.length);
      // Its callback comes in any case, and with it an error, if there is one.
      if (socket.writableLength > 0) return;
      this.#settledEarly++;
      this.#settlePiece(sending);
    }
  }

  readonly #written = (error?: Error | null): void => calledBack(() => this.#pieceWritten(error));

  #pieceWritten(error: Error | null | undefined): void {
    if (this.#settledEarly > 0) {
      this.#settledEarly--;
      return;
    }
    const sending = this.#current;
    if (sending === undefined || sending.piece === 0) return;
    // The runtime's own doing is no error of the write, nor is it a success.
    if (this.#socket.destroyed) return this.over();
    if (error == null) {
      this.#settlePiece(sending);
      return this.#go();
    }
    inAnyCase(
      () => this.#host.writeFailed(error),
      () => {
        const count = sending.sent + sending.piece - sending.queued;
        this.#end(sending, count > 0 ? count : this.#host.takeError() || errnoOf(error));
      },
    );
  }

  /** The runtime has thrown where it was to take a piece: the connection ends. */
  #broken(error: unknown): void {
    const sending = this.#current!;
    inAnyCase(
      () => this.#end(sending, sending.sent > 0 ? sending.sent : errnoOf(error)),
      () => this.#cut(({ queued }) => queued),
      () => this.#socket.destroy(),
    );
  }

  #settlePiece(sending: Sending): void {
    sending.sent += sending.piece;
    sending.piece = 0;
    sending.queued = 0;
  }

  /** It is over, and the next one is under way. */
  #end({ submission }: Sending, result: number): void {
    this.#current = this.#waiting.shift();
    this.#alive.leave();
    this.#host.complete(submission, result);
    if (this.#current !== undefined) return;
    inAnyCase(...this.#onIdle.splice(0));
  }
}

const nothing = new Uint8Array(0);

/** The next piece; a negative errno when its memory is gone. */
function pieceOrError(sending: Sending): Uint8Array | number {
  try {
    return nextPiece(sending);
  } catch (error) {
    return errnoOf(error);
  }
}

/** Up to `PIECE_BYTES` of what has not been given away: as it lies there, or gathered where the parts are small. */
function nextPiece(sending: Sending): Uint8Array {
  const { parts } = sending;
  skipEmpty(sending);
  const first = parts[sending.part]?.subarray(sending.offset, sending.offset + PIECE_BYTES) ?? nothing;
  sending.offset += first.length;
  skipEmpty(sending);
  if (first.length === PIECE_BYTES || sending.part === parts.length) return first;
  const gathered = new Uint8Array(PIECE_BYTES);
  gathered.set(first);
  let length = first.length;
  while (length < PIECE_BYTES && sending.part < parts.length) {
    const some = parts[sending.part]!.subarray(sending.offset, sending.offset + PIECE_BYTES - length);
    gathered.set(some, length);
    length += some.length;
    sending.offset += some.length;
    skipEmpty(sending);
  }
  return gathered.subarray(0, length);
}

/** Moves on to a part of which there is something left. */
function skipEmpty(sending: Sending): void {
  while (sending.part < sending.parts.length && sending.offset === sending.parts[sending.part]!.length) {
    sending.part++;
    sending.offset = 0;
  }
}
