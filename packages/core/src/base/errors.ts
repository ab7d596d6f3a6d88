/**
 * Every error Baton makes itself. A code is permanent and is what programs and tests compare; the text may
 * improve. The table is also the source of `docs/reference/errors.md`.
 */
import { BAD_RECORD, describeErrno } from "./errno.js";

export interface ErrorDefinition {
  /** When it is raised. */
  readonly meaning: string;
  /** What to do about it. */
  readonly remedy: string;
}

export const errorTable = {
  ERR_BUFFER_LENT: {
    meaning: "The buffer, or a part of it, is lent to an operation in flight.",
    remedy: "Await the operation: its result (or its error) carries the buffer home.",
  },
  ERR_BUFFER_RELEASED: {
    meaning: "The buffer was released; its memory may already belong to somebody else.",
    remedy: "Take a new buffer from the pool, or release later.",
  },
  ERR_BUFFER_RELEASED_TWICE: {
    meaning: "release() was called on a buffer that had been released.",
    remedy: "Release once, or use `using`, which releases once.",
  },
  ERR_BUFFER_DETACHED: {
    meaning: "The memory behind the buffer was transferred away, or resized, by the program.",
    remedy: "Do not transfer `buffer.bytes.buffer`; copy the bytes, or send the buffer's content.",
  },
  ERR_BUFFER_RESIZABLE: {
    meaning: "A resizable ArrayBuffer can shrink under an operation and is refused.",
    remedy: "Pass a buffer of fixed length, or copy it in with `copyFrom`.",
  },
  ERR_BUFFER_SHARED: {
    meaning: "A SharedArrayBuffer can be written by another thread during an operation and is refused.",
    remedy: "Copy it in with `copyFrom`.",
  },
  ERR_BUFFER_POOLED: {
    meaning: "The view covers only a part of its ArrayBuffer (a pooled Buffer): moving it would take others' bytes.",
    remedy: 'Pass `{ partial: "copy" }`, or allocate with `Buffer.allocUnsafeSlow`.',
  },
  ERR_BUFFER_FIXED: {
    meaning: "The ArrayBuffer cannot be moved (WebAssembly memory, for one).",
    remedy: "Copy it in with `copyFrom`.",
  },
  ERR_BUFFER_FOREIGN: {
    meaning: "The buffer belongs to another backend, or is not an OwnedBuffer at all.",
    remedy: "Take it from this backend's `buffers`, or bring foreign memory in with `adopt` or `copyFrom`.",
  },
  ERR_RESOURCE_FOREIGN: {
    meaning: "The file, stream, socket or listener belongs to another backend, or was made by another copy of Baton.",
    remedy: "Use it with the backend that made it: nothing was submitted and nothing is lent.",
  },
  ERR_POOL_EMPTY: {
    meaning: "The pool has reached its limit of bytes and no buffer of this size is home.",
    remedy: "Release buffers, raise `poolBytesMax`, or wait with `takeWhenFree`.",
  },
  ERR_RESOURCE_CLOSED: {
    meaning: "The resource is closed or closing.",
    remedy: "Open a new one; nothing was submitted.",
  },
  ERR_RESOURCE_CLOSED_TWICE: {
    meaning: "close() was called on a resource that had been closed.",
    remedy: "Close once, or use `await using`, which closes once.",
  },
  ERR_BACKEND_CLOSED: {
    meaning: "The backend is closed or closing.",
    remedy: "Create a new backend; nothing was submitted.",
  },
  ERR_OPERATION_LIMIT: {
    meaning: "`operationsMax` operations are in flight, and as many wait for them as the backend allows.",
    remedy: "Await some of them, or raise `operationsMax` or `operationsWaitingMax` (together at most 2**20 − 1).",
  },
  ERR_OPERATION_ABANDONED: {
    meaning: "The operation was given up; it ends in the background and its buffer goes back to the pool by itself.",
    remedy: "Nothing to do. Do not use the buffer again.",
  },
  ERR_OPERATION_CANCELED: {
    meaning: "The operation was ended early by cancel() or by closing its resource.",
    remedy: "Nothing was lost: `error.buffer` holds the buffer, if the operation carried one.",
  },
  ERR_CHAIN_BROKEN: {
    meaning: "An operation before it in its chain failed, was cut short or was canceled, so this one was not done.",
    remedy: "`error.cause` says what happened to the one before; `error.buffer` holds the buffer, if there was one.",
  },
  ERR_OPERATION_SETTLED: {
    meaning: "The operation has ended already.",
    remedy: "Submit a new one.",
  },
  ERR_REQUEST_SUBMITTED_TWICE: {
    meaning: "The same request object is in flight already.",
    remedy: "Make a request object per operation, or await the first.",
  },
  ERR_TIMEOUT: {
    meaning: "`timeoutMs` passed before the operation ended; it was canceled.",
    remedy: "Try again or give up: `error.buffer` holds the buffer and nothing was lost.",
  },
  ABORT_ERR: {
    meaning: "The caller's AbortSignal was aborted.",
    remedy: "See `error.cause`, which is the signal's reason.",
  },
  ERR_UNSUPPORTED: {
    meaning: "The driver has no such operation or feature, and no emulation of it.",
    remedy: "Look at `io.capabilities`, or choose another driver.",
  },
  ERR_OUT_OF_RANGE: {
    meaning: "A number is outside its range.",
    remedy: "The message names the option, its range and the value.",
  },
  ERR_INVALID_ARG_TYPE: {
    meaning: "An argument has the wrong type.",
    remedy: "The message names the argument and the type it takes.",
  },
  ERR_INVALID_ARG_VALUE: {
    meaning: "An argument has a value it cannot have.",
    remedy: "The message names the argument and what it accepts.",
  },
  ERR_UNKNOWN_OPTION: {
    meaning: "An options object has a property that is not an option: most likely a misspelling.",
    remedy: "The message lists the options there are.",
  },
  ERR_INVALID_PATH: {
    meaning: "A path is empty, too long or contains a NUL byte, which would cut it short.",
    remedy: "Pass the path as it is in the file system, at most 4095 bytes.",
  },
  ERR_DRIVER_UNAVAILABLE: {
    meaning: "The driver that was asked for cannot run here.",
    remedy: "The message carries the cause; `baton doctor` explains it.",
  },
  ERR_DRIVER_UNKNOWN: {
    meaning: "There is no driver of this name.",
    remedy: "Names are uring, epoll, libuv and auto.",
  },
  ERR_DRIVER_FAULT: {
    meaning: "The driver broke its contract, for example by completing an operation twice.",
    remedy: "This is a bug in the driver: please report it with the message.",
  },
  ERR_INVALID_RECORD: {
    meaning: "The record of an operation names memory that is not there; the driver has refused it.",
    remedy: "Nothing was done. This is a bug in Baton, or in what else writes to its memory: please report it.",
  },
  ERR_DETACH_FAILED: {
    meaning: "The runtime did not detach a buffer that was lent, so old views could still reach it.",
    remedy: "This is a bug or a runtime that cannot be made safe: please report it.",
  },
} as const;

// Every row has the fields of a definition; the constant keeps the codes as literal types.
errorTable satisfies Readonly<Record<string, ErrorDefinition>>;

/** The permanent codes of the errors Baton makes itself. */
export type BatonErrorCode = keyof typeof errorTable;

/** What an error tells beside its code; each only where it applies. */
export interface ErrorDetails {
  readonly errno?: number | undefined;
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  /** The second path of an operation that has two. */
  readonly dest?: string | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly driver?: string | undefined;
  /** The buffer the operation carried: it is home again. */
  readonly buffer?: unknown;
  /** The buffers of a vectored operation: they are home again. */
  readonly buffers?: unknown;
  /** Bytes that were sent or written before the end. */
  readonly bytesTransferred?: number | undefined;
  readonly cause?: unknown;
}

/**
 * An error of Baton or of the system below it. `code` is permanent; `errno` (negative Linux number), `syscall`,
 * `path`, `dest`, `address` and `port` are as on Node's own errors; `driver` names the driver; `buffer` is the buffer
 * that the operation carried, home again, and `buffers` are those of a vectored one.
 *
 * @example
 * try { await file.read(buffer) } catch (error) {
 *   if (error instanceof BatonError && error.code === "EIO") retryWith(error.buffer)
 * }
 */
export class BatonError extends Error {
  readonly code: string;
  declare readonly errno?: number;
  declare readonly syscall?: string;
  declare readonly path?: string;
  declare readonly dest?: string;
  declare readonly address?: string;
  declare readonly port?: number;
  declare readonly driver?: string;
  declare readonly buffer?: unknown;
  declare readonly buffers?: unknown;
  declare readonly bytesTransferred?: number;

  constructor(code: string, message: string, details: ErrorDetails = {}, name = "BatonError") {
    const { cause, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.defineProperty(this, "name", { value: name, configurable: true, writable: true });
    for (const [key, value] of Object.entries(rest)) {
      // A buffer must not turn a logged error into pages of bytes.
      if (value !== undefined) {
        Object.defineProperty(this, key, {
          value,
          enumerable: key !== "buffer" && key !== "buffers",
          configurable: true,
          writable: true,
        });
      }
    }
  }
}

/** Makes one of Baton's own errors: what happened here, then what the table says to do about it. */
export function batonError(code: BatonErrorCode, message: string, details: ErrorDetails = {}): BatonError {
  const name = code === "ABORT_ERR" ? "AbortError" : code === "ERR_TIMEOUT" ? "TimeoutError" : "BatonError";
  return new BatonError(code, `${message} ${errorTable[code].remedy}`, details, name);
}

/** Makes the error for a negative result of the system, in the words people know from Node. */
export function systemError(result: number, syscall: string, details: ErrorDetails = {}): BatonError {
  if (result === BAD_RECORD) return batonError("ERR_INVALID_RECORD", `${syscall}: not started.`, details);
  const { code, text } = describeErrno(result);
  const subject =
    details.path !== undefined
      ? ` '${details.path}'${details.dest === undefined ? "" : ` -> '${details.dest}'`}`
      : details.address !== undefined
        ? ` ${details.address}${details.port !== undefined && details.port > 0 ? `:${details.port}` : ""}`
        : "";
  return new BatonError(
    code,
    `${code}: ${text}, ${syscall}${subject}`,
    { errno: result, syscall, ...details },
    "Error",
  );
}
