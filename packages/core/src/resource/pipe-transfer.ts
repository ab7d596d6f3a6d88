/**
 * `pipeTo`: from a connection into a file, and from a file into a connection. Where the driver can splice, the bytes go
 * through a pipe and never come into the program; otherwise through a buffer of the pool. Both keep the same promises:
 * bytes that were taken from a connection are written before the transfer ends, however it ends, and the count is
 * exact.
 */
import { ERRNO } from "../base/errno.js";
import { type BatonError, systemError } from "../base/errors.js";
import { checkInteger, checkOptions, type OptionNames } from "../base/validate.js";
import type { EarlyEnd } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import { isShortage } from "./accept-pause.js";
import type { Carrier } from "./carrier.js";
import { cursorIn } from "./file-cursor.js";
import { type FileCore, POSITION_MAX } from "./file-operations.js";
import { expectOwnResource } from "./inner.js";
import { createCopyFromFile, createCopyToFile } from "./pipe-copy.js";
import { asReset } from "./pipe-operations.js";
import { createSpliceFromFile, createSpliceToFile, isUnspliceable } from "./pipe-splice.js";
import type { StreamCore } from "./stream-operations.js";
import { TransferEnd, type WatchedEnds } from "./transfer-end.js";

/** How a transfer may be ended early. */
interface PipeOptions {
  /** Aborting it ends the transfer, which then rejects with `AbortError` (`ABORT_ERR`). */
  readonly signal?: AbortSignal;
  /** Ends the whole transfer after so many milliseconds; it then rejects with `ERR_TIMEOUT`. */
  readonly timeoutMs?: number;
}

/** Options of `stream.pipeTo`. */
export interface PipeToFileOptions extends PipeOptions {
  /** Where in the file the bytes go; default: its own position, which moves on, or its end when it is for appending. */
  readonly position?: number;
  /** Most bytes to move; default: all until the peer ends its side. */
  readonly bytesMax?: number;
}

/** Options of `file.pipeTo`. */
export interface PipeFromFileOptions extends PipeOptions {
  /** Where in the file the bytes come from; default: its own position, which moves on by what was sent. */
  readonly position?: number;
  /** How many bytes; default: all to the end of the file. */
  readonly length?: number;
}

/** What a transfer comes to. */
export interface PipeResult {
  /** Bytes that were moved from one end to the other. */
  readonly bytesTransferred: number;
}

/** Bytes asked for at once. */
const CHUNK_BYTES = 256 * 1024;
const toFileOptionNames: OptionNames = { position: true, bytesMax: true, signal: true, timeoutMs: true };
const fromFileOptionNames: OptionNames = { position: true, length: true, signal: true, timeoutMs: true };

export function pipeToFile(stream: StreamCore, file: FileCore, options: PipeToFileOptions): Promise<PipeResult> {
  const where = "stream.pipeTo";
  const { dispatcher } = stream;
  stream.state.expectOpen(where);
  file.state.expectOpen(where);
  checkOptions(where, options, toFileOptionNames);
  const position = checkPosition(where, options.position, file);
  const bytesMax = checkLimit(where, "bytesMax", options.bytesMax);
  expectOwnResource(where, "file", file, dispatcher);
  const ends = { sink: file.state, source: file.position === undefined ? stream.state : undefined };
  // What cannot seek may take nothing for ever, and whatever is between it and the connection would be stuck there.
  const cursor = file.position === undefined ? undefined : cursorIn(file, position, false);
  return dispatcher.endings.aside(() =>
    transfer(where, dispatcher, bytesMax, options, ends, (splices) =>
      splices && cursor !== undefined
        ? createSpliceToFile(stream, file, cursor)
        : createCopyToFile(stream, file, cursor),
    ),
  );
}

export function pipeFromFile(file: FileCore, stream: StreamCore, options: PipeFromFileOptions): Promise<PipeResult> {
  const where = "file.pipeTo";
  const { dispatcher } = file;
  file.state.expectOpen(where);
  stream.state.expectOpen(where);
  checkOptions(where, options, fromFileOptionNames);
  const position = checkPosition(where, options.position, file);
  const length = checkLimit(where, "length", options.length);
  expectOwnResource(where, "stream", stream, dispatcher);
  // What is read of a file that cannot seek and not sent is kept for its next read: in a buffer, not in a pipe.
  const cursor = file.position === undefined ? undefined : cursorIn(file, position, true);
  return dispatcher.endings.aside(() =>
    transfer(where, dispatcher, length, options, {}, (splices) =>
      splices && cursor !== undefined
        ? createSpliceFromFile(file, stream, cursor)
        : createCopyFromFile(file, stream, cursor),
    ).catch((error: unknown) => {
      throw asReset(error, stream);
    }),
  );
}

function checkPosition(where: string, position: number | undefined, file: FileCore): number {
  if (position === undefined) return -1;
  checkInteger(where, "position", position, 0, POSITION_MAX);
  if (file.position !== undefined) return position;
  throw systemError(-ERRNO.ESPIPE, "splice", { path: file.state.label, driver: file.dispatcher.driverName });
}

function checkLimit(where: string, name: string, value: number | undefined): number {
  return value === undefined ? POSITION_MAX : checkInteger(where, name, value, 0, POSITION_MAX);
}

// --- the loop -----------------------------------------------------------------------------------------------------

async function transfer(
  where: string,
  dispatcher: Dispatcher,
  bytesMax: number,
  options: PipeOptions,
  ends: WatchedEnds,
  createCarrier: (splices: boolean) => Promise<Carrier>,
): Promise<PipeResult> {
  dispatcher.requests.expectFeature(where, "pipeTo");
  const end = new TransferEnd(where, dispatcher, dispatcher.canceler.check(where, options), ends);
  let carrier: Carrier | undefined;
  try {
    const splices = dispatcher.capabilities.features.pipeTo.kind === "native";
    carrier = await createCarrier(splices).catch((error: BatonError) => {
      // A pipe takes two descriptors, which a copy does without.
      if (!splices || !isShortage(error)) throw error;
      return createCarrier(false);
    });
    try {
      await carry(carrier, bytesMax, end.early);
    } catch (error) {
      // Not every file and file system can be spliced to; then nothing has been moved.
      if (!isUnspliceable(error) || carrier.arrived > 0) throw error;
      await carrier.settle();
      carrier.close();
      carrier = await createCarrier(false);
      await carry(carrier, bytesMax, end.early);
    }
    return { bytesTransferred: carrier.arrived };
  } catch (error) {
    let failure = error;
    try {
      await carrier?.settle();
    } catch (late) {
      // What could not be settled because the backend has ended says no more than that.
      if (!dispatcher.endings.ended) failure = late;
    }
    throw end.explain(failure, carrier?.arrived ?? 0);
  } finally {
    carrier?.close();
    end.clear();
  }
}

async function carry(carrier: Carrier, bytesMax: number, early: EarlyEnd): Promise<void> {
  for (let pulled = 0; pulled < bytesMax; ) {
    early.signal?.throwIfAborted();
    const bytes = await carrier.pull(Math.min(CHUNK_BYTES, bytesMax - pulled), early);
    if (bytes === 0) return;
    pulled += bytes;
    await carrier.push(early);
  }
}
