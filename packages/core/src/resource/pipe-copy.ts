/** `pipeTo` through a buffer of the pool: where the driver cannot splice, or what it cannot splice. */
import type { EarlyEnd } from "../cancel.js";
import type { Dispatcher } from "../dispatcher.js";
import { ERRNO } from "../errno.js";
import { systemError } from "../errors.js";
import { defineKind, type OperationKind } from "../operation-kind.js";
import { blockOf, lendBuffer, type OwnedBuffer } from "../owned-buffer.js";
import { WORD } from "../record.js";
import { beginAtLast } from "./closing.js";
import {
  FILE_TRANSFER,
  type FileCore,
  handleDetails,
  prepareFileTransfer,
  type ReadResult,
} from "./file-operations.js";
import type { Handle } from "./pipe-operations.js";
import type { Carrier } from "./pipe-transfer.js";
import { prepareReceive, prepareSend, type ReceiveResult, type StreamCore } from "./stream-operations.js";

/** Bytes that are in the program at once. */
export const COPY_BYTES: number = 64 * 1024;

const readKind = defineKind("read", { finish: (_entry, result) => result, details: handleDetails });
const writeKind = defineKind("write", { finish: (_entry, result) => result, details: handleDetails });

/** One transfer between a handle and a buffer, on account of a file, also while the file or the backend closes. */
async function moveAtLast(
  kind: OperationKind,
  file: FileCore,
  handle: Handle,
  part: { readonly buffer: OwnedBuffer; readonly start: number; readonly bytes: number; readonly position: number },
): Promise<number> {
  const { dispatcher, state, writeLane } = file;
  const { buffer, start, bytes, position } = part;
  const entry = await beginAtLast(dispatcher, kind, state);
  const { records } = dispatcher;
  entry.subject = state;
  records[entry.base + WORD.handleIndex] = handle.handleIndex;
  records[entry.base + WORD.handleGeneration] = handle.handleGeneration;
  try {
    records[entry.base + WORD.bufferOffset] = lendBuffer(buffer, entry, start, bytes, kind === readKind);
  } catch (error) {
    dispatcher.drop(entry);
    throw error;
  }
  entry.buffer = buffer;
  records[entry.base + WORD.buffer] = blockOf(buffer).number;
  records[entry.base + WORD.length] = bytes;
  dispatcher.writePosition(entry, position);
  if (kind === writeKind && position < 0) entry.lane = writeLane;
  return dispatcher.start(entry);
}

/** Writes bytes that must not be lost to a file; tells of each part that is written. */
export async function writeAtLast(
  file: FileCore,
  buffer: OwnedBuffer,
  bytes: number,
  next: { position(): number; written(bytes: number): void },
): Promise<void> {
  for (let start = 0; start < bytes; ) {
    const part = { buffer, start, bytes: bytes - start, position: next.position() };
    const written = await moveAtLast(writeKind, file, file.state, part);
    if (written === 0) throw systemError(-ERRNO.EIO, "write", { path: file.state.label });
    start += written;
    next.written(written);
  }
}

/** Takes bytes out of a pipe, for a file that cannot be spliced to. */
export function readPipeAtLast(file: FileCore, pipe: Handle, buffer: OwnedBuffer, bytes: number): Promise<number> {
  const part = { buffer, start: 0, bytes: Math.min(bytes, buffer.length), position: -1 };
  return moveAtLast(readKind, file, pipe, part);
}

/** Receives from a connection what core or the driver has for it. */
export async function receiveInto(
  stream: StreamCore,
  buffer: OwnedBuffer,
  bytes: number,
  { signal }: EarlyEnd,
): Promise<number> {
  const options = { length: Math.min(bytes, buffer.length), ...(signal !== undefined && { signal }) };
  const { bytesReceived } = await stream.dispatcher.start<ReceiveResult<unknown>>(
    prepareReceive(stream, buffer, options),
  );
  return bytesReceived;
}

export async function createCopyToFile(stream: StreamCore, file: FileCore, position: number): Promise<Carrier> {
  const buffer = takeBuffer(stream.dispatcher);
  let inHand = 0;
  let arrived = 0;
  const push = async () => {
    const before = arrived;
    const bytes = inHand;
    inHand = 0;
    try {
      await writeAtLast(file, buffer, bytes, {
        position: () => (position < 0 ? -1 : position + arrived),
        written: (written) => {
          arrived += written;
        },
      });
    } catch (error) {
      // A full disk, for one: what the file does not take is there for the next receive.
      stream.receiveLane.salvageBytes(buffer.bytes.slice(arrived - before, bytes));
      throw error;
    }
  };
  return {
    get arrived() {
      return arrived;
    },
    pull: async (bytes, early) => {
      inHand = await receiveInto(stream, buffer, bytes, early);
      return inHand;
    },
    push,
    settle: push,
    close: () => buffer[Symbol.dispose](),
  };
}

export async function createCopyFromFile(file: FileCore, stream: StreamCore, position: number): Promise<Carrier> {
  const { dispatcher } = file;
  const buffer = takeBuffer(dispatcher);
  let inHand = 0;
  let sent = 0;
  let arrived = 0;
  return {
    get arrived() {
      return arrived;
    },
    pull: async (bytes, { signal }) => {
      const { bytesRead } = await dispatcher.start<ReadResult<unknown>>(
        prepareFileTransfer(file, FILE_TRANSFER.read, buffer, {
          length: Math.min(bytes, buffer.length),
          ...(position >= 0 && { position: position + arrived }),
          ...(signal !== undefined && { signal }),
        }),
      );
      inHand = bytesRead;
      sent = 0;
      return bytesRead;
    },
    push: async ({ signal }) => {
      const options = { length: inHand, ...(signal !== undefined && { signal }) };
      try {
        await dispatcher.start(prepareSend(stream, buffer, options));
        sent = inHand;
      } catch (error) {
        sent = (error as { bytesTransferred?: number }).bytesTransferred ?? 0;
        throw error;
      } finally {
        arrived += sent;
      }
    },
    settle: async () => {
      // What was read at the file's own position and not sent is there for the next read.
      if (position < 0 && sent < inHand) file.readLane.salvageBytes(buffer.bytes.slice(sent, inHand));
      inHand = 0;
      sent = 0;
    },
    close: () => buffer[Symbol.dispose](),
  };
}

function takeBuffer(dispatcher: Dispatcher): OwnedBuffer {
  return dispatcher.buffers.take(COPY_BYTES);
}
