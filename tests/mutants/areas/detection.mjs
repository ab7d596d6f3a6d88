// @ts-check
/** Mutants of detection. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const detection = [];
