/** Socket operations of the simulated kernel. */

import { ADDRESS_FAMILY, ERRNO, OPCODE, parseAddress, WORD, writeAddress } from "@baton-io/core/driver";
import type { SimAddress } from "./addresses.js";
import { type AttemptHost, lacksHandles, type Outcome, readRawAddress, resultHandle } from "./attempt-host.js";
import type { Endpoint } from "./connection.js";
import { Description } from "./handles.js";
import { SimListener } from "./network.js";
import type { Ticket } from "./ticket.js";

export function listen(host: AttemptHost, ticket: Ticket): Outcome {
  const { kernel } = host;
  if (lacksHandles(host)) return -ERRNO.EMFILE;
  const options = ticket.word(WORD.argument0);
  const listener = kernel.network.listen(kernel, readRawAddress(host, ticket), options, ticket.word(WORD.argument1));
  if (typeof listener === "number") return listener;
  answerAddress(host, ticket.word(WORD.arenaOffset), listener.address);
  return resultHandle(host, ticket, new Description(listener));
}

export function connect(host: AttemptHost, ticket: Ticket): Outcome {
  const { kernel } = host;
  if (lacksHandles(host)) return -ERRNO.EMFILE;
  const end = kernel.network.connect(kernel, readRawAddress(host, ticket));
  if (typeof end === "number") return end;
  if (end instanceof SimListener) {
    ticket.waitIn(end.connecters);
    return undefined;
  }
  return resultHandle(host, ticket, new Description(end));
}

export function attemptOnListener(host: AttemptHost, ticket: Ticket, listener: SimListener): Outcome {
  if (ticket.opcode === OPCODE.address) return address(host, ticket, listener.address);
  if (ticket.opcode === OPCODE.shutdown) return -ERRNO.ENOTCONN;
  if (ticket.opcode !== OPCODE.accept) return -ERRNO.EINVAL;
  if (listener.pending.length > 0 && lacksHandles(host)) return -ERRNO.EMFILE;
  const end = listener.accept();
  if (end === undefined) {
    ticket.waitIn(listener.accepters);
    return undefined;
  }
  return typeof end === "number" ? end : resultHandle(host, ticket, new Description(end));
}

export function attemptOnStream(host: AttemptHost, ticket: Ticket, end: Endpoint): Outcome {
  switch (ticket.opcode) {
    case OPCODE.receive:
      return receive(host, ticket, end);
    case OPCODE.sendMessage:
      if (readRawAddress(host, ticket).family !== ADDRESS_FAMILY.none) return -ERRNO.EISCONN;
      return send(host, ticket, end);
    case OPCODE.send:
      return send(host, ticket, end);
    case OPCODE.shutdown:
      return end.shutdown(ticket.word(WORD.argument0));
    case OPCODE.address:
      if (ticket.word(WORD.argument0) === 0) return address(host, ticket, end.local);
      return end.isOver ? -ERRNO.ENOTCONN : address(host, ticket, end.remote);
    default:
      return -ERRNO.EINVAL;
  }
}

function send(host: AttemptHost, ticket: Ticket, end: Endpoint): Outcome {
  const sent = end.send(host.memory.source(ticket));
  if (sent === undefined) ticket.waitIn(end.senders);
  return sent;
}

function receive(host: AttemptHost, ticket: Ticket, end: Endpoint): Outcome {
  const { dice, bug } = host.kernel;
  let length = ticket.word(WORD.length);
  let number = -1;
  if (ticket.providedBuffer && end.readable > 0) {
    number = dice.happens("noBuffers") ? -1 : host.takeProvidedBuffer();
    if (number < 0) return -ERRNO.ENOBUFS;
    const capacity = host.memory.capacity(number);
    length = length === 0 ? capacity : Math.min(length, capacity);
  }
  const bytes = end.receive(ticket.providedBuffer ? Math.max(1, length) : length);
  if (bytes === undefined) {
    ticket.waitIn(end.receivers);
    return undefined;
  }
  if (typeof bytes === "number" && ticket.providedBuffer && bug === "keep-provided-buffer") host.takeProvidedBuffer();
  // Some kernels hand a buffer out even where there is nothing to put into it.
  if (typeof bytes === "number" && ticket.providedBuffer && dice.happens("errorWithBuffer"))
    number = host.takeProvidedBuffer();
  ticket.provided = number;
  if (typeof bytes === "number") return bytes;
  ticket.payload = bytes;
  if (bug === "provide-buffer-twice" && number >= 0 && dice.random.chance(0.2)) host.giveProvidedBufferBack(number);
  return bytes.length;
}

function address(host: AttemptHost, ticket: Ticket, which: SimAddress): number {
  answerAddress(host, ticket.word(WORD.arenaOffset), which);
  return 0;
}

/** Writes an address into the arena. */
export function answerAddress({ arenaBytes, arenaWords }: AttemptHost, offset: number, where: SimAddress): void {
  if (where.family === "unix") {
    const { bytes } = where;
    writeAddress(arenaBytes, arenaWords, offset, { family: ADDRESS_FAMILY.unix, bytes, scope: 0 }, 0);
  } else {
    writeAddress(arenaBytes, arenaWords, offset, parseAddress(where.address)!, where.port);
  }
}
