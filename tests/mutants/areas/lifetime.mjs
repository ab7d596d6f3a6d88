// @ts-check
/** Mutants of lifetime: what is awaited stays reachable, and nothing is left behind. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const lifetime = [];
