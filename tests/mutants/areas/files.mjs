// @ts-check
/** Mutants of files: the own position, lengths, what a full disk leaves. */

/** @type {readonly import("../list.mjs").Mutant[]} */
export const files = [];
