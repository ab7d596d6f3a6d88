/**
 * `pipeTo`: from a connection into a file, and from a file into a connection. Where the driver can splice, the bytes go
 * through a pipe and never come into the program; otherwise through a buffer of the pool. Both keep the same promises:
 * bytes that were taken from a connection are written before the transfer ends, however it ends, and the count is
 * exact.
 */
import { addAbortListener, reasonOf, removeAbortListener } from "../base/abort-listeners.js";
import { ERRNO } from "../base/errno.js";
import { BatonError, batonError, systemError } from "../base/errors.js";
import { checkInteger, checkOptions, type OptionNames } from "../base/validate.js";
import type { EarlyEnd } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { ResourceState } from "../operation/resource-state.js";
import { isShortage } from "./accept-pause.js";
import { type FileCore, POSITION_MAX } from "./file-operations.js";
import { type FilePlace, placeIn } from "./file-place.js";
import { expectOwnResource } from "./inner.js";
import {
  COPY_BYTES,
  createCopyFromFile,
  createCopyToFile,
  readPipeAtLast,
  receiveInto,
  takeUntilClosing,
  writeOrKeep,
} from "./pipe-copy.js";
import { closePipe, makePipe, type Pipe, prepareSplice, spliceAtLast } from "./pipe-operations.js";
import type { StreamCore } from "./stream-operations.js";

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
/**
 * Bytes of a pipe that go back to their connection at once. Few, because they have to go whatever else the pool's memory is
 * with, and that may be waiting for them: the sender of the same connection.
 */
const GIVE_BACK_BYTES = 4096;

const toFileOptionNames: OptionNames = { position: true, bytesMax: true, signal: true, timeoutMs: true };
const fromFileOptionNames: OptionNames = { position: true, length: true, signal: true, timeoutMs: true };

/** One way to carry bytes from a source to a sink. */
export interface Carrier {
  /** Bytes that arrived at the sink. */
  readonly arrived: number;
  /** Takes up to `bytes` from the source; 0 at its end. Ended early by `early`. */
  pull(bytes: number, early: EarlyEnd): Promise<number>;
  /** Hands everything that was taken to the sink. */
  push(early: EarlyEnd): Promise<void>;
  /** The transfer has failed: what is in hand goes where it has to go. */
  settle(): Promise<void>;
  close(): void;
}

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
  const place = file.position === undefined ? undefined : placeIn(file, position, false);
  return dispatcher.aside(() =>
    transfer(where, dispatcher, bytesMax, options, ends, (splices) =>
      splices && place !== undefined ? createSpliceToFile(stream, file, place) : createCopyToFile(stream, file, place),
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
  const place = file.position === undefined ? undefined : placeIn(file, position, true);
  return dispatcher.aside(() =>
    transfer(where, dispatcher, length, options, {}, (splices) =>
      splices && place !== undefined
        ? createSpliceFromFile(file, stream, place)
        : createCopyFromFile(file, stream, place),
    ),
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
  dispatcher.expectFeature(where, "pipeTo");
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
      failure = late;
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

function isUnspliceable(error: unknown): boolean {
  return error instanceof BatonError && error.errno === -ERRNO.EINVAL && error.syscall === "splice";
}

/** Ends of a transfer that end it when they close, because none of its operations is sure to. */
interface WatchedEnds {
  /** A file that bytes go to: it waits for those that are on their way. */
  readonly sink?: ResourceState;
  /** The connection that they come from. */
  readonly source?: ResourceState | undefined;
}

/** Everything that can end a transfer early, as one signal for its operations. */
class TransferEnd {
  readonly early: EarlyEnd;
  readonly #where: string;
  readonly #dispatcher: Dispatcher;
  readonly #given: EarlyEnd | undefined;
  readonly #controller = new AbortController();
  readonly #timer: unknown;
  readonly #letGo: (() => void) | undefined;
  readonly #unwatch: (() => void) | undefined;
  #cause: "signal" | "timeout" | "close" | undefined = undefined;
  readonly #onAbort = () => this.#end("signal");

  constructor(where: string, dispatcher: Dispatcher, given: EarlyEnd | undefined, { sink, source }: WatchedEnds) {
    this.#where = where;
    this.#dispatcher = dispatcher;
    this.#given = given;
    this.early = { signal: this.#controller.signal, timeoutMs: undefined, abandon: false };
    if (given?.signal !== undefined) addAbortListener(given.signal, this.#onAbort);
    if (given?.timeoutMs !== undefined) {
      this.#timer = dispatcher.clock.after(given.timeoutMs, () => this.#end("timeout"));
    }
    this.#letGo = sink?.hold(() => this.#end("close"));
    this.#unwatch = source?.whenClosing(() => this.#end("close"));
  }

  #end(cause: "signal" | "timeout" | "close"): void {
    this.#cause ??= cause;
    this.#controller.abort();
  }

  /** The error that the caller gets, with the exact count. */
  explain(error: unknown, bytesTransferred: number): unknown {
    const driver = this.#dispatcher.driverName;
    const where = this.#where;
    const early = this.#controller.signal.aborted && isAbort(error) ? this.#cause : undefined;
    if (early === "signal") {
      const cause = reasonOf(this.#given?.signal);
      return batonError("ABORT_ERR", `${where}: aborted.`, { cause, driver, bytesTransferred });
    }
    if (early === "timeout") {
      const message = `${where}: not done within ${this.#given?.timeoutMs} ms.`;
      return batonError("ERR_TIMEOUT", message, { driver, bytesTransferred });
    }
    if (early === "close") {
      const code = this.#dispatcher.closed ? "ERR_BACKEND_CLOSED" : "ERR_RESOURCE_CLOSED";
      return batonError(code, `${where}: the file or connection was closed meanwhile.`, { driver, bytesTransferred });
    }
    if (error instanceof BatonError) {
      // Of the operation that failed it was the count of that operation alone, and its buffer was none of the caller's.
      Object.defineProperty(error, "bytesTransferred", { value: bytesTransferred, enumerable: true });
      if ("buffer" in error) Object.defineProperty(error, "buffer", { value: undefined, enumerable: false });
    }
    return error;
  }

  clear(): void {
    if (this.#given?.signal !== undefined) removeAbortListener(this.#given.signal, this.#onAbort);
    if (this.#timer !== undefined) this.#dispatcher.clock.clear(this.#timer);
    this.#letGo?.();
    this.#unwatch?.();
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || ("code" in error && error.code === "ABORT_ERR"));
}

function ignore(): void {
  // What was moved is still where it came from.
}

// --- by splice ----------------------------------------------------------------------------------------------------

async function createSpliceToFile(stream: StreamCore, file: FileCore, place: FilePlace): Promise<Carrier> {
  const { dispatcher } = stream;
  const pipe = await makePipe(dispatcher);
  let inPipe = 0;
  let arrived = 0;
  const written = (bytes: number) => {
    arrived += bytes;
  };
  const splicePart = async () => {
    const splice = { from: pipe.reading, to: file.state, bytes: inPipe, fromPosition: -1, toPosition: place.at() };
    const moved = await spliceAtLast(dispatcher, file.state, { ...splice, movedUnseen: ignore });
    if (moved === 0) throw systemError(-ERRNO.EIO, "splice", { driver: dispatcher.driverName });
    inPipe -= moved;
    place.moved(moved);
    written(moved);
  };
  // Not every file can be spliced to, one that is open for appending for instance.
  const copyPart = async () => {
    using buffer = dispatcher.buffers.take(COPY_BYTES);
    const taken = await readPipeAtLast(file, pipe.reading, buffer, inPipe);
    inPipe -= taken;
    await writeOrKeep(file, stream, { buffer, bytes: taken }, place, written);
  };
  let splices = true;
  const emptyPart = async () => {
    if (!splices) return copyPart();
    await splicePart().catch((error: unknown) => {
      if (!isUnspliceable(error)) throw error;
      splices = false;
    });
  };
  const empty = async () => {
    if (inPipe === 0) return;
    const leave = await place.enter();
    try {
      while (inPipe > 0) await emptyPart();
    } finally {
      leave();
    }
  };
  // A full disk, for one: what the file does not take is there for the next receive.
  const giveBack = async () => {
    using buffer = await takeUntilClosing(dispatcher, GIVE_BACK_BYTES);
    // Of a backend that closes nobody can receive any more.
    while (buffer !== undefined && inPipe > 0) {
      const taken = await readPipeAtLast(file, pipe.reading, buffer, inPipe);
      inPipe -= taken;
      stream.receiveLane.salvageBytes(buffer.bytes.slice(0, taken));
    }
  };
  // The driver knows nothing of bytes that core has kept for the next receive.
  const takeKept = async (bytes: number, early: EarlyEnd) => {
    using buffer = dispatcher.buffers.take(COPY_BYTES);
    const taken = await receiveInto(stream, buffer, bytes, early);
    const leave = await place.enter();
    try {
      await writeOrKeep(file, stream, { buffer, bytes: taken }, place, written);
    } finally {
      leave();
    }
    return taken;
  };
  return {
    get arrived() {
      return arrived;
    },
    pull: async (bytes, early) => {
      const entry = prepareSplice(
        dispatcher,
        stream.state,
        {
          from: stream.state,
          to: pipe.writing,
          bytes,
          fromPosition: -1,
          toPosition: -1,
          movedUnseen: (moved) => {
            inPipe += moved;
          },
        },
        early,
      );
      entry.lane = stream.receiveLane;
      try {
        const moved = await dispatcher.start<number>(entry);
        inPipe += moved;
        return moved;
      } catch (error) {
        if (!(error instanceof BatonError && error.errno === -ERRNO.EAGAIN)) throw error;
        return takeKept(bytes, early);
      }
    },
    push: empty,
    settle: async () => {
      try {
        await empty();
      } catch (error) {
        await giveBack();
        throw error;
      }
    },
    close: () => closePipe(dispatcher, pipe),
  };
}

async function createSpliceFromFile(file: FileCore, stream: StreamCore, place: FilePlace): Promise<Carrier> {
  const { dispatcher } = file;
  const pipe: Pipe = await makePipe(dispatcher);
  let inPipe = 0;
  let arrived = 0;
  let leave: (() => void) | undefined;
  const endStep = () => {
    leave?.();
    leave = undefined;
  };
  const left = (bytes: number) => {
    inPipe -= bytes;
    arrived += bytes;
    place.moved(bytes);
  };
  return {
    get arrived() {
      return arrived;
    },
    pull: async (bytes, early) => {
      leave = await place.enter(early.signal);
      const splice = {
        from: file.state,
        to: pipe.writing,
        bytes,
        fromPosition: place.at(),
        toPosition: -1,
        movedUnseen: ignore,
      };
      inPipe = await dispatcher.start<number>(prepareSplice(dispatcher, file.state, splice, early));
      return inPipe;
    },
    push: async (early) => {
      while (inPipe > 0) {
        const splice = {
          from: pipe.reading,
          to: stream.state,
          bytes: inPipe,
          fromPosition: -1,
          toPosition: -1,
          movedUnseen: left,
        };
        const entry = prepareSplice(dispatcher, stream.state, splice, early);
        entry.lane = stream.sendLane;
        left(await dispatcher.start<number>(entry));
      }
      endStep();
    },
    // Nothing was consumed: what is in the pipe is still in the file.
    settle: async () => undefined,
    close: () => {
      endStep();
      closePipe(dispatcher, pipe);
    },
  };
}
