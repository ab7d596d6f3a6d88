/** A pipe in memory: a bounded queue of bytes with a reading and a writing end, for splices to go through. */
import { ERRNO } from "../../errno.js";
import { POLL_EVENT } from "../../record.js";
import { type WaitList, wakeAll } from "./ticket.js";

/** What a pipe holds unless it is asked for more, and what it can be asked for. Source: pipe(7). */
const CAPACITY_BYTES_DEFAULT = 65_536;
const CAPACITY_BYTES_MAX = 1_048_576;
const PAGE_BYTES = 4096;

/** What both ends share. */
interface Channel {
  readonly capacity: number;
  chunks: Uint8Array[];
  buffered: number;
  hasReader: boolean;
  hasWriter: boolean;
  /** Splices that wait for bytes, or for room. */
  readonly readers: WaitList;
  readonly writers: WaitList;
}

/** One end of a pipe. */
export class PipeEnd {
  readonly kind = "pipe";
  readonly end: "read" | "write";
  readonly #channel: Channel;

  private constructor(end: "read" | "write", channel: Channel) {
    this.end = end;
    this.#channel = channel;
  }

  /** Both ends of a new pipe of about `bytes`; 0 for the usual size. */
  static pair(bytes: number): [PipeEnd, PipeEnd] {
    const wanted = bytes === 0 ? CAPACITY_BYTES_DEFAULT : Math.min(Math.max(bytes, PAGE_BYTES), CAPACITY_BYTES_MAX);
    const channel: Channel = {
      capacity: wanted,
      chunks: [],
      buffered: 0,
      hasReader: true,
      hasWriter: true,
      readers: [],
      writers: [],
    };
    return [new PipeEnd("read", channel), new PipeEnd("write", channel)];
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
    const { hasReader, capacity, buffered } = this.#channel;
    return hasReader ? capacity - buffered : -ERRNO.EPIPE;
  }

  /** Nothing is in it and nothing will be. */
  get isOver(): boolean {
    return this.#channel.buffered === 0 && !this.#channel.hasWriter;
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
    const { buffered, capacity, hasReader, hasWriter } = this.#channel;
    if (this.end === "read") return (buffered > 0 ? POLL_EVENT.readable : 0) | (hasWriter ? 0 : POLL_EVENT.hangUp);
    return (buffered < capacity ? POLL_EVENT.writable : 0) | (hasReader ? 0 : POLL_EVENT.error);
  }

  close(): void {
    if (this.end === "read") this.#channel.hasReader = false;
    else this.#channel.hasWriter = false;
    wakeAll(this.#channel.readers);
    wakeAll(this.#channel.writers);
  }
}
