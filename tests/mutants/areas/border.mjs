// @ts-check
/** Mutants of the way of an operation: admission, slots, batches, foreign resources. */

import { CORE, core, kit } from "../killers.mjs";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const border = [
  {
    name: "foreign-resource-accepted",
    promise: "P8",
    file: `${CORE}resource/inner.ts`,
    find: "if (core.dispatcher === dispatcher) return core;",
    replace: "if (core.dispatcher !== undefined) return core;",
    killedBy: kit("while-open.read-at/foreign-resource", "while-open.receive/foreign-resource"),
  },
  {
    name: "admission-unbounded",
    promise: "P11",
    file: `${CORE}admission.ts`,
    find: "if (this.#inFlight < this.#inFlightMax) {",
    replace: "if (this.#inFlight <= this.#inFlightMax * 1000) {",
    killedBy: kit("back-pressure/waits-for-room"),
  },
  {
    name: "admission-forgets-waiting",
    promise: "P11",
    file: `${CORE}dispatcher.ts`,
    find: "    if (entry.admitted) this.admission.leave(entry);\n",
    replace: "",
    killedBy: kit("back-pressure/waits-for-room"),
  },
  {
    name: "admission-last-first",
    promise: "P11",
    file: `${CORE}wait-list.ts`,
    find: "    this.#entries.push(entry);\n    this.#generations.push(entry.generation);",
    replace: "    this.#entries.unshift(entry);\n    this.#generations.unshift(entry.generation);",
    killedBy: kit("back-pressure/waiting-in-order"),
  },
  {
    name: "waiting-keeps-slot",
    promise: "P11",
    file: `${CORE}dispatcher.ts`,
    find: "settleCanceledEarly(this, entry, cause, given);\n    this.free(entry);",
    replace: "settleCanceledEarly(this, entry, cause, given);",
    killedBy: kit("back-pressure/waiting-ends-early", "fairness/many-early-ends"),
  },
  {
    name: "ended-places-kept",
    promise: "P11",
    file: `${CORE}submission-queue.ts`,
    find: "      if (entry === undefined) continue;\n      if (index < this.#waitingCount) waiting++;",
    replace: "      if (index < this.#waitingCount) waiting++;",
    killedBy: core("submission-queue", "leave no memory behind"),
  },
  {
    name: "slot-taken-for-operation",
    promise: "P1",
    file: `${CORE}submission-queue.ts`,
    find: "return entry.generation === generation && entry.state === STATE.queued ? entry : undefined;",
    replace: "return entry.state === STATE.queued ? entry : undefined;",
    killedBy: core("submission-queue", "is not taken for the operation that had it"),
  },
  {
    name: "batch-spends-nothing",
    promise: "P11",
    file: `${CORE}flush.ts`,
    find: "    this.#flush(this.#queue.length);\n    this.#spend();",
    replace: "    this.#flush(this.#queue.length);",
    killedBy: kit("fairness/batches-go-on"),
  },
  {
    name: "early-ends-at-once",
    promise: "P11",
    file: `${CORE}settle.ts`,
    find: "if (!pace.spent || !entry.awaited) return;",
    replace: "if (!pace.spent || entry.awaited) return;",
    killedBy: kit("fairness/early-ends-go-on"),
  },
  {
    name: "no-chunk-of-its-own",
    promise: "P11",
    file: `${CORE}arena.ts`,
    find: "return offset >= 0 ? offset : (this.#own[opcode]?.allocate(length) ?? -1);",
    replace: "return offset;",
    killedBy: core("arena", "has room for each opcode"),
  },
  {
    name: "small-areas-share-chunks",
    promise: "P11",
    file: `${CORE}arena.ts`,
    find: "length <= ARENA_SMALL_BYTES ? this.#takeSmall() : this.#takeLong(length, opcode)",
    replace: "this.#takeLong(length, opcode)",
    killedBy: [...core("arena", "keeps small places for all"), ...kit("back-pressure/idle-receives")],
  },
];
