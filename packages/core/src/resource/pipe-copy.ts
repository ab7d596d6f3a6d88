/** `pipeTo` through a buffer of the pool: where the driver cannot splice, or what it cannot splice. */

import { ERRNO } from "../base/errno.js";
import { systemError } from "../base/errors.js";
import { blockOf, lendBuffer, type OwnedBuffer } from "../memory/owned-buffer.js";
import type { EarlyEnd } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { OperationKind } from "../operation/entry.js";
import type { Lane } from "../operation/lane.js";
import { defineKind } from "../operation/operation-kind.js";
import { WORD } from "../spi/record.js";
import { writeWide } from "../spi/wide.js";
import type { Carrier } from "./carrier.js";
import { beginAtLast } from "./closing.js";
import type { FileCursor } from "./file-cursor.js";
import {
  FILE_TRANSFER,
  type FileCore,
  handleDetails,
  prepareFileTransfer,
  type ReadResult,
} from "./file-operations.js";
import type { Handle } from "./pipe-operations.js";
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
  const { dispatcher, state } = file;
  const { buffer, start, bytes, position } = part;
  const entry = await beginAtLast(dispatcher, kind, state);
  const { records } = dispatcher;
  entry.subject = state;
  records[entry.base + WORD.handleIndex] = handle.handleIndex;
  records[entry.base + WORD.handleGeneration] = handle.handleGeneration;
  try {
    records[entry.base + WORD.bufferOffset] = lendBuffer(buffer, entry, start, bytes, kind === readKind);
  } catch (error) {
    dispatcher.requests.drop(entry);
    throw error;
  }
  entry.buffer = buffer;
  records[entry.base + WORD.buffer] = blockOf(buffer).number;
  records[entry.base + WORD.length] = bytes;
  writeWide(dispatcher.records, entry.base + WORD.positionLow, position);
  return dispatcher.start(entry);
}

/**
 * What was taken and not handed on is there for the next who asks. Of a backend that has ended nobody can ask any more,
 * and its driver may still have the buffer.
 */
function putBack({ dispatcher }: FileCore, lane: Lane, buffer: OwnedBuffer, from: number, to: number): void {
  if (!dispatcher.endings.ended) lane.salvageBytes(buffer.bytes.slice(from, to));
}

/**
 * Writes the first `bytes` of a buffer, which came from a connection, to a file; within a step of its cursor. Tells of
 * each part that is written. What the file does not take, with a full disk for one, is there for the next receive.
 */
export async function writeOrKeep(
  file: FileCore,
  stream: StreamCore,
  { buffer, bytes }: { readonly buffer: OwnedBuffer; readonly bytes: number },
  cursor: FileCursor,
  tell: (bytes: number) => void,
): Promise<void> {
  let start = 0;
  try {
    while (start < bytes) {
      const part = { buffer, start, bytes: bytes - start, position: cursor.at() };
      const written = await moveAtLast(writeKind, file, file.state, part).catch((error: unknown) => {
        if (cursor.refused(error)) return undefined;
        throw error;
      });
      if (written === undefined) continue;
      if (written === 0) throw systemError(-ERRNO.EIO, "write", { path: file.state.label });
      start += written;
      cursor.moved(written);
      tell(written);
    }
  } catch (error) {
    putBack(file, stream.receiveLane, buffer, start, bytes);
    throw error;
  }
}

/**
 * The same for a file that cannot seek, such as a FIFO. It may be full for as long as nobody reads it, so the write is one
 * as a caller would ask for, which `signal` ends.
 */
async function writeWhileWanted(
  file: FileCore,
  stream: StreamCore,
  { buffer, bytes }: { readonly buffer: OwnedBuffer; readonly bytes: number },
  signal: AbortSignal | undefined,
): Promise<{ readonly written: number; readonly error?: unknown }> {
  try {
    const options = { length: bytes, ...(signal !== undefined && { signal }) };
    await file.dispatcher.start(prepareFileTransfer(file, FILE_TRANSFER.writeFull, buffer, options));
    return { written: bytes };
  } catch (error) {
    const written = (error as { bytesTransferred?: number }).bytesTransferred ?? 0;
    putBack(file, stream.receiveLane, buffer, written, bytes);
    return { written, error };
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

/** @param cursor where in the file; `undefined` for one that cannot seek */
export async function createCopyToFile(
  stream: StreamCore,
  file: FileCore,
  cursor: FileCursor | undefined,
): Promise<Carrier> {
  const buffer = takeBuffer(stream.dispatcher);
  let inHand = 0;
  let arrived = 0;
  const push = async (early?: EarlyEnd) => {
    const bytes = inHand;
    inHand = 0;
    if (bytes === 0) return;
    if (cursor === undefined) {
      const { written, error } = await writeWhileWanted(file, stream, { buffer, bytes }, early?.signal);
      arrived += written;
      if (error !== undefined) throw error;
      return;
    }
    const leave = await cursor.enter();
    try {
      await writeOrKeep(file, stream, { buffer, bytes }, cursor, (written) => {
        arrived += written;
      });
    } finally {
      leave();
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
    // What failed held no bytes, or has put them back already.
    settle: () => push(),
    close: () => buffer[Symbol.dispose](),
  };
}

/** A file that cannot seek has no cursor: what is read of it is gone from it. */
export async function createCopyFromFile(
  file: FileCore,
  stream: StreamCore,
  cursor: FileCursor | undefined,
): Promise<Carrier> {
  const { dispatcher } = file;
  const buffer = takeBuffer(dispatcher);
  let inHand = 0;
  let sent = 0;
  let arrived = 0;
  let leave: (() => void) | undefined;
  const endStep = () => {
    leave?.();
    leave = undefined;
  };
  return {
    get arrived() {
      return arrived;
    },
    pull: async (bytes, { signal }) => {
      leave = await cursor?.enter(signal);
      const { bytesRead } = await dispatcher.start<ReadResult<unknown>>(
        prepareFileTransfer(file, FILE_TRANSFER.read, buffer, {
          length: Math.min(bytes, buffer.length),
          ...(cursor !== undefined && { position: cursor.at() }),
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
        cursor?.moved(sent);
        if (sent === inHand) endStep();
      }
    },
    settle: async () => {
      // What was read and not sent is there for the next read.
      if (cursor === undefined && sent < inHand) putBack(file, file.readLane, buffer, sent, inHand);
      inHand = 0;
      sent = 0;
    },
    close: () => {
      endStep();
      buffer[Symbol.dispose]();
    },
  };
}

function takeBuffer(dispatcher: Dispatcher): OwnedBuffer {
  return dispatcher.buffers.take(COPY_BYTES);
}

/** A buffer, however long one takes to come home; `undefined` when the backend closes before. */
export async function takeUntilClosing(dispatcher: Dispatcher, bytes: number): Promise<OwnedBuffer | undefined> {
  if (dispatcher.requests.closed) return undefined;
  const controller = new AbortController();
  const stop = () => controller.abort();
  dispatcher.onClosing.add(stop);
  try {
    return await dispatcher.buffers.takeWhenFree(bytes, { signal: controller.signal });
  } catch (error) {
    if (controller.signal.aborted) return undefined;
    throw error;
  } finally {
    dispatcher.onClosing.delete(stop);
  }
}
