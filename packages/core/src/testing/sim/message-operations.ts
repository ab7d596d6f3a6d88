/** Datagram operations of the simulated kernel. */
import { ERRNO, MESSAGE_FLAG, MESSAGE_FLAGS_AT, OPCODE, WORD } from "@baton-io/core/driver";
import { type AttemptHost, lacksHandles, type Outcome, readRawAddress, resultHandle } from "./attempt-host.js";
import type { SimDatagram } from "./datagram.js";
import { Description } from "./handles.js";
import { answerAddress } from "./socket-operations.js";
import type { Ticket } from "./ticket.js";

/** Makes a datagram socket and binds it. */
export function datagram(host: AttemptHost, ticket: Ticket): Outcome {
  const { kernel } = host;
  if (lacksHandles(host)) return -ERRNO.EMFILE;
  const socket = kernel.network.datagram(kernel, readRawAddress(host, ticket), ticket.word(WORD.argument0));
  if (typeof socket === "number") return socket;
  answerAddress(host, ticket.word(WORD.arenaOffset), socket.address);
  return resultHandle(host, ticket, new Description(socket));
}

export function attemptOnDatagram(host: AttemptHost, ticket: Ticket, socket: SimDatagram): Outcome {
  const { kernel, memory } = host;
  switch (ticket.opcode) {
    case OPCODE.receiveMessage:
      return receive(host, ticket, socket);
    case OPCODE.sendMessage:
      return kernel.network.sendDatagram(kernel, socket, readRawAddress(host, ticket), memory.source(ticket));
    case OPCODE.address: {
      if (ticket.word(WORD.argument0) !== 0) return -ERRNO.ENOTCONN;
      answerAddress(host, ticket.word(WORD.arenaOffset), socket.address);
      return 0;
    }
    case OPCODE.shutdown:
      return -ERRNO.ENOTCONN;
    case OPCODE.accept:
      return -ERRNO.ENOTSUP;
    default:
      return -ERRNO.EINVAL;
  }
}

function receive(host: AttemptHost, ticket: Ticket, socket: SimDatagram): Outcome {
  const message = socket.receive();
  if (message === undefined) {
    ticket.waitIn(socket.receivers);
    return undefined;
  }
  const payload = message.bytes.subarray(0, ticket.length);
  const isTruncated = payload.length < message.bytes.length;
  answerAddress(host, ticket.word(WORD.arenaOffset), message.from);
  const flagsAt = (ticket.word(WORD.arenaOffset) + MESSAGE_FLAGS_AT) >> 2;
  host.arenaWords[flagsAt] = isTruncated ? MESSAGE_FLAG.truncated : 0;
  ticket.payload = payload;
  return payload.length;
}
