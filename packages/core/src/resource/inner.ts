/**
 * The way from what users hold to what core knows of it. It is private to the classes, and each opens it to the rest of
 * core when it is defined; the classes themselves can so use each other without importing each other.
 */
import type { File } from "./file.js";
import type { FileCore } from "./file-operations.js";
import type { StreamCore } from "./stream-operations.js";
import type { StreamSocket } from "./stream-socket.js";

/** Each answers the core of an object of its class, and throws `ERR_INVALID_ARG_TYPE` for anything else. */
export const doors: {
  file: (file: File) => FileCore;
  stream: (stream: StreamSocket) => StreamCore;
} = { file: unopened, stream: unopened };

function unopened(): never {
  throw new Error("The class is not loaded.");
}

/** A file as its operations know it. */
export function fileCore(file: File): FileCore {
  return doors.file(file);
}

/** A connection as its operations know it. */
export function streamCore(stream: StreamSocket): StreamCore {
  return doors.stream(stream);
}
