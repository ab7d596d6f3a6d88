/** File operations over `node:fs`, in its callback form: its thread pool does the work. */
import * as fs from "node:fs";
import { ERRNO, OPCODE, STAT_FIELD } from "@baton-io/core/driver";
import { type FileHandle, leave } from "./file-handle.js";
import type { FileHost } from "./file-host.js";
import { orAnswer } from "./in-any-case.js";
import { openFile, resumeOpen } from "./open-file.js";
import type { Submission } from "./record-reader.js";
import { errnoOf } from "./system-error.js";
import { scatter } from "./vector.js";

export class FileOperations {
  readonly #host: FileHost;
  readonly #arenaView: DataView;

  constructor(host: FileHost) {
    this.#host = host;
    this.#arenaView = new DataView(host.arena);
  }

  /** Opens a file, or goes on with what an earlier try has begun: `handle`. */
  open(submission: Submission, handle: FileHandle | undefined): void {
    if (handle === undefined) openFile(this.#host, submission);
    else resumeOpen(this.#host, submission, handle);
  }

  /** Begins an operation on an open file. */
  begin(submission: Submission, handle: FileHandle): void {
    const done = this.#enter(submission, handle);
    try {
      this.#start(submission, handle, done);
    } catch (error) {
      done(error);
    }
  }

  #start(submission: Submission, handle: FileHandle, done: Done): void {
    const { fd } = handle;
    switch (submission.opcode) {
      case OPCODE.read: {
        const view = this.#host.view(submission);
        if (handle.ahead !== undefined) return readBehind(handle, [view], done);
        return fs.read(fd, view, 0, view.length, positionOf(submission), done);
      }
      case OPCODE.write: {
        const view = this.#host.view(submission);
        return fs.write(fd, view, 0, view.length, positionOf(submission), done);
      }
      case OPCODE.readv: {
        const views = this.#host.views(submission);
        if (handle.ahead !== undefined) return readBehind(handle, views, done);
        // The runtime refuses an empty list, the kernel reads nothing into it.
        return views.length === 0 ? done(null) : fs.readv(fd, views, positionOf(submission), done);
      }
      case OPCODE.writev: {
        const views = this.#host.views(submission);
        return views.length === 0 ? done(null) : fs.writev(fd, views, positionOf(submission), done);
      }
      case OPCODE.stat:
        return fs.fstat(fd, { bigint: true }, (error, stat) =>
          orAnswer(() => {
            if (error === null) this.#writeStat(submission.arenaOffset, stat);
            done(error);
          }, done),
        );
    }
    const call = calls[submission.opcode];
    if (call !== undefined) return call(fd, submission, done);
    done(null, notForFiles.has(submission.opcode) ? -ERRNO.ENOTSOCK : -ERRNO.EINVAL);
  }

  statPath(submission: Submission): void {
    const stat = submission.argument0 === 1 ? fs.stat : fs.lstat;
    const done = (error: unknown) => this.#host.complete(submission, error == null ? 0 : errnoOf(error));
    stat(this.#host.path(submission), { bigint: true }, (error, answer) =>
      orAnswer(() => {
        if (error === null) this.#writeStat(submission.arenaOffset, answer);
        done(error);
      }, done),
    );
  }

  close(submission: Submission, handle: FileHandle): void {
    whenIdle(handle, () =>
      closeDescriptors(handle, (error) => this.#host.complete(submission, error == null ? 0 : errnoOf(error))),
    );
  }

  /** Closes a file of which nobody wants to hear any more. */
  discard(handle: FileHandle): void {
    whenIdle(handle, () => closeDescriptors(handle, () => undefined));
  }

  /** Counts an operation on the handle; what it returns ends it, once. */
  #enter(submission: Submission, handle: FileHandle): Done {
    handle.inFlight++;
    let ended = false;
    return (error, result = 0) => {
      if (ended) return;
      ended = true;
      leave(handle);
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
    const setTime = (name: "accessed" | "modified" | "changed" | "created", ns: bigint) => {
      const behind = ((ns % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
      set(STAT_FIELD[`${name}Seconds`], (ns - behind) / NS_PER_SECOND);
      set(STAT_FIELD[`${name}Nanoseconds`], behind);
    };
    setTime("accessed", stat.atimeNs);
    setTime("modified", stat.mtimeNs);
    setTime("changed", stat.ctimeNs);
    setTime("created", stat.birthtimeNs);
  }
}

/** Ends an operation: with an error, whatever was thrown or told, or else with a result. */
type Done = (error: unknown, result?: number) => void;

/** By opcode: the calls that need the descriptor alone. */
const calls: Readonly<Record<number, (fd: number, submission: Submission, done: Done) => void>> = {
  [OPCODE.fsync]: (fd, _, done) => fs.fsync(fd, done),
  [OPCODE.fdatasync]: (fd, _, done) => fs.fdatasync(fd, done),
  [OPCODE.truncate]: (fd, { position }, done) => fs.ftruncate(fd, position, done),
};

export function isFileCall(opcode: number): boolean {
  return calls[opcode] !== undefined;
}

const NS_PER_SECOND = 1_000_000_000n;

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

/** Reads what comes behind the byte that was read ahead; when nothing has come yet, the byte is all there is. */
function readBehind(handle: FileHandle, views: readonly Uint8Array[], done: Done): void {
  const moved = scatter(views, handle.ahead!);
  if (moved === 0) return done(null, 0);
  handle.ahead = undefined;
  const first = views.findIndex(({ length }) => length > 0);
  const rest = [views[first]!.subarray(moved), ...views.slice(first + 1)];
  orAnswer(
    () => fs.readv(handle.fd, rest, null, (_error, bytesRead = 0) => done(null, moved + bytesRead)),
    () => done(null, moved),
  );
}

/** Never throws. */
function closeDescriptors({ fd, original }: FileHandle, done: (error: unknown) => void): void {
  if (original === undefined) return orAnswer(() => fs.close(fd, done), done);
  const closeOriginal = () => orAnswer(() => fs.close(original, done), done);
  orAnswer(() => fs.close(fd, closeOriginal), closeOriginal);
}

function whenIdle(handle: FileHandle, close: () => void): void {
  if (handle.inFlight === 0) close();
  else handle.onIdle = close;
}

function positionOf({ position }: Submission): number | null {
  return position < 0 ? null : position;
}
