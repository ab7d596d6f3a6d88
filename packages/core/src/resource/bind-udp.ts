/** Making a datagram socket. */

import { batonError } from "../base/errors.js";
import { checkBoolean, checkInteger, checkOptions, describe, type OptionNames } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { ResourceHandle, ResourceState } from "../operation/resource-state.js";
import { parseAddress, readAddress, writeAddress } from "../spi/address.js";
import { ADDRESS_BYTES, AUXILIARY_SHIFT, SOCKET_OPTION, WORD } from "../spi/record.js";
import { closeHandle, closingBy } from "./closing.js";
import { type DatagramCore, KeptDatagrams } from "./datagram-operations.js";
import type { ResourceTracker } from "./resource-tracker.js";
import { operationOptionNames } from "./transfer.js";
import { UdpSocket } from "./udp-socket.js";

export interface BindUdpOptions extends OperationOptions {
  /**
   * Internet address to bind, in text form; default `"127.0.0.1"`, which reaches this machine only. `"0.0.0.0"` and
   * `"::"` are all addresses.
   */
  readonly host?: string;
  /** 0–65535; default 0: the system chooses, see `socket.address`. */
  readonly port?: number;
  /** Share the port with other sockets that say so too (SO_REUSEPORT); default false. */
  readonly reusePort?: boolean;
  /** May send to broadcast addresses (SO_BROADCAST); default false, and then that is `EACCES`. */
  readonly broadcast?: boolean;
  /** With an IPv6 address: no IPv4 datagrams; default false. */
  readonly ipv6Only?: boolean;
}

const bindUdpOptionNames: OptionNames = {
  host: true,
  port: true,
  reusePort: true,
  broadcast: true,
  ipv6Only: true,
  ...operationOptionNames,
};

interface BindSubject {
  readonly dispatcher: Dispatcher;
  readonly tracker: ResourceTracker;
  readonly address: string;
  readonly port: number;
}

const datagramKind = defineKind("datagram", {
  finish: (entry, result, flags): UdpSocket => {
    const { dispatcher, tracker } = entry.subject as BindSubject;
    const { arena, records } = dispatcher;
    const address = readAddress(arena.bytes, arena.words, records[entry.base + WORD.arenaOffset]!);
    const host = address.family === "ipv6" ? `[${address.address}]` : address.address;
    const label = `${host}:${address.port}`;
    const state = new ResourceState(new ResourceHandle("udp-socket", label, result, flags >>> AUXILIARY_SHIFT));
    tracker.track(state, closingBy(dispatcher, tracker, "cancel"));
    const kept = new KeptDatagrams();
    const core: DatagramCore = {
      dispatcher,
      state,
      address,
      kept,
      receiveLane: dispatcher.createLane(kept),
      // Nothing of a send is ever kept; this is here so that a datagram of no bytes waits for its turn too.
      sendLane: dispatcher.createLane(new KeptDatagrams()),
    };
    return new UdpSocket(core);
  },
  salvage: (entry, result, flags) => {
    closeHandle((entry.subject as BindSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);
  },
  details: (entry) => {
    const { address, port } = entry.subject as BindSubject;
    return { address, port };
  },
});

export function prepareBindUdp(dispatcher: Dispatcher, tracker: ResourceTracker, options: BindUdpOptions): Entry {
  const where = "bindUdp";
  checkOptions(where, options, bindUdpOptionNames);
  const { host = "127.0.0.1" } = options;
  const parsed = typeof host === "string" ? parseAddress(host, dispatcher.session.interfaceIndex) : undefined;
  if (parsed === undefined) {
    const given = typeof host === "string" ? `"${host}"` : describe(host);
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: host must be an internet address, not ${given}.`);
  }
  const port = checkInteger(where, "port", options.port ?? 0, 0, 65_535);
  let bits = 0;
  for (const name of ["reusePort", "broadcast", "ipv6Only"] as const) {
    const value = options[name];
    if (value !== undefined && checkBoolean(where, name, value)) bits |= SOCKET_OPTION[name];
  }
  if ((bits & SOCKET_OPTION.reusePort) !== 0) dispatcher.requests.expectFeature(where, "reusePort");
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.requests.begin(datagramKind, undefined);
  entry.subject = { dispatcher, tracker, address: host, port } satisfies BindSubject;
  dispatcher.records[entry.base + WORD.argument0] = bits;
  entry.areaBytes = ADDRESS_BYTES;
  entry.writeArea = (offset) => writeAddress(dispatcher.arena.bytes, dispatcher.arena.words, offset, parsed, port);
  dispatcher.canceler.attach(entry, early);
  return entry;
}
