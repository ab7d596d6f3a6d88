/** Pipes, and moving bytes through them without bringing them into the program. */

import { isSupported } from "@baton-io/core";
import { ERRNO, OPCODE, OPEN_FLAG, PIPE_WORD, WORD } from "@baton-io/core/driver";
import { type AttemptHost, badHandle, foundBehind, lacksHandles, newHandle, type Outcome } from "./attempt-host.js";
import { writeToDisk } from "./disk.js";
import { writeStat } from "./file-operations.js";
import { Description, type OpenFile, type Target } from "./handles.js";
import { PipeEnd } from "./pipe.js";
import type { Ticket } from "./ticket.js";
import type { WaitList } from "./wait-list.js";

/** Makes a pipe; its two handles stand in the arena. */
export function makePipe(host: AttemptHost, ticket: Ticket): number {
  if (lacksHandles(host, 2)) return -ERRNO.EMFILE;
  const { kernel, handles, arenaWords } = host;
  if (handles.open + 2 > kernel.handlesMax || kernel.dice.happens("tooManyFiles")) return -ERRNO.EMFILE;
  const [reading, writing] = PipeEnd.pair(ticket.word(WORD.length));
  const read = newHandle(host, new Description(reading));
  const write = newHandle(host, new Description(writing));
  const word = ticket.word(WORD.arenaOffset) >> 2;
  arenaWords[word + PIPE_WORD.readIndex] = read.index;
  arenaWords[word + PIPE_WORD.readGeneration] = read.generation;
  arenaWords[word + PIPE_WORD.writeIndex] = write.index;
  arenaWords[word + PIPE_WORD.writeGeneration] = write.generation;
  return 0;
}

/** An operation on one end of a pipe that is no splice. */
export function attemptOnPipe(host: AttemptHost, ticket: Ticket, pipe: PipeEnd): Outcome {
  switch (ticket.opcode) {
    case OPCODE.read:
    case OPCODE.readv:
      return readFromPipe(host, ticket, pipe);
    case OPCODE.write:
    case OPCODE.writev:
      return writeToPipe(host, ticket, pipe);
    case OPCODE.stat:
      if (pipe.node === undefined) return -ERRNO.EINVAL;
      writeStat(host, ticket, pipe.node);
      return 0;
    default:
      return -ERRNO.EINVAL;
  }
}

/** A driver that cannot stop what waits must not let it wait. */
function waitOrAskAgain({ capabilities }: AttemptHost, ticket: Ticket, list: WaitList): Outcome {
  if (!isSupported(capabilities.features.cancelFile)) return -ERRNO.EAGAIN;
  ticket.waitIn(list);
  return undefined;
}

function writeToPipe(host: AttemptHost, ticket: Ticket, pipe: PipeEnd): Outcome {
  if (pipe.end === "read") return -ERRNO.EBADF;
  if (ticket.position >= 0) return -ERRNO.ESPIPE;
  const { room } = pipe;
  if (room < 0) return room;
  const source = host.memory.source(ticket);
  if (room === 0 && source.length > 0) return waitOrAskAgain(host, ticket, pipe.writers);
  const count = host.kernel.dice.shortened(Math.min(source.length, room));
  pipe.put(source.slice(0, count));
  return count;
}

/** Takes bytes out of a pipe into a buffer. */
function readFromPipe(host: AttemptHost, ticket: Ticket, pipe: PipeEnd): Outcome {
  if (pipe.end === "write") return -ERRNO.EBADF;
  if (ticket.position >= 0) return -ERRNO.ESPIPE;
  if (pipe.isOver) return 0;
  if (pipe.buffered === 0) return waitOrAskAgain(host, ticket, pipe.readers);
  const bytes = pipe.peek(host.kernel.dice.shortened(Math.min(ticket.length, pipe.buffered)));
  ticket.payload = bytes.slice();
  pipe.drop(bytes.length);
  return bytes.length;
}

/** One attempt to move bytes from one handle to another, of which one must be a pipe. */
export function splice(host: AttemptHost, ticket: Ticket): Outcome {
  const from = foundBehind(host, ticket.description)?.target;
  const to = foundBehind(host, ticket.secondDescription)?.target;
  if (from === undefined || to === undefined) return badHandle(host);
  const length = ticket.word(WORD.length);
  const fromAt = ticket.position;
  const toAt = ticket.long(WORD.argument0);
  if (isPlaced(from, fromAt) || isPlaced(to, toAt)) return -ERRNO.ESPIPE;
  if (from.kind === "pipe" && from.end !== "write") return fromPipe(host, ticket, from, { to, toAt, length });
  if (to.kind === "pipe" && to.end !== "read") return intoPipe(host, ticket, to, { from, fromAt, length });
  return from.kind === "pipe" || to.kind === "pipe" ? -ERRNO.EBADF : -ERRNO.EINVAL;
}

/** Only a file has positions. */
function isPlaced(target: Target, position: number): boolean {
  return target.kind !== "file" && position >= 0;
}

function intoPipe(
  { kernel }: AttemptHost,
  ticket: Ticket,
  pipe: PipeEnd,
  { from, fromAt, length }: { readonly from: Target; readonly fromAt: number; readonly length: number },
): Outcome {
  const { room } = pipe;
  if (length === 0 || room < 0) return Math.min(room, 0);
  if (room === 0) {
    ticket.waitIn(pipe.writers);
    return undefined;
  }
  const count = Math.min(length, room);
  if (from.kind === "stream") {
    const bytes = from.receive(count);
    if (bytes === undefined) ticket.waitIn(from.receivers);
    if (typeof bytes !== "object") return bytes;
    pipe.put(bytes);
    return bytes.length;
  }
  if (from.kind !== "file") return -ERRNO.EINVAL;
  const { node } = from;
  if ((from.flags & OPEN_FLAG.read) === 0) return -ERRNO.EBADF;
  if (node.kind !== "file") return -ERRNO.EINVAL;
  if (kernel.dice.happens("ioError")) return -ERRNO.EIO;
  const position = fromAt < 0 ? from.position : fromAt;
  const available = Math.max(0, Math.min(count, node.size - position));
  const bytes = kernel.files.read(node, position, kernel.dice.shortened(available));
  if (fromAt < 0 && bytes.length === count) from.position += bytes.length;
  pipe.put(bytes);
  return bytes.length;
}

function fromPipe(
  host: AttemptHost,
  ticket: Ticket,
  pipe: PipeEnd,
  { to, toAt, length }: { readonly to: Target; readonly toAt: number; readonly length: number },
): Outcome {
  const { dice, bug } = host.kernel;
  if (length === 0 || pipe.isOver) return 0;
  if (pipe.buffered === 0) {
    ticket.waitIn(pipe.readers);
    return undefined;
  }
  const bytes = pipe.peek(dice.shortened(Math.min(length, pipe.buffered)));
  let moved: Outcome;
  if (to.kind === "stream") {
    const { splicesOn } = to;
    moved = to.send(bytes);
    if (moved === undefined) ticket.waitIn(to.senders);
    to.splicesOn = moved === undefined ? splicesOn : moved > 0 && moved < bytes.length;
  } else if (to.kind === "file") {
    moved = writeInto(host, to, toAt, bytes);
  } else {
    moved = -ERRNO.EINVAL;
  }
  if (moved !== undefined && moved > 0) pipe.drop(bug === "splice-forgets" ? Math.min(length, pipe.buffered) : moved);
  return moved;
}

function writeInto({ kernel }: AttemptHost, file: OpenFile, at: number, bytes: Uint8Array): number {
  const { dice, ledger } = kernel;
  const { node, flags } = file;
  if ((flags & OPEN_FLAG.write) === 0 || node.kind !== "file") return -ERRNO.EBADF;
  // Source: splice(2).
  if ((flags & OPEN_FLAG.append) !== 0) return -ERRNO.EINVAL;
  if (dice.happens("ioError")) return -ERRNO.EIO;
  const position = at < 0 ? file.position : at;
  const count = writeToDisk(kernel, node, position, bytes);
  if (count === bytes.length && at < 0) file.position = position + count;
  if (count > 0) ledger.bytesWritten += count;
  return count;
}
