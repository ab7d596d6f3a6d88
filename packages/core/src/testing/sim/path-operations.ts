/** Operations on names in the simulated file system. */
import { ERRNO } from "../../base/errno.js";
import { OPCODE } from "../../spi/opcode.js";
import { WORD } from "../../spi/record.js";
import type { AttemptHost } from "./attempt-host.js";
import type { Ticket } from "./ticket.js";

/** True for operations on names. */
export function isOnPath({ opcode }: Ticket): boolean {
  return (
    opcode === OPCODE.unlink ||
    opcode === OPCODE.rename ||
    opcode === OPCODE.mkdir ||
    opcode === OPCODE.hardlink ||
    opcode === OPCODE.symlink
  );
}

export function attemptOnPath(host: AttemptHost, ticket: Ticket): number {
  const { files, dice, bug } = host.kernel;
  const path = pathOf(host, ticket);
  if (dice.happens("ioError")) return -ERRNO.EIO;
  switch (ticket.opcode) {
    case OPCODE.unlink:
      if (bug === "unlink-keeps-name" && typeof files.find(path, false) !== "number") return 0;
      return files.unlink(path, ticket.word(WORD.argument0) === 1);
    case OPCODE.mkdir:
      return files.makeDirectory(path, ticket.word(WORD.argument1));
    case OPCODE.rename:
      return files.rename(path, secondPathOf(host, ticket), ticket.word(WORD.argument0) === 0);
    case OPCODE.hardlink:
      return files.hardLink(path, secondPathOf(host, ticket));
    default:
      return files.symbolicLink(path, secondPathOf(host, ticket));
  }
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
