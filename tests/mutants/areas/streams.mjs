// @ts-check
/** Mutants of streams: counts of what went out, resets, closing. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const streams = [];
