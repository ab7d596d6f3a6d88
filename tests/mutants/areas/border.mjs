// @ts-check
/** Mutants of the way of an operation: admission, slots, batches, foreign resources. */

import { CORE, kit } from "../killers.mjs";

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
];
