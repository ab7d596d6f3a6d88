/**
 * One attempt at an operation: what a kernel does when it gets round to it. Answers the result, or `undefined` when
 * the operation has to wait; what comes beside the result (bytes, a handle's generation) is left on the ticket.
 */

import { ERRNO } from "../../errno.js";
import { OPCODE } from "../../opcode.js";
import { ADDRESS_BYTES_AT, ADDRESS_FAMILY, ADDRESS_WORD, POLL_EVENT, WORD } from "../../record.js";
import { attemptOnFile, closeHandle, openFile, statPath } from "./file-operations.js";
import type { Description, HandleId, Handles, Target } from "./handles.js";
import type { Kernel } from "./kernel.js";
import type { SimMemory } from "./memory.js";
import { attemptOnDatagram, datagram } from "./message-operations.js";
import type { RawAddress } from "./network.js";
import { attemptOnPath, isOnPath } from "./path-operations.js";
import { attemptOnListener, attemptOnStream, connect, listen } from "./socket-operations.js";
import { makePipe, splice } from "./splice.js";
import type { Ticket, WaitList } from "./ticket.js";

/** The result, or `undefined`: the operation waits. */
export type Outcome = number | undefined;

/** What attempts need of their session. */
export interface AttemptHost {
  readonly kernel: Kernel;
  readonly memory: SimMemory;
  readonly handles: Handles;
  /** The session is closed: all handles are. */
  readonly isClosed: boolean;
  readonly arenaBytes: Uint8Array<ArrayBuffer>;
  readonly arenaWords: Int32Array<ArrayBuffer>;
  /** Number of a provided buffer that no receive has picked, −1 when there is none. */
  pickBuffer(): number;
  /** Puts it back: a planted bug's work. */
  unpickBuffer(number: number): void;
  /** Answers a cancel. */
  cancel(slot: number, generation: number): number;
}

export function attempt(host: AttemptHost, ticket: Ticket): Outcome {
  switch (ticket.opcode) {
    case OPCODE.nop:
      return 0;
    case OPCODE.cancel:
      return host.cancel(ticket.word(WORD.argument0), ticket.word(WORD.argument1));
    case OPCODE.timer:
      return attemptTimer(host, ticket);
    case OPCODE.open:
      return openFile(host, ticket);
    case OPCODE.close:
      return closeHandle(host, ticket);
    case OPCODE.stat:
      if (ticket.word(WORD.argument0) !== 0) return statPath(host, ticket);
      break;
    case OPCODE.listen:
      return listen(host, ticket);
    case OPCODE.connect:
      return connect(host, ticket);
    case OPCODE.datagram:
      return datagram(host, ticket);
    case OPCODE.pipe:
      return makePipe(host, ticket);
    case OPCODE.splice:
      return splice(host, ticket);
  }
  if (isOnPath(ticket)) return attemptOnPath(host, ticket);
  const description = ticket.description;
  if (description === undefined) return badHandle(host);
  const { target } = description;
  if (ticket.opcode === OPCODE.poll && target.kind !== "file") return poll(ticket, target);
  switch (target.kind) {
    case "file":
      return attemptOnFile(host, ticket, target);
    case "stream":
      return attemptOnStream(host, ticket, target);
    case "listener":
      return attemptOnListener(host, ticket, target);
    case "datagram":
      return attemptOnDatagram(host, ticket, target);
    case "pipe":
      // Core makes pipes for splices and does nothing else with them.
      return -ERRNO.EINVAL;
  }
}

/** What is ready of what was asked for; an error or a hang-up is told in any case. */
function poll(ticket: Ticket, target: Exclude<Target, { kind: "file" }>): Outcome {
  const ready = target.events & (ticket.word(WORD.argument0) | POLL_EVENT.error | POLL_EVENT.hangUp);
  if (ready !== 0) return ready;
  for (const list of waitLists(target)) ticket.waitIn(list);
  return undefined;
}

/** Where something waits for whatever changes. */
function waitLists(target: Exclude<Target, { kind: "file" }>): WaitList[] {
  switch (target.kind) {
    case "stream":
      return [target.receivers, target.senders];
    case "listener":
      return [target.accepters];
    case "datagram":
      return [target.receivers];
    case "pipe":
      return [target.readers, target.writers];
  }
}

/** The answer to an operation on a handle that is closed or never was. */
export function badHandle({ kernel, isClosed }: AttemptHost): number {
  // What the end of the session overtakes is nobody's fault.
  if (!isClosed) kernel.ledger.badHandles++;
  return -ERRNO.EBADF;
}

/** True for operations whose record names an open handle that they hold. */
export function holdsHandle(ticket: Ticket): boolean {
  return ticket.word(WORD.handleIndex) >= 0 && ticket.opcode !== OPCODE.close;
}

/** A new handle as the result of an operation; `-EMFILE` when there are too many. */
export function resultHandle(host: AttemptHost, ticket: Ticket, description: Description): number {
  const id = newHandle(host, description);
  ticket.auxiliary = id.generation;
  return id.index;
}

/** A new handle. */
export function newHandle(host: AttemptHost, description: Description): HandleId {
  const id = host.handles.add(description);
  const { ledger } = host.kernel;
  ledger.handlesOpened++;
  if (host.isClosed) {
    // It comes too late for anybody to hear of it.
    host.handles.remove(id.index, id.generation);
    ledger.handlesClosed++;
    description.close();
  }
  return id;
}

/** True when the operation must fail for want of handles. */
export function lacksHandles({ kernel, handles }: AttemptHost): boolean {
  return handles.open >= kernel.handlesMax || kernel.dice.happens("tooManyFiles");
}

/** The address in the operation's arena area. */
export function readRawAddress({ arenaBytes, arenaWords }: AttemptHost, ticket: Ticket): RawAddress {
  const offset = ticket.word(WORD.arenaOffset);
  const word = offset >> 2;
  const family = arenaWords[word + ADDRESS_WORD.family]!;
  const port = arenaWords[word + ADDRESS_WORD.portOrLength]!;
  const length = family === ADDRESS_FAMILY.unix ? port : 16;
  return { family, bytes: arenaBytes.slice(offset + ADDRESS_BYTES_AT, offset + ADDRESS_BYTES_AT + length), port };
}

function attemptTimer({ kernel }: AttemptHost, ticket: Ticket): Outcome {
  return kernel.timeline.nowUs >= ticket.dueUs ? 0 : undefined;
}
