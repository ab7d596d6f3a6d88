/**
 * Errnos as they travel in completion records: negative Linux numbers on every platform, so that a result means
 * the same whichever driver and system it came from. Source: `asm-generic/errno-base.h` and `asm-generic/errno.h`
 * (numbers), `strerror(3)` (texts).
 */

const rows = [
  [1, "EPERM", "operation not permitted"],
  [2, "ENOENT", "no such file or directory"],
  [3, "ESRCH", "no such process"],
  [4, "EINTR", "interrupted system call"],
  [5, "EIO", "i/o error"],
  [6, "ENXIO", "no such device or address"],
  [7, "E2BIG", "argument list too long"],
  [8, "ENOEXEC", "exec format error"],
  [9, "EBADF", "bad file descriptor"],
  [10, "ECHILD", "no child processes"],
  [11, "EAGAIN", "resource temporarily unavailable"],
  [12, "ENOMEM", "not enough memory"],
  [13, "EACCES", "permission denied"],
  [14, "EFAULT", "bad address in system call argument"],
  [15, "ENOTBLK", "block device required"],
  [16, "EBUSY", "resource busy or locked"],
  [17, "EEXIST", "file already exists"],
  [18, "EXDEV", "cross-device link not permitted"],
  [19, "ENODEV", "no such device"],
  [20, "ENOTDIR", "not a directory"],
  [21, "EISDIR", "illegal operation on a directory"],
  [22, "EINVAL", "invalid argument"],
  [23, "ENFILE", "file table overflow"],
  [24, "EMFILE", "too many open files"],
  [25, "ENOTTY", "inappropriate ioctl for device"],
  [26, "ETXTBSY", "text file is busy"],
  [27, "EFBIG", "file too large"],
  [28, "ENOSPC", "no space left on device"],
  [29, "ESPIPE", "invalid seek"],
  [30, "EROFS", "read-only file system"],
  [31, "EMLINK", "too many links"],
  [32, "EPIPE", "broken pipe"],
  [33, "EDOM", "argument out of domain of function"],
  [34, "ERANGE", "result too large"],
  [35, "EDEADLK", "resource deadlock avoided"],
  [36, "ENAMETOOLONG", "name too long"],
  [37, "ENOLCK", "no locks available"],
  [38, "ENOSYS", "function not implemented"],
  [39, "ENOTEMPTY", "directory not empty"],
  [40, "ELOOP", "too many symbolic links encountered"],
  [61, "ENODATA", "no data available"],
  [62, "ETIME", "timer expired"],
  [64, "ENONET", "machine is not on the network"],
  [71, "EPROTO", "protocol error"],
  [74, "EBADMSG", "bad message"],
  [75, "EOVERFLOW", "value too large for defined data type"],
  [84, "EILSEQ", "illegal byte sequence"],
  [88, "ENOTSOCK", "socket operation on non-socket"],
  [89, "EDESTADDRREQ", "destination address required"],
  [90, "EMSGSIZE", "message too long"],
  [91, "EPROTOTYPE", "protocol wrong type for socket"],
  [92, "ENOPROTOOPT", "protocol not available"],
  [93, "EPROTONOSUPPORT", "protocol not supported"],
  [94, "ESOCKTNOSUPPORT", "socket type not supported"],
  [95, "ENOTSUP", "operation not supported"],
  [97, "EAFNOSUPPORT", "address family not supported"],
  [98, "EADDRINUSE", "address already in use"],
  [99, "EADDRNOTAVAIL", "address not available"],
  [100, "ENETDOWN", "network is down"],
  [101, "ENETUNREACH", "network is unreachable"],
  [102, "ENETRESET", "network dropped connection on reset"],
  [103, "ECONNABORTED", "software caused connection abort"],
  [104, "ECONNRESET", "connection reset by peer"],
  [105, "ENOBUFS", "no buffer space available"],
  [106, "EISCONN", "socket is already connected"],
  [107, "ENOTCONN", "socket is not connected"],
  [108, "ESHUTDOWN", "cannot send after transport endpoint shutdown"],
  [110, "ETIMEDOUT", "connection timed out"],
  [111, "ECONNREFUSED", "connection refused"],
  [112, "EHOSTDOWN", "host is down"],
  [113, "EHOSTUNREACH", "host is unreachable"],
  [114, "EALREADY", "operation already in progress"],
  [115, "EINPROGRESS", "operation now in progress"],
  [116, "ESTALE", "stale file handle"],
  [122, "EDQUOT", "disk quota exceeded"],
  [123, "ENOMEDIUM", "no medium found"],
  [125, "ECANCELED", "operation canceled"],
  [130, "EOWNERDEAD", "owner died"],
  [133, "EHWPOISON", "memory page has hardware error"],
] as const;

type ErrnoRow = (typeof rows)[number];

/** The name of an errno, `"ENOENT"`. */
export type ErrnoCode = ErrnoRow[1];

/** Positive Linux errnos by name. */
export const ERRNO: { readonly [Code in ErrnoCode]: Extract<ErrnoRow, readonly [number, Code, string]>[0] } =
  Object.freeze(Object.fromEntries(rows.map(([number, code]) => [code, number]))) as never;

const byNumber: ReadonlyMap<number, { readonly code: string; readonly text: string }> = new Map(
  rows.map(([number, code, text]) => [number, { code, text }]),
);

/**
 * The result of an operation whose record names memory that is not there: an area outside the arena, a buffer that there
 * is not, more than there is of it. Nothing was done. Below every errno of the system's (−4095 to −1), because none of
 * them would tell it from an answer of the kernel.
 */
export const BAD_RECORD = -4096;

/** Name and text of an errno; an unknown number becomes `"ERRNO_<number>"`. Accepts either sign. */
export function describeErrno(errno: number): { readonly code: string; readonly text: string } {
  const number = Math.abs(errno);
  return byNumber.get(number) ?? { code: `ERRNO_${number}`, text: "unknown system error" };
}

/** The positive Linux number of an errno name, or `undefined`; for drivers that get errors by name. */
export function errnoFromCode(code: string): number | undefined {
  const name = code === "EOPNOTSUPP" ? "ENOTSUP" : code;
  return Object.hasOwn(ERRNO, name) ? ERRNO[name as ErrnoCode] : undefined;
}
