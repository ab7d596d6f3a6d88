/**
 * Opening files without waiting for anybody: who waits for the other end of a FIFO in the runtime's thread pool holds
 * one of its few threads, and the end of the process or worker waits for that thread. So a FIFO is opened, read and
 * written in non-blocking mode; "not yet" goes to core, which asks again.
 */
import * as fs from "node:fs";
import { BEGUN_WORD, ERRNO, linuxOpenConstants, OPEN_FLAG, type OpenConstants } from "@baton-io/core/driver";
import { type FileHandle, leave } from "./file-handle.js";
import type { FileHost } from "./file-host.js";
import type { HandleId } from "./handles.js";
import { orAnswer, quietly } from "./in-any-case.js";
import type { Submission } from "./record-reader.js";
import { errnoOf } from "./system-error.js";

/** What this system calls the open flags. */
export const openConstants: OpenConstants =
  process.platform === "linux" ? linuxOpenConstants({ ...fs.constants }) : { ...fs.constants };

const { O_NONBLOCK = 0 } = openConstants;

/** Opens a file for a submission, or goes on with what an earlier one has begun. */
export function openFile(host: FileHost, submission: Submission): void {
  const flags = systemFlags(submission.argument0);
  if (flags === undefined) return host.complete(submission, -ERRNO.ENOTSUP);
  const path = host.path(submission);
  fs.open(path, flags | O_NONBLOCK, submission.argument1, (error, fd) => {
    if (error !== null) return answerFailure(host, submission, path, errnoOf(error));
    const readsOnly = (submission.argument0 & OPEN_FLAG.write) === 0;
    if (!readsOnly || !waitsForOtherEnd(submission)) return answerHandle(host, submission, fd);
    lookAt(fd, (stat) => {
      if (stat?.isFIFO() !== true) return answerHandle(host, submission, fd);
      const handle = createHandle(fd);
      const id = host.addHandle(handle);
      if (id === undefined) return closeUnheard(fd);
      lookForWriter(host, submission, handle, id);
    });
  });
}

/** What the descriptor is of; `undefined` when the system, or the runtime, does not tell. */
function lookAt(fd: number, tell: (stat: fs.Stats | undefined) => void): void {
  orAnswer(
    () => fs.fstat(fd, (error, stat) => tell(error === null ? stat : undefined)),
    () => tell(undefined),
  );
}

/** Closes what is nobody's. */
export function closeUnheard(fd: number): void {
  quietly(() => fs.close(fd, () => undefined));
}

/** The reading end of a FIFO is open since an earlier try: has the other end come? */
export function resumeOpen(host: FileHost, submission: Submission, handle: FileHandle): void {
  lookForWriter(host, submission, handle, submission.handle);
}

function createHandle(fd: number): FileHandle {
  return { kind: "file", fd, original: undefined, inFlight: 0, onIdle: undefined, ahead: undefined };
}

function answerHandle(host: FileHost, submission: Submission, fd: number): void {
  findPosition(fd, (position) => {
    const id = host.addHandle(createHandle(fd));
    if (id === undefined) return closeUnheard(fd);
    answerOpen(host, submission, id, position);
  });
}

function answerOpen(host: FileHost, submission: Submission, id: HandleId, position: number): void {
  new DataView(host.arena).setBigInt64(submission.arenaOffset, BigInt(position), true);
  host.complete(submission, id.index, { auxiliary: id.generation });
}

/**
 * Where the own position of a file that was just opened stands: 0, or −1 when it cannot seek. The runtime has no
 * lseek(2), so a character device is asked by a read of nothing at a position.
 */
function findPosition(fd: number, tell: (position: number) => void): void {
  lookAt(fd, (stat) => {
    if (stat === undefined || stat.isFIFO() || stat.isSocket()) return tell(-1);
    if (!stat.isCharacterDevice()) return tell(0);
    if (process.platform === "win32") return tell(-1);
    orAnswer(
      () => fs.readv(fd, [new Uint8Array(0)], 0, (refusal) => tell(refusal?.code === "ESPIPE" ? -1 : 0)),
      () => tell(-1),
    );
  });
}

/** A FIFO that is opened for writing has no reader yet: "not yet". Sockets and devices answer the same for ever. */
function answerFailure(host: FileHost, submission: Submission, path: string | Buffer, result: number): void {
  if (result !== -ERRNO.ENXIO || !waitsForOtherEnd(submission)) return host.complete(submission, result);
  // Who may write to it need not be allowed to look.
  orAnswer(
    () => fs.stat(path, (_error, stat) => host.complete(submission, stat?.isFIFO() === true ? -ERRNO.EAGAIN : result)),
    () => host.complete(submission, result),
  );
}

function waitsForOtherEnd({ argument0 }: Submission): boolean {
  return (argument0 & (OPEN_FLAG.nonBlock | OPEN_FLAG.pathOnly)) === 0;
}

/** Of an empty FIFO a read says whether there is a writer. A byte that it brings is the first of the next read. */
function lookForWriter(host: FileHost, submission: Submission, handle: FileHandle, id: HandleId): void {
  const byte = new Uint8Array(1);
  handle.inFlight++;
  const looked = (error: unknown, bytesRead = 0) => {
    leave(handle);
    if (error === null && bytesRead === 0) {
      const words = new Int32Array(host.arena, submission.arenaOffset);
      words[BEGUN_WORD.index] = id.index;
      words[BEGUN_WORD.generation] = id.generation;
      return host.complete(submission, -ERRNO.EAGAIN, { begun: true });
    }
    if (error === null) handle.ahead = byte;
    answerOpen(host, submission, id, -1);
  };
  orAnswer(() => fs.read(handle.fd, byte, 0, 1, null, looked), looked);
}

/** Baton's open flag bits as this system's values; `undefined` when it lacks one. */
function systemFlags(bits: number): number | undefined {
  const constants = openConstants;
  const has = (bit: number) => (bits & bit) !== 0;
  const { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2 } = constants;
  let flags = has(OPEN_FLAG.write) ? (has(OPEN_FLAG.read) ? O_RDWR : O_WRONLY) : O_RDONLY;
  // A terminal shall not become the one that controls the process.
  flags |= constants["O_NOCTTY"] ?? 0;
  // Windows has few of these.
  const optional: readonly (readonly [number, number | undefined])[] = [
    [OPEN_FLAG.create, constants["O_CREAT"]],
    [OPEN_FLAG.exclusive, constants["O_EXCL"]],
    [OPEN_FLAG.truncate, constants["O_TRUNC"]],
    [OPEN_FLAG.append, constants["O_APPEND"]],
    [OPEN_FLAG.sync, constants["O_SYNC"]],
    [OPEN_FLAG.dataSync, constants["O_DSYNC"]],
    [OPEN_FLAG.nonBlock, constants["O_NONBLOCK"]],
    [OPEN_FLAG.noFollow, constants["O_NOFOLLOW"]],
    [OPEN_FLAG.directory, constants["O_DIRECTORY"]],
    [OPEN_FLAG.temporary, constants["O_TMPFILE"]],
    [OPEN_FLAG.pathOnly, constants["O_PATH"]],
    [OPEN_FLAG.noAccessTime, constants["O_NOATIME"]],
    [OPEN_FLAG.direct, undefined],
  ];
  for (const [bit, value] of optional) {
    if (!has(bit)) continue;
    if (value === undefined) return undefined;
    flags |= value;
  }
  return flags;
}
