/** Operations on names in the simulated file system. */
import { ERRNO, OPCODE, WORD } from "@baton-io/core/driver";
import type { AttemptHost } from "./attempt-host.js";
import type { Ticket } from "./ticket.js";

/** What each does to the files. */
const calls: Readonly<Partial<Record<number, (host: AttemptHost, ticket: Ticket, path: Uint8Array) => number>>> = {
  [OPCODE.unlink]: ({ kernel: { files, bug } }, ticket, path) => {
    if (bug === "unlink-keeps-name" && typeof files.find(path, false) !== "number") return 0;
    return files.unlink(path, ticket.word(WORD.argument0) === 1);
  },
  [OPCODE.mkdir]: ({ kernel: { files } }, ticket, path) => files.makeDirectory(path, ticket.word(WORD.argument1)),
  [OPCODE.rename]: (host, ticket, path) =>
    host.kernel.files.rename(path, secondPathOf(host, ticket), !keepsNames(ticket)),
  [OPCODE.hardlink]: (host, ticket, path) => host.kernel.files.hardLink(path, secondPathOf(host, ticket)),
  [OPCODE.symlink]: (host, ticket, path) => host.kernel.files.symbolicLink(path, secondPathOf(host, ticket)),
};

/** True for operations on names. */
export function isOnPath({ opcode }: Ticket): boolean {
  return calls[opcode] !== undefined;
}

/** True for the change of a name that leaves a name alone which is taken. */
export function keepsNames(ticket: Ticket): boolean {
  return ticket.opcode === OPCODE.rename && ticket.word(WORD.argument0) !== 0;
}

export function attemptOnPath(host: AttemptHost, ticket: Ticket): number {
  const path = pathOf(host, ticket);
  if (host.kernel.dice.happens("ioError")) return -ERRNO.EIO;
  return calls[ticket.opcode]!(host, ticket, path);
}

/** The path of an operation. */
export function pathOf({ arenaBytes }: AttemptHost, ticket: Ticket): Uint8Array {
  const offset = ticket.word(WORD.arenaOffset);
  return arenaBytes.slice(offset, offset + ticket.word(WORD.length));
}

/** The one behind it and its NUL. */
function secondPathOf({ arenaBytes }: AttemptHost, ticket: Ticket): Uint8Array {
  const offset = ticket.word(WORD.arenaOffset) + ticket.word(WORD.length) + 1;
  return arenaBytes.slice(offset, offset + ticket.word(WORD.argument1));
}
