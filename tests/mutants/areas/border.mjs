// @ts-check
/** Mutants of the way of an operation: admission, slots, batches, foreign resources. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const border = [];
