/** Listening for connections. */

import { batonError } from "../base/errors.js";
import { checkBoolean, checkInteger, checkOptions, describe } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { ResourceHandle } from "../operation/resource-state.js";
import { parseAddress, readAddress, readUnixAddress, writeAddress } from "../spi/address.js";
import { ADDRESS_BYTES, AUXILIARY_SHIFT, SOCKET_OPTION, WORD } from "../spi/record.js";
import { closeHandle } from "./closing.js";
import { createListenerCore } from "./listener-operations.js";
import type { ResourceTracker } from "./resource-tracker.js";
import { identify, removeSocketFile, type SocketFile } from "./socket-file.js";
import { type StreamSocketOptions, socketOptionBits, streamSocketOptionNames } from "./socket-options.js";
import { TcpListener } from "./tcp-listener.js";
import { operationOptionNames } from "./transfer.js";
import { UnixListener } from "./unix-listener.js";
import { checkUnixPath, isUnix, type UnixListenOptions, type UnixPlace, unixListenOptionNames } from "./unix-socket.js";

export interface ListenOptions extends StreamSocketOptions, OperationOptions {
  /**
   * Internet address to bind, in text form; default `"127.0.0.1"`. `"0.0.0.0"` and `"::"` are all addresses. Behind an
   * IPv6 address may stand its interface, by number or name: `"fe80::1%eth0"`.
   */
  readonly host?: string;
  /** 0–65535; default 0: the system chooses, see `listener.address`. */
  readonly port?: number;
  /** Connections the kernel queues for `accept`; default 511, as in Node. */
  readonly backlog?: number;
  /** Share the port with other listeners that say so too (SO_REUSEPORT); default false. */
  readonly reusePort?: boolean;
  /** With an IPv6 address: no IPv4 connections; default false. */
  readonly ipv6Only?: boolean;
}

/** As in Node. */
const BACKLOG_DEFAULT = 511;

const listenOptionNames = {
  host: true,
  port: true,
  backlog: true,
  reusePort: true,
  ipv6Only: true,
  ...streamSocketOptionNames,
  ...operationOptionNames,
} as const;

interface ListenSubject {
  readonly dispatcher: Dispatcher;
  readonly tracker: ResourceTracker;
  readonly streamBits: number;
  readonly address: string;
  readonly port: number;
}

const listenKind = defineKind("listen", {
  finish: (entry, result, flags): TcpListener => {
    const { dispatcher, tracker, streamBits } = entry.subject as ListenSubject;
    const offset = dispatcher.records[entry.base + WORD.arenaOffset]!;
    const address = readAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset);
    const host = address.family === "ipv6" ? `[${address.address}]` : address.address;
    const label = `${host}:${address.port}`;
    const handle = new ResourceHandle("tcp-listener", label, result, flags >>> AUXILIARY_SHIFT);
    return new TcpListener(createListenerCore(dispatcher, tracker, handle, { streamBits }), address);
  },
  salvage: (entry, result, flags) => {
    closeHandle((entry.subject as ListenSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);
  },
  details: (entry) => {
    const { address, port } = entry.subject as ListenSubject;
    return { address, port };
  },
});

/** Listens on an internet address or at a path; see `Backend.listen`. */
export async function startListen(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  options: ListenOptions | UnixListenOptions,
): Promise<TcpListener | UnixListener> {
  return isUnix(options)
    ? startUnixListen(dispatcher, tracker, options)
    : dispatcher.run(() => prepareTcpListen(dispatcher, tracker, options));
}

interface UnixListenSubject {
  readonly dispatcher: Dispatcher;
  readonly tracker: ResourceTracker;
  readonly place: UnixPlace;
  /** `undefined` for an abstract name. */
  readonly socketFile: SocketFile | undefined;
}

const unixListenKind = defineKind("listen", {
  finish: (entry, result, flags): UnixListener => {
    const { dispatcher, tracker, place, socketFile } = entry.subject as UnixListenSubject;
    const offset = dispatcher.records[entry.base + WORD.arenaOffset]!;
    const address = readUnixAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset);
    const handle = new ResourceHandle("unix-listener", place.label, result, flags >>> AUXILIARY_SHIFT);
    const how = { streamBits: 0, ...(socketFile !== undefined && { socketFile }) };
    return new UnixListener(createListenerCore(dispatcher, tracker, handle, how), address);
  },
  salvage: (entry, result, flags) => {
    const { dispatcher, socketFile } = entry.subject as UnixListenSubject;
    const close = () => closeHandle(dispatcher, result, flags >>> AUXILIARY_SHIFT);
    if (socketFile === undefined) close();
    else void dispatcher.endings.aside(() => removeSocketFile(dispatcher, socketFile).then(close));
  },
  details: (entry) => ({ address: (entry.subject as UnixListenSubject).place.label }),
});

async function startUnixListen(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  options: UnixListenOptions,
): Promise<UnixListener> {
  const where = "listen";
  checkOptions(where, options, unixListenOptionNames);
  const place = checkUnixPath(dispatcher, where, options.path);
  const backlog = checkInteger(where, "backlog", options.backlog ?? BACKLOG_DEFAULT, 1, 65_535);
  const early = dispatcher.canceler.check(where, options);
  const socketFile = place.abstract ? undefined : { path: place.bytes, inode: undefined };
  const entry = dispatcher.requests.begin(unixListenKind, undefined);
  entry.subject = { dispatcher, tracker, place, socketFile } satisfies UnixListenSubject;
  dispatcher.records[entry.base + WORD.argument0] = 0;
  dispatcher.records[entry.base + WORD.argument1] = backlog;
  entry.areaBytes = ADDRESS_BYTES;
  entry.writeArea = (offset) => writeAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset, place, 0);
  dispatcher.canceler.attach(entry, early);
  const listener = await dispatcher.start<UnixListener>(entry);
  if (socketFile !== undefined) await identify(dispatcher, socketFile);
  return listener;
}

function prepareTcpListen(dispatcher: Dispatcher, tracker: ResourceTracker, options: ListenOptions): Entry {
  const where = "listen";
  checkOptions(where, options, listenOptionNames);
  const { host = "127.0.0.1", reusePort, ipv6Only } = options;
  const parsed = typeof host === "string" ? parseAddress(host, dispatcher.session.interfaceIndex) : undefined;
  if (parsed === undefined) {
    throw batonError(
      "ERR_INVALID_ARG_VALUE",
      `${where}: host must be an internet address, not ${typeof host === "string" ? `"${host}"` : describe(host)}.`,
    );
  }
  const port = checkInteger(where, "port", options.port ?? 0, 0, 65_535);
  const backlog = checkInteger(where, "backlog", options.backlog ?? BACKLOG_DEFAULT, 1, 65_535);
  const streamBits = socketOptionBits(where, options);
  let bits = streamBits;
  if (reusePort !== undefined && checkBoolean(where, "reusePort", reusePort)) {
    dispatcher.requests.expectFeature(where, "reusePort");
    bits |= SOCKET_OPTION.reusePort;
  }
  if (ipv6Only !== undefined && checkBoolean(where, "ipv6Only", ipv6Only)) bits |= SOCKET_OPTION.ipv6Only;
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(listenKind, undefined);
  entry.subject = { dispatcher, tracker, streamBits, address: host, port } satisfies ListenSubject;
  dispatcher.records[entry.base + WORD.argument0] = bits;
  dispatcher.records[entry.base + WORD.argument1] = backlog;
  entry.areaBytes = ADDRESS_BYTES;
  entry.writeArea = (offset) => writeAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset, parsed, port);
  dispatcher.canceler.attach(entry, early);
  return entry;
}
