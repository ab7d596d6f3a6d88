/** Making connections. */
import { parseAddress, writeAddress } from "../address.js";
import { type EarlyEnd, expectNotAborted } from "../cancel.js";
import type { Dispatcher, OperationOptions } from "../dispatcher.js";
import { batonError } from "../errors.js";
import { defineKind } from "../operation-kind.js";
import type { Entry } from "../operation-table.js";
import { ADDRESS_BYTES, AUXILIARY_SHIFT, WORD } from "../record.js";
import { ResourceState } from "../resource-state.js";
import type { ResourceTracker } from "../resource-tracker.js";
import { checkInteger, checkOptions } from "../validate.js";
import { closeHandle } from "./closing.js";
import { createStream } from "./listener-operations.js";
import { type StreamSocketOptions, socketOptionBits, streamSocketOptionNames } from "./socket-options.js";
import type { StreamSocket } from "./stream-socket.js";
import { operationOptionNames } from "./transfer.js";
import { checkUnixPath, isUnix, type UnixPathOptions, unixConnectOptionNames } from "./unix-socket.js";

export interface ConnectOptions extends StreamSocketOptions, OperationOptions {
  /** Internet address or host name; default `"127.0.0.1"`. A name is looked up and its addresses tried in turn. */
  readonly host?: string;
  /** 1–65535. */
  readonly port: number;
}

const connectOptionNames = { host: true, port: true, ...streamSocketOptionNames, ...operationOptionNames } as const;

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
    const state = new ResourceState(kind, label, result, flags >>> AUXILIARY_SHIFT);
    return createStream(dispatcher, tracker, state, undefined);
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
  const early = dispatcher.canceler.check(where, options);
  const connectTo = (address: string) =>
    dispatcher.run<StreamSocket>(() => prepareTcpConnect(dispatcher, tracker, address, port, bits, early));
  if (parseAddress(host) !== undefined) return connectTo(host);
  const addresses = await lookUp(dispatcher, where, host);
  let failure: unknown;
  for (const address of addresses) {
    try {
      return await connectTo(address);
    } catch (error) {
      failure = error;
      // The caller's own end of patience counts for all addresses.
      if (error instanceof Error && "code" in error && (error.code === "ABORT_ERR" || error.code === "ERR_TIMEOUT"))
        break;
    }
  }
  throw failure;
}

async function lookUp(dispatcher: Dispatcher, where: string, host: string): Promise<readonly string[]> {
  if (dispatcher.session.lookup === undefined) {
    throw batonError(
      "ERR_INVALID_ARG_VALUE",
      `${where}: "${host}" is not an address, and the driver ${dispatcher.driverName} does not look up names.`,
    );
  }
  const addresses = (await dispatcher.session.lookup(host)).filter((address) => parseAddress(address) !== undefined);
  if (addresses.length === 0) {
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: the name "${host}" has no address.`);
  }
  return addresses;
}

/** Begins a connect to an internet address. */
function prepareTcpConnect(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  address: string,
  port: number,
  bits: number,
  early: EarlyEnd | undefined,
): Entry {
  // It may have been aborted while the name was looked up, or while another address was tried.
  expectNotAborted("connect", early?.signal);
  const parsed = parseAddress(address)!;
  return beginConnect({ dispatcher, tracker, kind: "tcp-stream", address, port }, parsed, bits, early);
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
  const entry = dispatcher.begin(connectKind, undefined);
  entry.subject = subject;
  dispatcher.records[entry.base + WORD.argument0] = bits;
  entry.areaBytes = ADDRESS_BYTES;
  entry.writeArea = (offset) => writeAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset, address, port);
  dispatcher.canceler.attach(entry, early);
  return entry;
}
