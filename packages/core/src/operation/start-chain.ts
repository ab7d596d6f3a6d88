/** Starts a chain: decides who takes it from operation to operation, and tells it how each has ended. */

import { rejectCaller } from "../base/rejection.js";
import { opcodeDefinition } from "../spi/opcode.js";
import { TRANSFER_BYTES_MAX } from "../spi/record.js";
import { Chain } from "./chain.js";
import type { Dispatcher } from "./dispatcher.js";
import type { Entry } from "./entry.js";

/** Starts operations that were begun, as one chain; a promise for each, in their order. */
export function startChain(dispatcher: Dispatcher, entries: readonly Entry[]): Promise<unknown>[] {
  const chain = new Chain(dispatcher, entries);
  const promises = entries.map((entry) => promiseOf(entry, chain, wantedBytes(entry)));
  for (const entry of entries) dispatcher.canceler.keepTime(entry);
  if (canBeLinked(dispatcher, entries) && dispatcher.admitChain(entries)) chain.startLinked();
  else chain.startFirst();
  return promises;
}

function promiseOf(entry: Entry, chain: Chain, wanted: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    entry.resolve = (value) => {
      const moved = movedBytes(value);
      if (moved < wanted) chain.endedBadly(entry, new Error(`${entry.kind?.syscall}: ${moved} of ${wanted} bytes.`));
      else chain.endedWell(entry);
      resolve(value);
    };
    entry.reject = (error) => {
      chain.endedBadly(entry, error);
      rejectCaller({ resolve, reject }, error, false);
    };
  });
}

/** A driver that has one of the operations only emulated is not given the chain. */
function canBeLinked(dispatcher: Dispatcher, entries: readonly Entry[]): boolean {
  const { operations, features } = dispatcher.capabilities;
  if (features.links.kind === "unsupported") return false;
  return entries.every((entry) => {
    const { kind, lane, whole, extras } = entry;
    const { name, opcode } = kind!;
    // What one submission cannot move has not ended well when the driver thinks so.
    const isOne = wantedBytes(entry) <= TRANSFER_BYTES_MAX;
    return (
      extras?.cause === undefined &&
      opcodeDefinition(opcode).linkable === true &&
      lane === undefined &&
      !whole &&
      extras?.refusal === undefined &&
      isOne &&
      operations[name].kind === "native"
    );
  });
}

/** Bytes that an operation must move to have ended well. */
function wantedBytes({ kind, lendStart, lendEnd }: Entry): number {
  return opcodeDefinition(kind!.opcode).whole ? lendEnd - lendStart : 0;
}

function movedBytes(value: unknown): number {
  const { bytesRead, bytesWritten, bytesSent } = (value ?? {}) as Partial<
    Record<"bytesRead" | "bytesWritten" | "bytesSent", number>
  >;
  return bytesRead ?? bytesWritten ?? bytesSent ?? Number.POSITIVE_INFINITY;
}
