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

/** Ends an operation with what the runtime tells. */
type Done = (error: NodeJS.ErrnoException | null) => void;
type Name = string | Buffer;

/** By opcode: the call of each operation on names. */
const calls: Readonly<Record<number, (submission: Submission, path: Name, second: () => Name, done: Done) => void>> = {
  [OPCODE.unlink]: ({ argument0 }, path, _, done) => (argument0 === 1 ? fs.rmdir(path, done) : fs.unlink(path, done)),
  [OPCODE.mkdir]: ({ argument1 }, path, _, done) => fs.mkdir(path, argument1, done),
  [OPCODE.rename]: (_submission, path, second, done) => fs.rename(path, second(), done),
  [OPCODE.hardlink]: (_submission, path, second, done) => fs.link(path, second(), done),
  [OPCODE.symlink]: (_submission, path, second, done) => fs.symlink(path, second(), undefined, done),
};

export function isPathCall(opcode: number): boolean {
  return calls[opcode] !== undefined;
}

export class PathOperations {
  readonly #host: PathHost;
  readonly #arena: Uint8Array;

  constructor(host: PathHost) {
    this.#host = host;
    this.#arena = new Uint8Array(host.arena);
  }

  begin(submission: Submission): void {
    const { opcode, argument0 } = submission;
    // The runtime has no call for it, and a look before the rename would not be the same thing.
    if (opcode === OPCODE.rename && argument0 !== 0) return this.#host.complete(submission, -ERRNO.ENOTSUP);
    const done: Done = (error) => this.#host.complete(submission, error === null ? 0 : errnoOf(error));
    calls[opcode]!(submission, this.path(submission), () => this.#second(submission), done);
  }

  path({ arenaOffset, length }: Submission): Name {
    return this.#name(arenaOffset, length);
  }

  /** The path behind the first one and its NUL. */
  #second({ arenaOffset, length, argument1 }: Submission): Name {
    return this.#name(arenaOffset + length + 1, argument1);
  }

  /**
   * A copy: the runtime may look at it later. Names that are not text go as the bytes they are; text goes as text,
   * because not every runtime takes bytes for every call.
   */
  #name(at: number, length: number): Name {
    const bytes = Buffer.from(this.#arena.subarray(at, at + length));
    return isUtf8(bytes) ? bytes.toString() : bytes;
  }
}
