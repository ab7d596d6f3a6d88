// @ts-check
/** Mutants of buffers: the pool, its bound, memory that leaves its thread. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const memory = [];
