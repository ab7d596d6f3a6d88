// @ts-check
/** Mutants of opening: opens that block, flags, descriptors that are adopted. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const opening = [];
