// @ts-check
/** A file of numbered pages, and random ways through it. */
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  read,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PAGE = 4096;

/**
 * Writes the file, to the device: each page begins with its own number, so that a read can be told from another one.
 *
 * @param {string} path
 * @param {number} mebibytes
 */
export function writePageFile(path, mebibytes) {
  const chunk = Buffer.alloc(1 << 20, 0x5a);
  const file = openSync(path, "wx");
  for (let index = 0; index < mebibytes; index++) {
    for (let page = 0; page < chunk.length / PAGE; page++) {
      chunk.writeUInt32LE(index * (chunk.length / PAGE) + page, page * PAGE);
    }
    writeSync(file, chunk);
  }
  // A page that is still to be written cannot leave the cache.
  fdatasyncSync(file);
  closeSync(file);
}

/** Random page numbers; the same ones in every process. @param {number} pages */
export function pageSource(pages) {
  let state = 2_463_534_242;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % pages;
  };
}

/** Every page once, in an order that no read-ahead guesses. @param {number} pages A power of two, at least 2 ** 8. */
export function pagesOnce(pages) {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) & (pages - 1);
    return state ^ (state >>> 7);
  };
}

/** @param {number} found @param {number} expected */
export function expectPage(found, expected) {
  if (found !== expected) throw new Error(`page ${found} was read instead of page ${expected}`);
}

/** @param {number} bytes @param {number} [length] */
export function expectWhole(bytes, length = PAGE) {
  if (bytes !== length) throw new Error(`${bytes} bytes were read instead of ${length}`);
}

const TMPFS_MAGIC = 0x01021994;

/**
 * A directory on a device: the one given, or where that is only memory, one of this checkout.
 * @param {string} directory
 */
export function onDevice(directory) {
  if (statfsSync(directory).type !== TMPFS_MAGIC) return directory;
  const parent = fileURLToPath(new URL("../.baton/", import.meta.url));
  mkdirSync(parent, { recursive: true });
  const other = mkdtempSync(join(parent, "bench-"));
  process.on("exit", () => rmSync(other, { recursive: true, force: true }));
  return other;
}

/**
 * `fs.read` with its callback, as a promise for the number of bytes.
 *
 * @param {number} descriptor @param {Buffer} buffer All of it is filled. @param {number} position
 * @returns {Promise<number>}
 */
export function readWithCallback(descriptor, buffer, position) {
  return new Promise((resolve, reject) => {
    read(descriptor, buffer, 0, buffer.length, position, (error, bytes) => {
      if (error !== null) reject(error);
      else resolve(bytes);
    });
  });
}
