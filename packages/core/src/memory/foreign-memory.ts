/** Memory that is not a pool's: what can be taken in, and what is refused. */
import { batonError } from "../base/errors.js";
import { describe } from "../base/validate.js";
import type { DriverMemory, Slab } from "../spi/driver.js";
import { BUFFER_BYTES_MAX } from "../spi/record.js";

/** A part of an ArrayBuffer, bytes. */
export interface ForeignPart {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly length: number;
}

/** Refuses what can change under an operation; answers the part that was meant. */
export function checkForeign(where: string, source: ArrayBuffer | ArrayBufferView): ForeignPart {
  const view = ArrayBuffer.isView(source) ? source : undefined;
  const buffer: unknown = view?.buffer ?? source;
  if (typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer) {
    throw batonError("ERR_BUFFER_SHARED", `${where}: other threads can write to a SharedArrayBuffer.`);
  }
  if (!(buffer instanceof ArrayBuffer)) {
    throw batonError(
      "ERR_INVALID_ARG_TYPE",
      `${where}: source must be an ArrayBuffer or a view, not ${describe(source)}.`,
    );
  }
  if ("resizable" in buffer && buffer.resizable === true) {
    throw batonError("ERR_BUFFER_RESIZABLE", `${where}: the ArrayBuffer is resizable.`);
  }
  if (buffer.byteLength === 0) {
    throw batonError("ERR_BUFFER_DETACHED", `${where}: the ArrayBuffer is detached or empty.`);
  }
  const length = view?.byteLength ?? buffer.byteLength;
  if (length > BUFFER_BYTES_MAX) {
    throw batonError("ERR_OUT_OF_RANGE", `${where}: ${length} bytes are more than ${BUFFER_BYTES_MAX}.`);
  }
  return { buffer, offset: view?.byteOffset ?? 0, length };
}

/** What `copyFrom` copies; text is encoded as UTF-8. */
export function bytesToCopy(source: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  const where = "buffers.copyFrom";
  if (typeof source === "string") return new TextEncoder().encode(source);
  const memory = ArrayBuffer.isView(source) ? source.buffer : source;
  if (!ArrayBuffer.isView(source) && !(source instanceof ArrayBuffer)) {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: source must be text or bytes, not ${describe(source)}.`);
  }
  if (memory.byteLength === 0) throw batonError("ERR_BUFFER_DETACHED", `${where}: the source is detached or empty.`);
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

/** The error for memory that the runtime does not let move; `undefined` when `cause` says something else. */
function immovable(cause: unknown): Error | undefined {
  if (!(cause instanceof TypeError) && !(cause instanceof Error && cause.name === "DataCloneError")) return undefined;
  return notMoved({ cause });
}

/** The error for memory that did not move. */
export function notMoved(details: { readonly cause?: unknown } = {}): Error {
  return batonError("ERR_BUFFER_FIXED", "buffers.adopt: the runtime does not let this ArrayBuffer move.", details);
}

/** Memory as the driver keeps it, or why it cannot be moved. */
export function adoptWhole(memory: DriverMemory, buffer: ArrayBuffer): Slab {
  try {
    return memory.adopt(buffer);
  } catch (cause) {
    throw immovable(cause) ?? cause;
  }
}
