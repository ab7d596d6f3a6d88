/**
 * One attempt at an operation: what a kernel does when it gets round to it. Answers the result, or `undefined` when
 * the operation has to wait; what comes beside the result (bytes, a handle's generation) is left on the ticket.
 */

import { OPCODE, POLL_EVENT, WORD } from "@baton-io/core/driver";
import { adopt } from "./adopt.js";
import { type AttemptHost, badHandle, foundBehind, type Outcome } from "./attempt-host.js";
import { attemptOnFile, closeHandle, openFile, statPath } from "./file-operations.js";
import type { Target } from "./handles.js";
import { attemptOnDatagram, datagram } from "./message-operations.js";
import { attemptOnPath, isOnPath } from "./path-operations.js";
import { attemptOnListener, attemptOnStream, connect, listen } from "./socket-operations.js";
import { attemptOnPipe, makePipe, splice } from "./splice.js";
import type { Ticket } from "./ticket.js";
import type { WaitList } from "./wait-list.js";

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
    case OPCODE.adopt:
      return adopt(host, ticket);
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
  const description = foundBehind(host, ticket.description);
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
      return attemptOnPipe(host, ticket, target);
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

function attemptTimer({ kernel }: AttemptHost, ticket: Ticket): Outcome {
  return kernel.timeline.nowUs >= ticket.dueUs ? 0 : undefined;
}
