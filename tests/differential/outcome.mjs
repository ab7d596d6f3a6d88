// @ts-check
/** What came of a step, in a form in which two worlds can be compared. */

/** @typedef {string} Outcome One line: what was answered, or the error with all its fields. */

/** There was nothing for the step to work on. */
export const SKIPPED = "–";
/** One before it in its chain did not end well. */
export const NOT_DONE = "not done";

/**
 * An error's fields, as they must be in every world. What differs by its nature is named instead: the directory of the
 * world, and the ports that its system chose.
 *
 * @param {unknown} error
 * @param {{ directory?: string, port?: number | undefined, withPath?: boolean }} world
 * @returns {Outcome}
 */
export function errorOutcome(error, { directory = "", port, withPath = true }) {
  /** @type {Partial<Record<"code" | "errno" | "syscall" | "path" | "dest" | "address" | "port", unknown>>} */
  const { code, errno, syscall, path, dest, address, port: given } = Object(error);
  if (code === undefined) return `throws ${String(error)}`;
  /** @param {unknown} where */
  const relative = (where) =>
    directory !== "" && typeof where === "string" && where.startsWith(directory)
      ? `:${where.slice(directory.length)}`
      : where;
  return JSON.stringify({
    code,
    errno,
    syscall,
    ...(withPath && { path: relative(path), dest: relative(dest) }),
    address: relative(address),
    port: given !== undefined && given === port ? "its port" : given,
  });
}

/**
 * Bytes as a length and a fingerprint (FNV-1a).
 *
 * @param {readonly Uint8Array[]} parts
 */
export function fingerprint(parts) {
  let hash = 0x811c_9dc5;
  let length = 0;
  for (const part of parts) {
    for (const byte of part) hash = Math.imul(hash ^ byte, 0x0100_0193);
    length += part.length;
  }
  return `${length} bytes ${(hash >>> 0).toString(16)}`;
}

/**
 * The bytes that a step writes or sends.
 *
 * @param {Uint8Array} bytes
 * @param {number} fill
 * @param {number} from number of the first byte
 */
export function fillBytes(bytes, fill, from) {
  for (let at = 0; at < bytes.length; at++) bytes[at] = (fill + (from + at) * 7 + ((from + at) >> 8)) & 255;
}

/**
 * The same over a list of buffers, one going on where the one before it ends.
 *
 * @param {readonly Uint8Array[]} parts
 * @param {number} fill
 */
export function fillParts(parts, fill) {
  let from = 0;
  for (const part of parts) {
    fillBytes(part, fill, from);
    from += part.length;
  }
}

/**
 * @param {{ isFile(): boolean, isDirectory(): boolean, isSymbolicLink(): boolean, size: number, mode: number,
 *   nlink: number }} stat
 * @returns {Outcome}
 */
export function statOutcome(stat) {
  const permissions = (stat.mode & 0o777).toString(8);
  // How big a directory is, and how many links it has, is the file system's own affair.
  if (stat.isDirectory()) return `directory ${permissions}`;
  if (stat.isSymbolicLink()) return `link of ${stat.size}`;
  return `${stat.isFile() ? "file" : "other"} ${permissions}, ${stat.size} bytes, ${stat.nlink} names`;
}

/**
 * The first `count` bytes of a list of buffers.
 *
 * @param {readonly Uint8Array[]} parts
 * @param {number} count
 */
export function cut(parts, count) {
  let left = count;
  return parts.map((part) => {
    const piece = part.subarray(0, Math.max(0, left));
    left -= piece.length;
    return piece;
  });
}
