/** Operations on names rather than on open files: `node:fs`, with paths as the bytes they are. */
import { isUtf8 } from "node:buffer";
import * as fs from "node:fs";
import { ERRNO, OPCODE } from "@baton-io/core/driver";
import type { Submission } from "./record-reader.js";
import { errnoOf } from "./system-error.js";

/** What path operations need of their driver. */
export interface PathHost {
  complete(submission: Submission, result: number): void;
  readonly arena: ArrayBuffer;
}

export class PathOperations {
  readonly #host: PathHost;
  readonly #arena: Uint8Array;

  constructor(host: PathHost) {
    this.#host = host;
    this.#arena = new Uint8Array(host.arena);
  }

  begin(submission: Submission): void {
    const done = (error: NodeJS.ErrnoException | null) =>
      this.#host.complete(submission, error === null ? 0 : errnoOf(error));
    const { argument0, argument1 } = submission;
    const path = this.path(submission);
    switch (submission.opcode) {
      case OPCODE.unlink:
        return argument0 === 1 ? fs.rmdir(path, done) : fs.unlink(path, done);
      case OPCODE.mkdir:
        return fs.mkdir(path, argument1, done);
      case OPCODE.rename:
        // The runtime has no call for it, and a look before the rename would not be the same thing.
        if (argument0 !== 0) return this.#host.complete(submission, -ERRNO.ENOTSUP);
        return fs.rename(path, this.#second(submission), done);
      case OPCODE.hardlink:
        return fs.link(path, this.#second(submission), done);
      case OPCODE.symlink:
        return fs.symlink(path, this.#second(submission), undefined, done);
      default:
        return this.#host.complete(submission, -ERRNO.EINVAL);
    }
  }

  path({ arenaOffset, length }: Submission): string | Buffer {
    return this.#name(arenaOffset, length);
  }

  /** The path behind the first one and its NUL. */
  #second({ arenaOffset, length, argument1 }: Submission): string | Buffer {
    return this.#name(arenaOffset + length + 1, argument1);
  }

  /**
   * A copy: the runtime may look at it later. Names that are not text go as the bytes they are; text goes as text,
   * because not every runtime takes bytes for every call.
   */
  #name(at: number, length: number): string | Buffer {
    const bytes = Buffer.from(this.#arena.subarray(at, at + length));
    return isUtf8(bytes) ? bytes.toString() : bytes;
  }
}
