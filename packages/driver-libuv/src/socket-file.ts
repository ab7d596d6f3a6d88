/**
 * The file of a listener at a path, which the runtime removes when the listener closes, whosever it is by then. A file
 * that somebody else has put there is kept.
 */
import { linkSync, lstatSync, renameSync } from "node:fs";

export class SocketFile {
  readonly #path: Buffer;
  readonly #inode: string | undefined;

  /** To be made as soon as the file is there. */
  constructor(path: Uint8Array) {
    this.#path = Buffer.from(path);
    this.#inode = this.#inodeNow();
  }

  /** Runs what removes the file. A successor's gets a second name meanwhile, and its own back at once. */
  spared(remove: () => void): void {
    const inode = this.#inodeNow();
    if (inode === undefined || inode === this.#inode) return remove();
    const spare = Buffer.concat([this.#path, Buffer.from(`.${process.pid}`)]);
    try {
      linkSync(this.#path, spare);
    } catch {
      // No second name to be had: it has none to lose either, or nothing can be done.
      return remove();
    }
    try {
      remove();
    } finally {
      renameSync(spare, this.#path);
    }
  }

  /** Which file the path leads to, `undefined` where there is none. */
  #inodeNow(): string | undefined {
    try {
      const { dev, ino } = lstatSync(this.#path, { bigint: true });
      return `${dev}:${ino}`;
    } catch {
      return undefined;
    }
  }
}
