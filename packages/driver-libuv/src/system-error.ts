/** The runtime's errors as the negative Linux errnos that completion records carry. */
import { ERRNO, errnoFromCode } from "@baton-io/core/driver";

/**
 * `-ENOENT` for an error whose code is `"ENOENT"`; `-EINVAL` for what the runtime refuses as an argument; `-EIO` for
 * any other that names no errno.
 */
export function errnoOf(error: unknown): number {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (typeof code !== "string") {
    return error instanceof RangeError || error instanceof TypeError ? -ERRNO.EINVAL : -ERRNO.EIO;
  }
  return -(errnoFromCode(code) ?? nodeCodes[code] ?? ERRNO.EIO);
}

/** Node's own codes for what the system calls otherwise. */
const nodeCodes: Readonly<Record<string, number>> = {
  ERR_STREAM_DESTROYED: ERRNO.EPIPE,
  ERR_STREAM_WRITE_AFTER_END: ERRNO.EPIPE,
  ERR_SOCKET_CLOSED: ERRNO.ENOTCONN,
  ERR_STREAM_PREMATURE_CLOSE: ERRNO.ECONNRESET,
  // The permission model of the runtime.
  ERR_ACCESS_DENIED: ERRNO.EACCES,
  ERR_INVALID_ARG_TYPE: ERRNO.EINVAL,
  ERR_INVALID_ARG_VALUE: ERRNO.EINVAL,
  ERR_FS_FILE_TOO_LARGE: ERRNO.EFBIG,
  ERR_OUT_OF_RANGE: ERRNO.EINVAL,
  ERR_SOCKET_BAD_PORT: ERRNO.EINVAL,
  ERR_SOCKET_DGRAM_NOT_RUNNING: ERRNO.EBADF,
  UNKNOWN: ERRNO.EIO,
  EOF: ERRNO.ECONNRESET,
  EFTYPE: ERRNO.EINVAL,
};
