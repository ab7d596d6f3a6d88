// @ts-check
/** Mutants of the native half of driver-uring. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const ring = [];
