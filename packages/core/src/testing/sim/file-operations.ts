/** File operations of the simulated kernel. */
import { ADVICE, ALLOCATE_FLAG, ERRNO, MODE_WORD, OPCODE, OPEN_FLAG, STAT_FIELD, WORD } from "@baton-io/core/driver";
import { type AttemptHost, answerOpen, badHandle, lacksHandles, type Outcome, resultHandle } from "./attempt-host.js";
import { writeToDisk } from "./disk.js";
import { openFifo, resumeOpen } from "./fifo.js";
import { EPOCH_US } from "./file-system.js";
import { Description, type OpenFile } from "./handles.js";
import type { Node } from "./nodes.js";
import { pathOf } from "./path-operations.js";
import type { Ticket } from "./ticket.js";

const BLOCK_BYTES = 4096;

export function openFile(host: AttemptHost, ticket: Ticket): Outcome {
  const { kernel } = host;
  if (ticket.word(WORD.handleIndex) >= 0) return resumeOpen(host, ticket);
  if (lacksHandles(host)) return -ERRNO.EMFILE;
  if (kernel.dice.happens("ioError")) return -ERRNO.EIO;
  const flags = ticket.word(WORD.argument0);
  if ((flags & OPEN_FLAG.direct) !== 0) return -ERRNO.EINVAL;
  const node = kernel.files.open(pathOf(host, ticket), flags, ticket.word(WORD.argument1));
  if (typeof node === "number") return node;
  const isPlace = (flags & OPEN_FLAG.pathOnly) !== 0;
  if (node.kind === "fifo" && !isPlace) return openFifo(host, ticket, node, flags);
  const { files } = kernel;
  files.opened(node);
  answerOpen(host, ticket, 0);
  // Through a place in the tree nothing can be read or written.
  const usable = isPlace ? flags & ~(OPEN_FLAG.read | OPEN_FLAG.write) : flags;
  return resultHandle(
    host,
    ticket,
    new Description({ kind: "file", node, flags: usable, position: 0, close: () => files.closed(node) }),
  );
}

/**
 * Closes a handle of whatever kind, and ends when the operations that hold it have ended. An error is reported, and the
 * handle is gone all the same.
 */
export function closeHandle(host: AttemptHost, ticket: Ticket): Outcome {
  const { handles } = host;
  const { ledger, dice, bug } = host.kernel;
  const index = ticket.word(WORD.handleIndex);
  const generation = ticket.word(WORD.handleGeneration);
  const description = ticket.closes ?? handles.find(index, generation);
  if (description === undefined) return badHandle(host);
  if (ticket.closes === undefined) {
    if (bug === "leak-on-close" && dice.random.chance(0.2)) return 0;
    handles.remove(index, generation);
    ledger.handlesClosed++;
    ticket.closes = description;
    description.close();
    if (bug === "close-forgets-users") description.freeNumber();
    if (description.operations > 0) {
      ledger.closesWhileInUse++;
      ticket.waitIn(description.closers);
      return undefined;
    }
  }
  return description.target.kind === "file" && dice.happens("ioError") ? -ERRNO.EIO : 0;
}

export function statPath(host: AttemptHost, ticket: Ticket): Outcome {
  if (host.kernel.dice.happens("ioError")) return -ERRNO.EIO;
  const node = host.kernel.files.find(pathOf(host, ticket), ticket.word(WORD.argument0) === 1);
  if (typeof node === "number") return node;
  writeStat(host, ticket, node);
  return 0;
}

/** An operation on an open file; these never wait. */
export function attemptOnFile(host: AttemptHost, ticket: Ticket, file: OpenFile): number {
  const { node } = file;
  const { files, dice } = host.kernel;
  const isWritable = (file.flags & OPEN_FLAG.write) !== 0;
  switch (ticket.opcode) {
    case OPCODE.read:
    case OPCODE.readv:
      return read(host, ticket, file);
    case OPCODE.write:
    case OPCODE.writev:
      return write(host, ticket, file);
    case OPCODE.allocate:
      return allocate(host, ticket, file);
    case OPCODE.advise:
      return advise(ticket);
    case OPCODE.poll:
      // A file never keeps anybody waiting.
      return ticket.word(WORD.argument0);
    case OPCODE.fsync:
    case OPCODE.fdatasync:
      return dice.happens("ioError") ? -ERRNO.EIO : 0;
    case OPCODE.truncate:
      if (node.kind !== "file" || !isWritable || ticket.position < 0) return -ERRNO.EINVAL;
      return dice.happens("ioError") ? -ERRNO.EIO : files.resize(node, ticket.position);
    case OPCODE.stat:
      if (dice.happens("ioError")) return -ERRNO.EIO;
      writeStat(host, ticket, node);
      return 0;
    case OPCODE.receive:
    case OPCODE.send:
    case OPCODE.accept:
    case OPCODE.shutdown:
    case OPCODE.address:
    case OPCODE.sendMessage:
    case OPCODE.receiveMessage:
      return -ERRNO.ENOTSOCK;
    default:
      return -ERRNO.EINVAL;
  }
}

// The own position of a handle moves as io_uring's does, which is not to be relied on: a transfer that ends short leaves
// it where it was.
function read({ kernel }: AttemptHost, ticket: Ticket, file: OpenFile): number {
  const { dice, files, ledger } = kernel;
  if ((file.flags & OPEN_FLAG.read) === 0) return -ERRNO.EBADF;
  if (file.node.kind !== "file") return -ERRNO.EISDIR;
  if (dice.happens("ioError")) return -ERRNO.EIO;
  const own = ticket.position < 0;
  const position = own ? file.position : ticket.position;
  const { length } = ticket;
  const available = Math.max(0, Math.min(length, file.node.size - position));
  const touches = (file.flags & OPEN_FLAG.noAccessTime) === 0;
  const bytes = files.read(file.node, position, dice.shortened(available), touches);
  if (own && bytes.length === length) file.position += bytes.length;
  ticket.payload = kernel.bug === "vector-out-of-order" && ticket.parts.length > 1 ? bytes.reverse() : bytes;
  ledger.bytesRead += bytes.length;
  if (kernel.bug === "claim-full-length" && bytes.length < available) return available;
  return bytes.length;
}

function write({ kernel, memory }: AttemptHost, ticket: Ticket, file: OpenFile): number {
  const { dice, ledger } = kernel;
  if ((file.flags & OPEN_FLAG.write) === 0 || file.node.kind !== "file") return -ERRNO.EBADF;
  if (file.node.placeless && ticket.position >= 0) return -ERRNO.ESPIPE;
  if (dice.happens("ioError")) return -ERRNO.EIO;
  const own = ticket.position < 0;
  const appends = (file.flags & OPEN_FLAG.append) !== 0;
  const position = appends ? file.node.size : own ? file.position : ticket.position;
  const { length } = ticket;
  const wanted = dice.shortened(length);
  // What goes nowhere is not put together first.
  const count = file.node.isSink
    ? wanted
    : writeToDisk(kernel, file.node, position, memory.source(ticket).subarray(0, wanted));
  if (count < 0) return count;
  if (own && count === length) file.position = position + count;
  ledger.bytesWritten += count;
  return count;
}

function allocate({ kernel }: AttemptHost, ticket: Ticket, file: OpenFile): number {
  const { dice, files } = kernel;
  const { node } = file;
  const mode = ticket.word(MODE_WORD);
  const bytes = ticket.long(WORD.argument0);
  if ((file.flags & OPEN_FLAG.write) === 0 || node.kind !== "file") return -ERRNO.EBADF;
  if (ticket.position < 0 || bytes <= 0) return -ERRNO.EINVAL;
  if (dice.happens("ioError")) return -ERRNO.EIO;
  const end = ticket.position + bytes;
  const grows = (mode & (ALLOCATE_FLAG.keepSize | ALLOCATE_FLAG.punchHole)) === 0 && end > node.size;
  if (grows) {
    if (dice.happens("noSpace")) return -ERRNO.ENOSPC;
    const result = files.resize(node, end);
    if (result < 0) return result;
  }
  if ((mode & (ALLOCATE_FLAG.punchHole | ALLOCATE_FLAG.zeroRange)) !== 0) files.zero(node, ticket.position, bytes);
  return 0;
}

function advise(ticket: Ticket): number {
  const isKnown = (Object.values(ADVICE) as number[]).includes(ticket.word(MODE_WORD));
  return isKnown && ticket.long(WORD.argument0) >= 0 ? 0 : -ERRNO.EINVAL;
}

function sizeOf(node: Node): number {
  switch (node.kind) {
    case "file":
      return node.size;
    case "link":
      return node.target.length;
    case "directory":
      return BLOCK_BYTES;
    case "socket":
    case "fifo":
      return 0;
  }
}

export function writeStat({ arenaBytes }: AttemptHost, ticket: Ticket, node: Node): void {
  const view = new DataView(arenaBytes.buffer);
  const offset = ticket.word(WORD.arenaOffset);
  const set = (field: number, value: bigint | number) => view.setBigInt64(offset + field * 8, BigInt(value), true);
  const setTime = (name: "accessed" | "modified" | "changed" | "created", virtualUs: number) => {
    const us = BigInt(EPOCH_US) + BigInt(virtualUs);
    const behindUs = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
    set(STAT_FIELD[`${name}Seconds`], (us - behindUs) / 1_000_000n);
    set(STAT_FIELD[`${name}Nanoseconds`], behindUs * 1000n);
  };
  const size = sizeOf(node);
  set(STAT_FIELD.device, 1);
  set(STAT_FIELD.inode, node.inode);
  set(STAT_FIELD.mode, node.mode);
  set(STAT_FIELD.links, node.links);
  set(STAT_FIELD.userId, 0);
  set(STAT_FIELD.groupId, 0);
  set(STAT_FIELD.deviceType, 0);
  set(STAT_FIELD.sizeBytes, size);
  set(STAT_FIELD.blockBytes, BLOCK_BYTES);
  set(STAT_FIELD.blocks512, Math.ceil(size / BLOCK_BYTES) * (BLOCK_BYTES / 512));
  setTime("accessed", node.accessedUs);
  setTime("modified", node.modifiedUs);
  setTime("changed", node.changedUs);
  setTime("created", node.createdUs);
}
