/** A pipe, and moving bytes through it: what `pipeTo` is made of where the driver can splice. */
import { ERRNO } from "../base/errno.js";
import { BatonError, systemError } from "../base/errors.js";
import type { EarlyEnd } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import type { ResourceState } from "../operation/resource-state.js";
import { PIPE_BYTES, PIPE_WORD, WORD } from "../spi/record.js";
import { writeWide } from "../spi/wide.js";
import { beginAtLast, closeHandle } from "./closing.js";
import { isSendingShut, type StreamCore } from "./stream-operations.js";

/** A handle as records name it. */
export interface Handle {
  readonly handleIndex: number;
  readonly handleGeneration: number;
}

/** Both ends of a pipe. */
export interface Pipe {
  readonly reading: Handle;
  readonly writing: Handle;
}

/** Bytes that a pipe is asked to hold; the system may give less. */
const PIPE_CAPACITY_BYTES = 256 * 1024;

const pipeKind = defineKind("pipe", {
  finish: readPipe,
  salvage: (entry) => closePipe(entry.subject as Dispatcher, readPipe(entry)),
});

function readPipe(entry: Entry): Pipe {
  const { arena, records } = entry.subject as Dispatcher;
  const word = records[entry.base + WORD.arenaOffset]! >> 2;
  const at = (which: number) => arena.words[word + which]!;
  return {
    reading: { handleIndex: at(PIPE_WORD.readIndex), handleGeneration: at(PIPE_WORD.readGeneration) },
    writing: { handleIndex: at(PIPE_WORD.writeIndex), handleGeneration: at(PIPE_WORD.writeGeneration) },
  };
}

/** Makes a pipe. Whoever has it closes it. */
export function makePipe(dispatcher: Dispatcher): Promise<Pipe> {
  return dispatcher.run(() => {
    const entry = dispatcher.requests.begin(pipeKind, undefined);
    entry.subject = dispatcher;
    dispatcher.records[entry.base + WORD.length] = PIPE_CAPACITY_BYTES;
    entry.areaBytes = PIPE_BYTES;
    return entry;
  });
}

/** Closes both ends; what is still in it is gone. */
export function closePipe(dispatcher: Dispatcher, { reading, writing }: Pipe): void {
  for (const { handleIndex, handleGeneration } of [reading, writing]) {
    closeHandle(dispatcher, handleIndex, handleGeneration);
  }
}

/** One splice: from where to where, and who is told of bytes whose caller has turned away. */
export interface Splice {
  readonly from: Handle;
  readonly to: Handle;
  readonly bytes: number;
  /** Where in the first handle; −1 = its own position. */
  readonly fromPosition: number;
  readonly toPosition: number;
  /** Bytes were moved by a splice that was then reported as ended early. */
  readonly movedUnseen: (bytes: number) => void;
}

const spliceKind = defineKind("splice", {
  finish: (_entry, result) => result,
  salvage: (entry, result) => (entry.subject as Splice).movedUnseen(result),
});

/** Begins a splice on a resource. */
export function prepareSplice(
  dispatcher: Dispatcher,
  resource: ResourceState,
  splice: Splice,
  early: EarlyEnd | undefined,
): Entry {
  const entry = dispatcher.requests.begin(spliceKind, resource);
  writeSplice(dispatcher, entry, splice);
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/** The same, also while the resource or the backend closes: for bytes that have to get where they were going. */
export async function spliceAtLast(dispatcher: Dispatcher, resource: ResourceState, splice: Splice): Promise<number> {
  const entry = await beginAtLast(dispatcher, spliceKind, resource);
  writeSplice(dispatcher, entry, splice);
  return dispatcher.start(entry);
}

function writeSplice(dispatcher: Dispatcher, entry: Entry, splice: Splice): void {
  const { records } = dispatcher;
  const { base } = entry;
  entry.subject = splice;
  records[base + WORD.handleIndex] = splice.from.handleIndex;
  records[base + WORD.handleGeneration] = splice.from.handleGeneration;
  records[base + WORD.secondHandleIndex] = splice.to.handleIndex;
  records[base + WORD.secondHandleGeneration] = splice.to.handleGeneration;
  records[base + WORD.length] = splice.bytes;
  writeWide(dispatcher.records, entry.base + WORD.positionLow, splice.fromPosition);
  writeWide(dispatcher.records, entry.base + WORD.argument0, splice.toPosition);
}

/**
 * A splice that has moved a part says how much, whatever ended it; what the kernel says next to somebody who sends is
 * EPIPE. A send would have been told of the reset.
 */
export function asReset(error: unknown, stream: StreamCore): unknown {
  if (!(error instanceof BatonError && error.errno === -ERRNO.EPIPE)) return error;
  const { bytesTransferred = 0 } = error;
  if (bytesTransferred === 0 || isSendingShut(stream)) return error;
  return systemError(-ERRNO.ECONNRESET, error.syscall ?? "splice", {
    driver: stream.dispatcher.driverName,
    bytesTransferred,
  });
}
