/** Operations on datagram sockets: each is checked and begun here; `UdpSocket` and `submit` start them. */

import { batonError, type ErrorDetails } from "../base/errors.js";
import { checkInteger, describe, type OptionNames } from "../base/validate.js";
import { blockOf, type Lendable } from "../memory/owned-buffer.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import type { Lane } from "../operation/lane.js";
import type { Kept, LaneHost } from "../operation/lane-host.js";
import { defineKind } from "../operation/operation-kind.js";
import type { ResourceState } from "../operation/resource-state.js";
import { lentMemory } from "../operation/vector.js";
import { parseAddress, readAddress, type SocketAddress, writeAddress } from "../spi/address.js";
import {
  ADDRESS_FAMILY,
  ADDRESS_WORD,
  MESSAGE_FLAG,
  MESSAGE_FLAGS_AT,
  MESSAGE_VECTOR_AT,
  TRANSFER_BYTES_MAX,
  VECTOR_ENTRY_BYTES,
  VECTOR_WORD,
  WORD,
} from "../spi/record.js";
import type { SendResult } from "./stream-operations.js";
import { prepareTransfer, type TransferOptions, type TransferPlan, transferOptionNames } from "./transfer.js";

/** A datagram socket as its operations know it. */
export interface DatagramCore {
  readonly dispatcher: Dispatcher;
  readonly state: ResourceState;
  readonly address: SocketAddress;
  /** Datagrams that came for receives whose callers had gone. */
  readonly kept: KeptDatagrams;
  /** One direction each, one operation at a time. */
  readonly receiveLane: Lane;
  readonly sendLane: Lane;
}

/** One datagram that was received. */
export interface DatagramResult<B> {
  /** Bytes of it that are in the buffer; 0 is a datagram of no bytes. */
  readonly bytesReceived: number;
  /** The buffer, home again. */
  readonly buffer: B;
  /** Who sent it. */
  readonly address: SocketAddress;
  /** It was longer than the buffer; the rest of it is gone. */
  readonly truncated: boolean;
}

/** Where a datagram goes. */
export interface DatagramSendOptions extends TransferOptions {
  /** Internet address in text form, of the socket's family; not a name. */
  readonly address: string;
  /** 1–65535. */
  readonly port: number;
  /** That of the address; it need not be said, but an address that was received can be handed over as it is. */
  readonly family?: "ipv4" | "ipv6";
}

interface Datagram {
  readonly bytes: Uint8Array;
  readonly address: SocketAddress;
  readonly truncated: boolean;
}

interface ReceiveSubject {
  readonly core: DatagramCore;
  /** Set when it was answered with a datagram that had been kept. */
  answer: Pick<Datagram, "address" | "truncated"> | undefined;
}

/** Datagrams that nobody has received yet, each with its sender and its boundaries. */
export class KeptDatagrams implements Kept {
  readonly ofMessages = true;
  readonly #datagrams: Datagram[] = [];

  get waiting(): boolean {
    return this.#datagrams.length > 0;
  }

  keep(datagram: Datagram): void {
    this.#datagrams.push(datagram);
  }

  /** Gives the first one to a receive. */
  serve(entry: Entry, host: LaneHost): void {
    const { bytes, address, truncated } = this.#datagrams.shift()!;
    const [target] = lentMemory(entry);
    const part = bytes.subarray(0, target!.length);
    target!.set(part);
    (entry.subject as ReceiveSubject).answer = { address, truncated: truncated || part.length < bytes.length };
    host.settleLocally(entry, part.length);
  }
}

/** What the driver has written beside the bytes. */
function readMessage(entry: Entry): Pick<Datagram, "address" | "truncated"> {
  const { core, answer } = entry.subject as ReceiveSubject;
  if (answer !== undefined) return answer;
  const { arena, records } = core.dispatcher;
  const offset = records[entry.base + WORD.arenaOffset]!;
  const flags = arena.words[(offset + MESSAGE_FLAGS_AT) >> 2]!;
  return {
    address: readAddress(arena.bytes, arena.words, offset),
    truncated: (flags & MESSAGE_FLAG.truncated) !== 0,
  };
}

function ownAddress(entry: Entry): ErrorDetails {
  const { address, port } = (entry.subject as ReceiveSubject).core.address;
  return { address, port };
}

const receivePlan: TransferPlan = {
  where: "socket.receive",
  exclusive: true,
  whole: false,
  optionNames: transferOptionNames,
  kind: defineKind("receiveMessage", {
    finish: (entry, result): DatagramResult<unknown> => ({
      bytesReceived: result,
      buffer: entry.buffer,
      ...readMessage(entry),
    }),
    salvage: (entry, result) => {
      const { core } = entry.subject as ReceiveSubject;
      core.kept.keep({ bytes: lentMemory(entry)[0]!.slice(0, result), ...readMessage(entry) });
    },
    details: ownAddress,
  }),
};

export function prepareReceiveMessage(core: DatagramCore, buffer: Lendable, options: TransferOptions): Entry {
  const { dispatcher, state, receiveLane } = core;
  const entry = prepareTransfer(dispatcher, state, receivePlan, buffer, options, receiveLane);
  entry.subject = { core, answer: undefined } satisfies ReceiveSubject;
  attachMessage(dispatcher, entry, (offset) => {
    const word = offset >> 2;
    dispatcher.arena.words[word + ADDRESS_WORD.family] = ADDRESS_FAMILY.none;
    dispatcher.arena.words[word + (MESSAGE_FLAGS_AT >> 2)] = 0;
  });
  return entry;
}

interface SendSubject {
  readonly address: string;
  readonly port: number;
}

const sendPlan: TransferPlan = {
  where: "socket.send",
  exclusive: false,
  whole: false,
  optionNames: { address: true, port: true, family: true, ...transferOptionNames } satisfies OptionNames,
  kind: defineKind("sendMessage", {
    finish: (entry, result): SendResult<unknown> => ({ bytesSent: result, buffer: entry.buffer }),
    details: (entry) => entry.subject as SendSubject,
  }),
};

export function prepareSendMessage(core: DatagramCore, buffer: Lendable, options: DatagramSendOptions): Entry {
  const { where } = sendPlan;
  const { dispatcher, state, sendLane } = core;
  // Options that are null are refused below, with what else is wrong with them.
  const { address, port } = options ?? {};
  const parsed = typeof address === "string" ? parseAddress(address, dispatcher.session.interfaceIndex) : undefined;
  if (options !== null && typeof options === "object") {
    if (parsed === undefined) {
      const given = typeof address === "string" ? `"${address}"` : describe(address);
      throw batonError("ERR_INVALID_ARG_VALUE", `${where}: address must be an internet address, not ${given}.`);
    }
    checkInteger(where, "port", port, 1, 65_535);
    const family = parsed.family === ADDRESS_FAMILY.ipv6 ? "ipv6" : "ipv4";
    if (options.family !== undefined && options.family !== family) {
      throw batonError("ERR_INVALID_ARG_VALUE", `${where}: family must be "${family}", as the address is.`);
    }
  }
  const entry = prepareTransfer(dispatcher, state, sendPlan, buffer, options, sendLane);
  entry.subject = { address, port } satisfies SendSubject;
  attachMessage(dispatcher, entry, (offset) =>
    writeAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset, parsed!, port),
  );
  return entry;
}

/** Gives an operation an arena area for its message, whose vector is the one buffer that it carries. */
function attachMessage(dispatcher: Dispatcher, entry: Entry, writeHead: (offset: number) => void): void {
  const { records, arena } = dispatcher;
  const { number } = blockOf(entry.buffer!);
  // The vector says which buffer it is.
  records[entry.base + WORD.buffer] = -1;
  records[entry.base + WORD.vectorCount] = 1;
  entry.areaBytes = MESSAGE_VECTOR_AT + VECTOR_ENTRY_BYTES;
  entry.writeArea = (offset) => {
    writeHead(offset);
    const word = (offset + MESSAGE_VECTOR_AT) >> 2;
    arena.words[word + VECTOR_WORD.buffer] = number;
    arena.words[word + VECTOR_WORD.offset] = entry.lendStart;
    // No datagram is as long as that: one that is to be sent is refused all the same.
    arena.words[word + VECTOR_WORD.length] = Math.min(entry.lendEnd - entry.lendStart, TRANSFER_BYTES_MAX);
  };
}
