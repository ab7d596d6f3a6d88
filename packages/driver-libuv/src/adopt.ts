/** Descriptors that the program brings along: `node:fs` and `node:net` take them by number. */
import * as fs from "node:fs";
import * as net from "node:net";
import { isatty } from "node:tty";
import { ADDRESS_FAMILY, ADOPT_ANSWER, ADOPT_FLAG, ADOPT_KIND, ERRNO } from "@baton-io/core/driver";
import type { PathAddress } from "./address-record.js";
import type { CompletionExtras } from "./deliver.js";
import type { FileHandle } from "./file-handle.js";
import type { HandleId } from "./handles.js";
import { orAnswer } from "./in-any-case.js";
import { closeUnheard, openConstants } from "./open-file.js";
import type { Submission } from "./record-reader.js";
import { type FoundSocket, findSocket } from "./socket-table.js";
import { errnoOf } from "./system-error.js";

/** What adopting needs of its driver. */
export interface AdoptHost {
  complete(submission: Submission, result: number, extras?: CompletionExtras): void;
  /** The session is closed: what is adopted by now stays the program's. */
  readonly isClosed: boolean;
  addFile(handle: FileHandle): HandleId;
  /** Completes with the handle of a socket or server of the runtime's. */
  addStream(submission: Submission, socket: net.Socket, path: PathAddress | undefined): void;
  addListener(submission: Submission, server: net.Server, path: PathAddress | undefined): void;
  readonly arena: ArrayBuffer;
}

/** The memory devices: `/dev/null` and its like, which keep nobody waiting. Source: Linux, devices.txt. */
const MEMORY_MAJOR = 1;

export function adopt(host: AdoptHost, submission: Submission): void {
  const fd = submission.argument0;
  const failed = (error: unknown) => host.complete(submission, errnoOf(error));
  fs.fstat(fd, (error, stat) =>
    orAnswer(() => {
      if (error !== null) return failed(error);
      if (submission.argument1 === ADOPT_KIND.file) return adoptFile(host, submission, fd, stat);
      if (!stat.isSocket()) return host.complete(submission, -ERRNO.ENOTSOCK);
      findSocket(stat.ino)
        .then((socket) => adoptSocket(host, submission, socket))
        .catch(failed);
    }, failed),
  );
}

// --- files --------------------------------------------------------------------------------------------------------

function adoptFile(host: AdoptHost, submission: Submission, fd: number, stat: fs.Stats): void {
  if (stat.isSocket()) return host.complete(submission, -ERRNO.EINVAL);
  const info = descriptorInfo(fd);
  if (info === undefined) return host.complete(submission, -ERRNO.ENOTSUP);
  const { O_NONBLOCK = 0 } = openConstants;
  const waits = !(stat.isFile() || stat.isDirectory() || stat.isBlockDevice()) && stat.rdev >> 8 !== MEMORY_MAJOR;
  if (!waits || (info.flags & O_NONBLOCK) !== 0) {
    return answerFile(host, submission, { fd, original: undefined }, waits ? -1 : info.position, info.flags);
  }
  // What waits must not wait in the thread pool, and others may share the descriptor's mode: it is opened once more.
  // What has no name of its own, such as an eventfd, cannot be; and the master of a terminal would become another one.
  if (!stat.isFIFO() && !isSlaveTerminal(fd)) return host.complete(submission, -ERRNO.ENOTSUP);
  const { O_ACCMODE = 3, O_NOCTTY = 0 } = openConstants;
  fs.open(`/proc/self/fd/${fd}`, (info.flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY, (error, own) => {
    if (error !== null) return host.complete(submission, -ERRNO.ENOTSUP);
    if (host.isClosed) return closeUnheard(own);
    answerFile(host, submission, { fd: own, original: fd }, -1, info.flags);
  });
}

function answerFile(
  host: AdoptHost,
  submission: Submission,
  descriptors: Pick<FileHandle, "fd" | "original">,
  position: number,
  flags: number,
): void {
  if (host.isClosed) return;
  const { O_APPEND = 0 } = openConstants;
  const view = new DataView(host.arena, submission.arenaOffset);
  view.setBigInt64(ADOPT_ANSWER.positionAt, BigInt(position), true);
  view.setUint32(ADOPT_ANSWER.flagsAt, (flags & O_APPEND) === 0 ? 0 : ADOPT_FLAG.appends, true);
  const id = host.addFile({ kind: "file", ...descriptors, inFlight: 0, onIdle: undefined, ahead: undefined });
  host.complete(submission, id.index, { auxiliary: id.generation });
}

/** Where a descriptor stands and how it was opened; `undefined` where the system does not tell. Source: proc_pid_fdinfo(5). */
function descriptorInfo(fd: number): { readonly position: number; readonly flags: number } | undefined {
  try {
    const text = fs.readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
    const [, position] = /^pos:\s*(\d+)/m.exec(text) ?? [];
    const [, flags] = /^flags:\s*([0-7]+)/m.exec(text) ?? [];
    if (position === undefined || flags === undefined) return undefined;
    return { position: Number(position), flags: Number.parseInt(flags, 8) };
  } catch {
    return undefined;
  }
}

function isSlaveTerminal(fd: number): boolean {
  try {
    return isatty(fd) && !fs.readlinkSync(`/proc/self/fd/${fd}`).endsWith("ptmx");
  } catch {
    return false;
  }
}

// --- sockets ------------------------------------------------------------------------------------------------------

function adoptSocket(host: AdoptHost, submission: Submission, found: FoundSocket | undefined): void {
  if (host.isClosed) return;
  if (found === undefined) return host.complete(submission, -ERRNO.EPROTOTYPE);
  const forListener = submission.argument1 === ADOPT_KIND.listener;
  if (found.listens !== forListener) return host.complete(submission, -ERRNO.EINVAL);
  if (!forListener && !found.connected) return host.complete(submission, -ERRNO.ENOTCONN);
  const bytes = new TextEncoder().encode(found.path);
  const path: PathAddress | undefined = found.family === "unix" ? { kind: "path", bytes } : undefined;
  if (forListener) listenOn(host, submission, path);
  else connectedBy(host, submission, path);
}

function connectedBy(host: AdoptHost, submission: Submission, path: PathAddress | undefined): void {
  let socket: net.Socket;
  try {
    socket = new net.Socket({ fd: submission.argument0, allowHalfOpen: true, readable: true, writable: true });
  } catch {
    return host.complete(submission, -ERRNO.ENOTSUP);
  }
  const family = path === undefined ? ADDRESS_FAMILY.ipv4 : ADDRESS_FAMILY.unix;
  new DataView(host.arena, submission.arenaOffset).setInt32(ADOPT_ANSWER.addressAt, family, true);
  host.addStream(submission, socket, path);
}

function listenOn(host: AdoptHost, submission: Submission, path: PathAddress | undefined): void {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  const onError = (error: unknown) => host.complete(submission, errnoOf(error));
  server.once("error", onError);
  server.listen({ fd: submission.argument0, exclusive: true }, () => {
    server.off("error", onError);
    orAnswer(() => host.addListener(submission, server, path), onError);
  });
}
