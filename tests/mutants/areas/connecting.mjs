// @ts-check
/** Mutants of listening and connecting: look-ups, addresses, descriptors that run out. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const connecting = [];
