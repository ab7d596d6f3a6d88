/**
 * How every resource ends: no new operation, what is in flight is canceled or awaited, then the handle is closed,
 * once. An error of the close itself is reported once and never retried: on Linux the descriptor is gone either way.
 */

import { batonError } from "../base/errors.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry, OperationKind } from "../operation/entry.js";
import { STATE } from "../operation/lifecycle.js";
import { defineKind } from "../operation/operation-kind.js";
import type { ResourceEnding, ResourceState } from "../operation/resource-state.js";
import { WORD } from "../spi/record.js";
import type { ResourceTracker } from "./resource-tracker.js";

const closeKind = defineKind("close", {});
const shutdownKind = defineKind("shutdown", {});

/** Throws what a second close() gets. */
export function expectNotClosed(state: ResourceState): void {
  if (state.phase !== "open") {
    throw batonError("ERR_RESOURCE_CLOSED_TWICE", `close: the ${state.kind} ${state.label} is ${state.phase}.`);
  }
}

/** Closes a handle that has no resource yet: the result of an operation nobody waits for. */
export function closeHandle(dispatcher: Dispatcher, index: number, generation: number): void {
  if (dispatcher.endings.ended) return;
  const entry = dispatcher.requests.beginReserved(closeKind);
  if (entry === undefined) {
    // The reserve is for a moment full of cancels; they end by themselves.
    void dispatcher.endings.aside(async () => {
      await new Promise<void>((resolve) => dispatcher.clock.turn(resolve));
      closeHandle(dispatcher, index, generation);
    });
    return;
  }
  dispatcher.records[entry.base + WORD.handleIndex] = index;
  dispatcher.records[entry.base + WORD.handleGeneration] = generation;
  dispatcher.counters.submitted++;
  dispatcher.launchUrgent(entry);
}

/** What is done with the operations in flight. */
export type ClosePolicy = "await" | "shut-down-and-cancel" | "cancel";

/** How resources end that only need to be closed: one object for all of a backend. */
export function closingBy(dispatcher: Dispatcher, tracker: ResourceTracker, policy: ClosePolicy): ResourceEnding {
  let ending = tracker.endings.get(policy);
  if (ending === undefined) {
    ending = { owner: tracker, close: (state) => closeResource(dispatcher, state, policy) };
    tracker.endings.set(policy, ending);
  }
  return ending;
}

/** Closes a resource. The caller has made sure that it is open. */
export async function closeResource(dispatcher: Dispatcher, state: ResourceState, policy: ClosePolicy): Promise<void> {
  state.phase = "closing";
  state.tellHolders();
  if (policy !== "await" && state.inFlight > 0) {
    const entries = state.entries();
    if (policy === "shut-down-and-cancel") shutDown(dispatcher, state);
    for (const entry of entries) {
      if (entry.state !== STATE.orphaned) dispatcher.canceler.request(entry, "close");
    }
  }
  await state.drained();
  try {
    await submitClose(dispatcher, state);
  } finally {
    state.markClosed();
  }
}

/** Ends both directions, so that the peer learns of it at once. Its result does not matter: a close follows. */
function shutDown(dispatcher: Dispatcher, state: ResourceState): void {
  const entry = dispatcher.requests.beginReserved(shutdownKind);
  if (entry === undefined) return;
  dispatcher.records[entry.base + WORD.handleIndex] = state.handleIndex;
  dispatcher.records[entry.base + WORD.handleGeneration] = state.handleGeneration;
  dispatcher.records[entry.base + WORD.argument0] = 2;
  state.enter(entry);
  dispatcher.counters.submitted++;
  dispatcher.launchUrgent(entry);
}

/**
 * Begins an operation on a resource, also while it or the backend closes: for bytes that have to get where they were
 * going. Throws `ERR_BACKEND_CLOSED` once the driver has ended.
 */
export async function beginAtLast(dispatcher: Dispatcher, kind: OperationKind, state: ResourceState): Promise<Entry> {
  for (;;) {
    if (dispatcher.endings.ended || state.phase === "closed") {
      throw batonError("ERR_BACKEND_CLOSED", `${kind.name}: the backend was closed before.`);
    }
    const entry = dispatcher.requests.beginReserved(kind);
    if (entry !== undefined) {
      dispatcher.records[entry.base + WORD.handleIndex] = state.handleIndex;
      dispatcher.records[entry.base + WORD.handleGeneration] = state.handleGeneration;
      dispatcher.counters.submitted++;
      state.enter(entry);
      return entry;
    }
    await new Promise<void>((resolve) => dispatcher.clock.turn(resolve));
  }
}

async function submitClose(dispatcher: Dispatcher, state: ResourceState): Promise<void> {
  const begin = () => {
    // The driver has closed the handle, or keeps it until its last operation has ended.
    if (dispatcher.endings.ended) {
      throw batonError("ERR_BACKEND_CLOSED", `close: the backend was closed before the ${state.kind} ${state.label}.`);
    }
    return dispatcher.requests.beginReserved(closeKind);
  };
  let entry = begin();
  while (entry === undefined) {
    await new Promise<void>((resolve) => dispatcher.clock.turn(resolve));
    entry = begin();
  }
  dispatcher.records[entry.base + WORD.handleIndex] = state.handleIndex;
  dispatcher.records[entry.base + WORD.handleGeneration] = state.handleGeneration;
  dispatcher.counters.submitted++;
  await dispatcher.start<void>(entry);
}
