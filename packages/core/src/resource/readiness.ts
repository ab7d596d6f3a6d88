/** Waiting until a connection is ready, without moving a byte. */

import { batonError } from "../base/errors.js";
import { checkBoolean, checkOptions, type OptionNames } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { POLL_EVENT, WORD } from "../spi/record.js";
import type { StreamCore } from "./stream-operations.js";
import { operationOptionNames } from "./transfer.js";

export interface PollOptions extends OperationOptions {
  /** Wait until a receive would not have to wait: bytes, or the end. Default false. */
  readonly readable?: boolean;
  /** Wait until a send would not have to wait. Default false. */
  readonly writable?: boolean;
}

/** What a connection is ready for. */
export interface Readiness {
  readonly readable: boolean;
  readonly writable: boolean;
  /** There is an error, which the next receive or send tells. */
  readonly error: boolean;
  /** Both sides have ended. */
  readonly hangUp: boolean;
}

const pollOptionNames: OptionNames = { readable: true, writable: true, ...operationOptionNames };

const pollKind = defineKind("poll", {
  finish: (_entry, result): Readiness => ({
    readable: (result & POLL_EVENT.readable) !== 0,
    writable: (result & POLL_EVENT.writable) !== 0,
    error: (result & POLL_EVENT.error) !== 0,
    hangUp: (result & POLL_EVENT.hangUp) !== 0,
  }),
});

/** The driver knows nothing of bytes that core has kept for the next receive. */
const readableKind = defineKind("nop", {
  syscall: "poll",
  finish: (): Readiness => ({ readable: true, writable: false, error: false, hangUp: false }),
});

/** Begins to wait for readiness. */
export function preparePoll({ dispatcher, state, receiveLane }: StreamCore, options: PollOptions): Entry {
  const where = "stream.poll";
  state.expectOpen(where);
  checkOptions(where, options, pollOptionNames);
  const readable = options.readable !== undefined && checkBoolean(where, "readable", options.readable);
  const writable = options.writable !== undefined && checkBoolean(where, "writable", options.writable);
  if (!readable && !writable) {
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: one of readable and writable must be true.`);
  }
  const early = dispatcher.canceler.check(where, options);
  const kept = readable && receiveLane.salvagedBytes > 0;
  const entry = dispatcher.requests.begin(kept ? readableKind : pollKind, state);
  dispatcher.records[entry.base + WORD.argument0] =
    (readable ? POLL_EVENT.readable : 0) | (writable ? POLL_EVENT.writable : 0);
  dispatcher.canceler.attach(entry, early);
  return entry;
}
