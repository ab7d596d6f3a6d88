/** Where a Unix-domain socket is: a path of the file system, or an abstract name. */

import { batonError } from "../base/errors.js";
import { describe, type OptionNames } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import { UNIX_PATH_BYTES_MAX } from "../spi/address.js";
import { ADDRESS_FAMILY } from "../spi/record.js";
import { displayPath } from "./file-operations.js";
import { operationOptionNames } from "./transfer.js";

/** Where a Unix-domain socket is. */
export interface UnixPathOptions extends OperationOptions {
  /**
   * A path of at most 107 bytes, or an abstract name (Linux): a NUL and at most 107 bytes. Anything longer is
   * `ERR_INVALID_PATH`.
   */
  readonly path: string | Uint8Array;
}

/** Options of `io.listen` with a path. */
export interface UnixListenOptions extends UnixPathOptions {
  /** Connections the kernel queues for `accept`; default 511, as in Node. */
  readonly backlog?: number;
}

export const unixListenOptionNames: OptionNames = { path: true, backlog: true, ...operationOptionNames };
export const unixConnectOptionNames: OptionNames = { path: true, ...operationOptionNames };

/** True for options that name a path instead of an internet address. */
export function isUnix<O extends object>(options: O | UnixPathOptions): options is UnixPathOptions {
  return typeof options === "object" && options !== null && "path" in options;
}

/** An address as it goes into the arena, and the words for it. */
export interface UnixPlace {
  readonly family: typeof ADDRESS_FAMILY.unix;
  readonly bytes: Uint8Array;
  readonly scope: 0;
  readonly label: string;
  readonly abstract: boolean;
}

/** Checks a path, and that the driver has such sockets. */
export function checkUnixPath(dispatcher: Dispatcher, where: string, path: unknown): UnixPlace {
  const bytes = typeof path === "string" ? new TextEncoder().encode(path) : path;
  if (!(bytes instanceof Uint8Array)) {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: path must be a string or bytes, not ${describe(path)}.`);
  }
  const abstract = bytes[0] === 0;
  const limit = abstract ? UNIX_PATH_BYTES_MAX + 1 : UNIX_PATH_BYTES_MAX;
  if (bytes.length === 0) throw batonError("ERR_INVALID_PATH", `${where}: the path is empty.`);
  if (bytes.length > limit) {
    throw batonError(
      "ERR_INVALID_PATH",
      `${where}: the path has ${bytes.length} bytes, and a socket's at most ${limit}.`,
    );
  }
  if (abstract && bytes.length === 1) throw batonError("ERR_INVALID_PATH", `${where}: the abstract name is empty.`);
  if (!abstract && bytes.includes(0)) throw batonError("ERR_INVALID_PATH", `${where}: the path contains a NUL byte.`);
  dispatcher.requests.expectFeature(where, "unixSockets");
  if (abstract) dispatcher.requests.expectFeature(where, "abstractUnixSockets");
  const own = bytes.slice();
  return { family: ADDRESS_FAMILY.unix, bytes: own, scope: 0, label: displayPath(own), abstract };
}
