/** File operations over `node:fs`, in its callback form: its thread pool does the work. */
import * as fs from "node:fs";
import { ERRNO, OPCODE, OPEN_FLAG, STAT_FIELD } from "@baton-io/core";
import type { CompletionExtras } from "./deliver.js";
import type { HandleId } from "./handles.js";
import type { Submission } from "./record-reader.js";
import { errnoOf } from "./system-error.js";

/** An open file. The descriptor is closed when the last operation that uses it has ended. */
export interface FileHandle {
  readonly kind: "file";
  readonly fd: number;
  inFlight: number;
  onIdle: (() => void) | undefined;
}

/** What file operations need of their driver. */
export interface FileHost {
  complete(submission: Submission, result: number, extras?: CompletionExtras): void;
  /** A handle for an open file; `undefined` when the session is closed: then the file is nobody's. */
  addHandle(handle: FileHandle): HandleId | undefined;
  view(submission: Submission): Uint8Array;
  /** The buffers of a vectored operation. */
  views(submission: Submission): Uint8Array[];
  /** The path of an operation. */
  path(submission: Submission): string | Buffer;
  readonly arena: ArrayBuffer;
}

export class FileOperations {
  readonly #host: FileHost;
  readonly #arenaView: DataView;

  constructor(host: FileHost) {
    this.#host = host;
    this.#arenaView = new DataView(host.arena);
  }

  open(submission: Submission): void {
    const flags = openFlags(submission.argument0);
    if (flags === undefined) return this.#host.complete(submission, -ERRNO.ENOTSUP);
    fs.open(this.#host.path(submission), flags, submission.argument1, (error, fd) => {
      if (error !== null) return this.#host.complete(submission, errnoOf(error));
      const id = this.#host.addHandle({ kind: "file", fd, inFlight: 0, onIdle: undefined });
      if (id === undefined) return fs.close(fd, () => undefined);
      this.#host.complete(submission, id.index, { auxiliary: id.generation });
    });
  }

  /** Begins an operation on an open file. */
  begin(submission: Submission, handle: FileHandle): void {
    const { fd } = handle;
    const done = this.#enter(submission, handle);
    switch (submission.opcode) {
      case OPCODE.read: {
        const view = this.#host.view(submission);
        return fs.read(fd, view, 0, view.length, positionOf(submission), done);
      }
      case OPCODE.write: {
        const view = this.#host.view(submission);
        return fs.write(fd, view, 0, view.length, positionOf(submission), done);
      }
      case OPCODE.readv: {
        const views = this.#host.views(submission);
        // The runtime refuses an empty list, the kernel reads nothing into it.
        return views.length === 0 ? done(null) : fs.readv(fd, views, positionOf(submission), done);
      }
      case OPCODE.writev: {
        const views = this.#host.views(submission);
        return views.length === 0 ? done(null) : fs.writev(fd, views, positionOf(submission), done);
      }
      case OPCODE.fsync:
        return fs.fsync(fd, done);
      case OPCODE.fdatasync:
        return fs.fdatasync(fd, done);
      case OPCODE.truncate:
        return fs.ftruncate(fd, submission.position, done);
      case OPCODE.stat:
        return fs.fstat(fd, { bigint: true }, (error, stat) => {
          if (error === null) this.#writeStat(submission.arenaOffset, stat);
          done(error);
        });
      default:
        done(null, notForFiles.has(submission.opcode) ? -ERRNO.ENOTSOCK : -ERRNO.EINVAL);
    }
  }

  statPath(submission: Submission): void {
    const stat = submission.argument0 === 1 ? fs.stat : fs.lstat;
    stat(this.#host.path(submission), { bigint: true }, (error, answer) => {
      if (error === null) this.#writeStat(submission.arenaOffset, answer);
      this.#host.complete(submission, error === null ? 0 : errnoOf(error));
    });
  }

  close(submission: Submission, handle: FileHandle): void {
    whenIdle(handle, () => {
      fs.close(handle.fd, (error) => this.#host.complete(submission, error == null ? 0 : errnoOf(error)));
    });
  }

  /** Closes a file of which nobody wants to hear any more. */
  discard(handle: FileHandle): void {
    whenIdle(handle, () => fs.close(handle.fd, () => undefined));
  }

  /** Counts an operation on the handle; what it returns ends it. */
  #enter(submission: Submission, handle: FileHandle): (error: NodeJS.ErrnoException | null, result?: number) => void {
    handle.inFlight++;
    return (error, result = 0) => {
      if (--handle.inFlight === 0) handle.onIdle?.();
      this.#host.complete(submission, error == null ? result : errnoOf(error));
    };
  }

  #writeStat(offset: number, stat: fs.BigIntStats): void {
    const set = (field: number, value: bigint) => this.#arenaView.setBigInt64(offset + field * 8, value, true);
    set(STAT_FIELD.device, stat.dev);
    set(STAT_FIELD.inode, stat.ino);
    set(STAT_FIELD.mode, stat.mode);
    set(STAT_FIELD.links, stat.nlink);
    set(STAT_FIELD.userId, stat.uid);
    set(STAT_FIELD.groupId, stat.gid);
    set(STAT_FIELD.deviceType, stat.rdev);
    set(STAT_FIELD.sizeBytes, stat.size);
    set(STAT_FIELD.blockBytes, stat.blksize);
    set(STAT_FIELD.blocks512, stat.blocks);
    set(STAT_FIELD.accessedNs, stat.atimeNs);
    set(STAT_FIELD.modifiedNs, stat.mtimeNs);
    set(STAT_FIELD.changedNs, stat.ctimeNs);
    set(STAT_FIELD.createdNs, stat.birthtimeNs);
  }
}

/** What a kernel answers with "not a socket". */
const notForFiles: ReadonlySet<number> = new Set([
  OPCODE.accept,
  OPCODE.receive,
  OPCODE.send,
  OPCODE.shutdown,
  OPCODE.address,
  OPCODE.receiveMessage,
  OPCODE.sendMessage,
]);

function whenIdle(handle: FileHandle, close: () => void): void {
  if (handle.inFlight === 0) close();
  else handle.onIdle = close;
}

function positionOf({ position }: Submission): number | null {
  return position < 0 ? null : position;
}

/** Baton's open flag bits as this system's values; `undefined` when it lacks one. */
function openFlags(bits: number): number | undefined {
  const { constants } = fs;
  const has = (bit: number) => (bits & bit) !== 0;
  let flags = has(OPEN_FLAG.write) ? (has(OPEN_FLAG.read) ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  const optional: readonly (readonly [number, number | undefined])[] = [
    [OPEN_FLAG.create, constants.O_CREAT],
    [OPEN_FLAG.exclusive, constants.O_EXCL],
    [OPEN_FLAG.truncate, constants.O_TRUNC],
    [OPEN_FLAG.append, constants.O_APPEND],
    // Windows has neither of these two.
    [OPEN_FLAG.sync, constants.O_SYNC],
    [OPEN_FLAG.dataSync, constants.O_DSYNC],
    [OPEN_FLAG.direct, undefined],
  ];
  for (const [bit, value] of optional) {
    if (!has(bit)) continue;
    if (value === undefined) return undefined;
    flags |= value;
  }
  return flags;
}
