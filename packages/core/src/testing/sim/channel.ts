/** What is between the ends of a pipe. */
import type { WaitList } from "./wait-list.js";

/** What a pipe holds unless it is asked for more, and what it can be asked for. Source: pipe(7). */
const CAPACITY_BYTES_DEFAULT = 65_536;
const CAPACITY_BYTES_MAX = 1_048_576;
const PAGE_BYTES = 4096;

/** What all ends of a pipe share. */
export interface Channel {
  readonly capacity: number;
  chunks: Uint8Array[];
  buffered: number;
  /** Ends that are open. */
  readerEnds: number;
  writerEnds: number;
  /** Writing ends that were ever opened. */
  writersEver: number;
  /** Operations that wait for bytes, or for room. */
  readonly readers: WaitList;
  readonly writers: WaitList;
}

/** A pipe of about `bytes` that nobody has opened; 0 for the usual size. */
export function createChannel(bytes: number): Channel {
  const wanted = bytes === 0 ? CAPACITY_BYTES_DEFAULT : Math.min(Math.max(bytes, PAGE_BYTES), CAPACITY_BYTES_MAX);
  return {
    capacity: wanted,
    chunks: [],
    buffered: 0,
    readerEnds: 0,
    writerEnds: 0,
    writersEver: 0,
    readers: [],
    writers: [],
  };
}
