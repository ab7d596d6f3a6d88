/** Making connections. */

import { batonError } from "../base/errors.js";
import { checkInteger, checkOptions } from "../base/validate.js";
import type { EarlyEnd, OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { ResourceHandle, ResourceState } from "../operation/resource-state.js";
import { parseAddress, writeAddress } from "../spi/address.js";
import { ADDRESS_BYTES, AUXILIARY_SHIFT, WORD } from "../spi/record.js";
import { closeHandle, closingBy } from "./closing.js";
import { ConnectRace, checkNameOptions, type NameOptions, nameOptionNames } from "./connect-race.js";
import { createStream } from "./listener-operations.js";
import type { ResourceTracker } from "./resource-tracker.js";
import { type StreamSocketOptions, socketOptionBits, streamSocketOptionNames } from "./socket-options.js";
import type { StreamSocket } from "./stream-socket.js";
import { operationOptionNames } from "./transfer.js";
import { checkUnixPath, isUnix, type UnixPathOptions, unixConnectOptionNames } from "./unix-socket.js";

export interface ConnectOptions extends StreamSocketOptions, NameOptions, OperationOptions {
  /**
   * Internet address or host name; default `"127.0.0.1"`. A name is looked up, its addresses are tried a little after
   * each other, and the first connection wins; `signal` and `timeoutMs` count for the look-up too.
   */
  readonly host?: string;
  /** 1–65535. */
  readonly port: number;
}

const connectOptionNames = {
  host: true,
  port: true,
  ...streamSocketOptionNames,
  ...nameOptionNames,
  ...operationOptionNames,
} as const;

/** Options of `io.connect` with a path. */
export interface UnixConnectOptions extends UnixPathOptions {}

interface ConnectSubject {
  readonly dispatcher: Dispatcher;
  readonly tracker: ResourceTracker;
  readonly kind: "tcp-stream" | "unix-stream";
  readonly address: string;
  readonly port: number | undefined;
}

const connectKind = defineKind("connect", {
  finish: (entry, result, flags): StreamSocket => {
    const { dispatcher, tracker, kind, address, port } = entry.subject as ConnectSubject;
    const label = port === undefined ? address : `${address}:${port}`;
    const state = new ResourceState(new ResourceHandle(kind, label, result, flags >>> AUXILIARY_SHIFT));
    return createStream(dispatcher, tracker, state, closingBy(dispatcher, tracker, "shut-down-and-cancel"));
  },
  salvage: (entry, result, flags) => {
    closeHandle((entry.subject as ConnectSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);
  },
  details: (entry) => {
    const { address, port } = entry.subject as ConnectSubject;
    return { address, port };
  },
});

/** Connects; see `Backend.connect`. */
export async function startConnect(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  options: ConnectOptions | UnixConnectOptions,
): Promise<StreamSocket> {
  return isUnix(options)
    ? dispatcher.run(() => prepareUnixConnect(dispatcher, tracker, options))
    : startTcpConnect(dispatcher, tracker, options);
}

async function startTcpConnect(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  options: ConnectOptions,
): Promise<StreamSocket> {
  const where = "connect";
  checkOptions(where, options, connectOptionNames);
  const host = options.host ?? "127.0.0.1";
  if (typeof host !== "string" || host === "") {
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: host must be an address or a host name.`);
  }
  const port = checkInteger(where, "port", options.port, 1, 65_535);
  const bits = socketOptionBits(where, options);
  const plan = checkNameOptions(where, options);
  const early = dispatcher.canceler.check(where, options);
  const { session, driverName } = dispatcher;
  const parse = (address: string) => parseAddress(address, session.interfaceIndex);
  const begin = (address: string, end: EarlyEnd | undefined) =>
    beginConnect({ dispatcher, tracker, kind: "tcp-stream", address, port }, parse(address)!, bits, end);
  if (parse(host) !== undefined) return dispatcher.run(() => begin(host, early));
  if (session.lookup === undefined) {
    throw batonError(
      "ERR_INVALID_ARG_VALUE",
      `${where}: "${host}" is not an address, and the driver ${driverName} does not look up names.`,
    );
  }
  if (dispatcher.requests.closed) throw batonError("ERR_BACKEND_CLOSED", `${where}: the backend is closed.`);
  const race = new ConnectRace(dispatcher, { host, plan, early, begin: (address) => begin(address, undefined) });
  return race.run((name) => session.lookup!(name));
}

/** Begins a connect to a path. */
function prepareUnixConnect(dispatcher: Dispatcher, tracker: ResourceTracker, options: UnixConnectOptions): Entry {
  const where = "connect";
  checkOptions(where, options, unixConnectOptionNames);
  const place = checkUnixPath(dispatcher, where, options.path);
  const early = dispatcher.canceler.check(where, options);
  const subject = { dispatcher, tracker, kind: "unix-stream", address: place.label, port: undefined } as const;
  return beginConnect(subject, place, 0, early);
}

function beginConnect(
  subject: ConnectSubject,
  address: Parameters<typeof writeAddress>[3],
  bits: number,
  early: EarlyEnd | undefined,
): Entry {
  const { dispatcher, port = 0 } = subject;
  const entry = dispatcher.requests.begin(connectKind, undefined);
  entry.subject = subject;
  dispatcher.records[entry.base + WORD.argument0] = bits;
  entry.areaBytes = ADDRESS_BYTES;
  entry.writeArea = (offset) => writeAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset, address, port);
  dispatcher.canceler.attach(entry, early);
  return entry;
}
