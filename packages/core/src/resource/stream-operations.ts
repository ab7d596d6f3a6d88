/** Operations on connections: each is checked and begun here; `TcpStream` and `submit` start them. */

import { batonError } from "../base/errors.js";
import { checkOptions } from "../base/validate.js";
import type { Lendable, OwnedBuffer } from "../memory/owned-buffer.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry, OperationKind } from "../operation/entry.js";
import type { Lane } from "../operation/lane.js";
import { defineKind } from "../operation/operation-kind.js";
import type { ResourceState } from "../operation/resource-state.js";
import { readAnyAddress, type SocketAddress, type UnixAddress } from "../spi/address.js";
import { ADDRESS_BYTES, SUBMIT_FLAG, WORD } from "../spi/record.js";
import {
  operationOptionNames,
  prepareTransfer,
  type TransferOptions,
  type TransferPlan,
  transferOptionNames,
} from "./transfer.js";

/** A connection as its operations know it. There may be very many: what is idle is small. */
export class StreamCore {
  readonly dispatcher: Dispatcher;
  readonly state: ResourceState;
  /** One direction each, one operation at a time. */
  readonly receiveLane: Lane;
  #sendLane: Lane | undefined = undefined;

  constructor(dispatcher: Dispatcher, state: ResourceState) {
    this.dispatcher = dispatcher;
    this.state = state;
    this.receiveLane = dispatcher.createLane();
  }

  get sendLane(): Lane {
    this.#sendLane ??= this.dispatcher.createLane();
    return this.#sendLane;
  }
}

export interface ReceiveResult<B> {
  /** Bytes received; 0 when the peer has ended its side. */
  readonly bytesReceived: number;
  /** The buffer, home again. */
  readonly buffer: B;
}

export interface SendResult<B> {
  readonly bytesSent: number;
  /** The buffer, home again. */
  readonly buffer: B;
}

/** What `receive()` without a buffer resolves with. The buffer is the caller's, to be released. */
export type ProvidedResult =
  | { readonly bytesReceived: number; readonly buffer: OwnedBuffer }
  | { readonly bytesReceived: 0; readonly buffer: undefined };

/** Which direction `shutdown` ends. */
export type ShutdownHow = "receive" | "send" | "both";

// --- receiving ----------------------------------------------------------------------------------------------------

const receiveKind = defineKind("receive", {
  finish: (entry, result): ReceiveResult<unknown> => ({ bytesReceived: result, buffer: entry.buffer }),
  salvage: (entry, result) => entry.lane?.salvage(entry, result),
});

const receivePlan: TransferPlan = {
  where: "stream.receive",
  kind: receiveKind,
  exclusive: true,
  whole: false,
  optionNames: transferOptionNames,
};

export function prepareReceive(core: StreamCore, buffer: Lendable, options: TransferOptions): Entry {
  const { dispatcher, state, receiveLane } = core;
  const entry = prepareTransfer(dispatcher, state, receivePlan, buffer, options, receiveLane);
  dispatcher.records[entry.base + WORD.argument0] = 0;
  return entry;
}

const receiveProvidedKind = defineKind("receive", {
  finish: (entry, result, flags): ProvidedResult => {
    const buffer = claimProvided(entry.subject as StreamCore, entry, flags);
    if (buffer !== undefined && result > 0) return { bytesReceived: result, buffer };
    buffer?.release();
    return { bytesReceived: 0, buffer: undefined };
  },
  salvage: (entry, result, flags) => {
    const buffer = claimProvided(entry.subject as StreamCore, entry, flags);
    if (buffer === undefined) return;
    (entry.subject as StreamCore).receiveLane.salvageBytes(buffer.bytes.slice(0, result));
    buffer.release();
  },
});

/** The buffer that a receive without one has its bytes in. */
export function claimProvided(core: StreamCore, entry: Entry, flags: number): OwnedBuffer | undefined {
  return entry.provided ?? core.dispatcher.provided.claim(flags, core.state.handle);
}

export function prepareReceiveProvided(core: StreamCore, options: OperationOptions): Entry {
  const where = "stream.receive";
  const { dispatcher, state } = core;
  state.expectOpen(where);
  checkOptions(where, options, operationOptionNames);
  const early = dispatcher.canceler.check(where, options);
  dispatcher.requests.expectFeature(where, "providedBuffer");
  const entry = beginProvided(core, receiveProvidedKind, core, SUBMIT_FLAG.providedBuffer);
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/** Begins a receive into buffers that the driver takes; `flags` for the driver. */
export function beginProvided(core: StreamCore, kind: OperationKind, subject: unknown, flags: number): Entry {
  const { dispatcher, state, receiveLane } = core;
  const entry = dispatcher.requests.begin(kind, state);
  entry.subject = subject;
  entry.lane = receiveLane;
  const { records, provided } = dispatcher;
  provided.topUp();
  records[entry.base]! |= flags;
  records[entry.base + WORD.length] = provided.bufferBytes;
  records[entry.base + WORD.argument0] = 0;
  return entry;
}

// --- sending ------------------------------------------------------------------------------------------------------

const sendKind = defineKind("send", {
  finish: (entry, result): SendResult<unknown> => ({ bytesSent: result, buffer: entry.buffer }),
});

const sendPlan: TransferPlan = {
  where: "stream.send",
  kind: sendKind,
  exclusive: false,
  whole: true,
  optionNames: transferOptionNames,
};

export function prepareSend(core: StreamCore, buffer: Lendable, options: TransferOptions): Entry {
  const { dispatcher, state, sendLane } = core;
  const entry = prepareTransfer(dispatcher, state, sendPlan, buffer, options, sendLane);
  dispatcher.records[entry.base + WORD.argument0] = 0;
  return entry;
}

// --- the rest -----------------------------------------------------------------------------------------------------

const shutdownKind = defineKind("shutdown", {});
const shutdownNumbers: Readonly<Record<ShutdownHow, number>> = { receive: 0, send: 1, both: 2 };

export function prepareShutdown({ dispatcher, state, sendLane }: StreamCore, how: ShutdownHow): Entry {
  state.expectOpen("stream.shutdown");
  if (typeof how !== "string" || !Object.hasOwn(shutdownNumbers, how)) {
    throw batonError("ERR_INVALID_ARG_VALUE", 'stream.shutdown: how must be "receive", "send" or "both".');
  }
  const entry = dispatcher.requests.begin(shutdownKind, state);
  dispatcher.records[entry.base + WORD.argument0] = shutdownNumbers[how];
  if (how === "receive") return entry;
  // Behind the sends that were asked for before it.
  entry.lane = sendLane;
  sendingShut.add(state);
  return entry;
}

/** Few are, so none has room for it. */
const sendingShut = new WeakSet<ResourceState>();

/** This side has been asked to send no more. */
export function isSendingShut({ state }: StreamCore): boolean {
  return sendingShut.has(state);
}

const addressKind = defineKind("address", {
  finish: (entry): SocketAddress | UnixAddress => {
    const { dispatcher } = entry.subject as StreamCore;
    const offset = dispatcher.records[entry.base + WORD.arenaOffset]!;
    return readAnyAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset);
  },
});

export function prepareAddress(core: StreamCore, which: "local" | "peer"): Entry {
  core.state.expectOpen(which === "local" ? "stream.localAddress" : "stream.peerAddress");
  const entry = core.dispatcher.requests.begin(addressKind, core.state);
  entry.subject = core;
  entry.areaBytes = ADDRESS_BYTES;
  core.dispatcher.records[entry.base + WORD.argument0] = which === "local" ? 0 : 1;
  return entry;
}
