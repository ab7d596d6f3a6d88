/** A pipe in memory: a bounded queue of bytes with reading and writing ends. A FIFO is one that has a name. */
import { ERRNO, POLL_EVENT } from "@baton-io/core/driver";
import { type Channel, createChannel } from "./channel.js";
import type { FifoNode } from "./nodes.js";
import { type WaitList, wakeAll } from "./wait-list.js";

/** One end of a pipe, or of a FIFO that was opened for both. */
export class PipeEnd {
  readonly kind = "pipe";
  readonly end: "read" | "write" | "both";
  /** The name that it was opened by, if it has one. */
  readonly node: FifoNode | undefined;
  readonly #channel: Channel;
  readonly #writersBefore: number;

  constructor(end: "read" | "write" | "both", channel: Channel, node?: FifoNode) {
    this.end = end;
    this.node = node;
    this.#channel = channel;
    this.#writersBefore = channel.writersEver;
    if (end !== "write") channel.readerEnds++;
    if (end === "read") return;
    channel.writerEnds++;
    channel.writersEver++;
  }

  /** Both ends of a new pipe. */
  static pair(bytes: number): [PipeEnd, PipeEnd] {
    const channel = createChannel(bytes);
    return [new PipeEnd("read", channel), new PipeEnd("write", channel)];
  }

  /** A writer is there, or came and went since this end was opened. */
  get hasHadWriter(): boolean {
    const { buffered, writerEnds, writersEver } = this.#channel;
    return buffered > 0 || writerEnds > 0 || writersEver > this.#writersBefore;
  }

  get readers(): WaitList {
    return this.#channel.readers;
  }

  get writers(): WaitList {
    return this.#channel.writers;
  }

  /** Bytes that can be read now. */
  get buffered(): number {
    return this.#channel.buffered;
  }

  /** Bytes that can be written now; a negative errno when nobody will read them. */
  get room(): number {
    const { readerEnds, capacity, buffered } = this.#channel;
    return readerEnds > 0 ? capacity - buffered : -ERRNO.EPIPE;
  }

  /** Nothing is in it and nothing will be. */
  get isOver(): boolean {
    return this.#channel.buffered === 0 && this.#channel.writerEnds === 0;
  }

  put(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#channel.chunks.push(bytes);
    this.#channel.buffered += bytes.length;
    wakeAll(this.#channel.readers);
  }

  /** The first `count` bytes, which stay. */
  peek(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.min(count, this.#channel.buffered));
    let filled = 0;
    for (const chunk of this.#channel.chunks) {
      if (filled === bytes.length) break;
      const part = chunk.subarray(0, bytes.length - filled);
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  /** Takes the first `count` bytes out. */
  drop(count: number): void {
    const rest = this.peek(this.#channel.buffered).subarray(count);
    this.#channel.chunks = rest.length > 0 ? [rest] : [];
    this.#channel.buffered = rest.length;
    if (count > 0) wakeAll(this.#channel.writers);
  }

  /** `POLL_EVENT` bits. */
  get events(): number {
    const { buffered, capacity, readerEnds, writerEnds } = this.#channel;
    const readable = (buffered > 0 ? POLL_EVENT.readable : 0) | (writerEnds > 0 ? 0 : POLL_EVENT.hangUp);
    const writable = (buffered < capacity ? POLL_EVENT.writable : 0) | (readerEnds > 0 ? 0 : POLL_EVENT.error);
    return (this.end === "write" ? 0 : readable) | (this.end === "read" ? 0 : writable);
  }

  close(): void {
    if (this.end !== "write") this.#channel.readerEnds--;
    if (this.end !== "read") this.#channel.writerEnds--;
    // What nobody has read goes with the last end.
    if (this.#channel.readerEnds + this.#channel.writerEnds === 0) this.drop(this.#channel.buffered);
    wakeAll(this.#channel.readers);
    wakeAll(this.#channel.writers);
  }
}
