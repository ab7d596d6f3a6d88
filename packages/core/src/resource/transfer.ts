/** What reading, writing, receiving and sending have in common: which part of which buffer, how long, how to end. */

import { checkInteger, checkOptions, type OptionNames } from "../base/validate.js";
import { expectOwn, type Lendable } from "../memory/owned-buffer.js";
import type { EarlyEnd, OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry, OperationKind } from "../operation/entry.js";
import type { Lane } from "../operation/lane.js";
import type { ResourceState } from "../operation/resource-state.js";

/** Which part of the buffer an operation uses, in bytes. */
export interface TransferOptions extends OperationOptions {
  /** Where in the buffer the part starts; default 0. */
  readonly offset?: number;
  /** How long the part is; default: to the end of the buffer. */
  readonly length?: number;
}

/** What a resource is once it is closed: nothing can be asked of it. */
export interface ClosedResource {
  readonly closed: true;
}

/** … and where in the file. */
export interface PositionedOptions extends TransferOptions {
  /** Where in the file, bytes; default: the file's own position, which then moves on. */
  readonly position?: number;
}

export const NO_OPTIONS: PositionedOptions = Object.freeze({});

export const operationOptionNames = { signal: true, timeoutMs: true, onAbort: true } as const;
export const transferOptionNames: OptionNames = { offset: true, length: true, ...operationOptionNames };
export const positionedOptionNames: OptionNames = { position: true, ...transferOptionNames };

/** What is fixed for one kind of transfer. */
export interface TransferPlan {
  readonly where: string;
  readonly kind: OperationKind;
  /** The buffer is written by the kernel. */
  readonly exclusive: boolean;
  /** Go on after a short result. */
  readonly whole: boolean;
  readonly optionNames: OptionNames;
}

/**
 * Checks, lends, begins: everything up to the start. What is refused is thrown and leaves nothing behind; a signal
 * that is aborted already is thrown too, with the buffer, which was never lent.
 */
export function prepareTransfer(
  dispatcher: Dispatcher,
  resource: ResourceState,
  plan: TransferPlan,
  buffer: Lendable,
  options: PositionedOptions,
  lane: Lane | undefined,
): Entry {
  const { where } = plan;
  resource.expectOpen(where);
  const owned = expectOwn(where, buffer, dispatcher.session.memory);
  let offset = 0;
  let length = owned.length;
  let early: EarlyEnd | undefined;
  if (options !== NO_OPTIONS) {
    checkOptions(where, options, plan.optionNames);
    if (options.offset !== undefined) offset = checkInteger(where, "offset", options.offset, 0, length);
    length -= offset;
    if (options.length !== undefined) length = checkInteger(where, "length", options.length, 0, length);
    early = dispatcher.canceler.check(where, options, buffer);
  }
  const entry = dispatcher.requests.beginWithBuffer(plan.kind, resource, owned, offset, length, plan.exclusive);
  entry.whole = plan.whole;
  entry.lane = lane;
  if (early !== undefined) dispatcher.canceler.attach(entry, early);
  return entry;
}
