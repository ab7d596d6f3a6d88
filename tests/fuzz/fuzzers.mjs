// @ts-check
/**
 * The fuzzers there are. A new one is one line here and a module that exports `run(args)`, which resolves with the exit
 * code.
 *
 * @typedef {object} Fuzzer
 * @property {string} summary What it does, in a line.
 * @property {() => Promise<{ run: (args: string[]) => Promise<number> }>} load
 */

/** @type {Readonly<Record<string, Fuzzer>>} */
export const fuzzers = {
  sim: {
    summary: "random programs on a simulated machine: SEED | FROM-TO | --count N | --canary",
    load: () => import("./sim.mjs"),
  },
  records: {
    summary: "random records against the native engines, under the sanitizers: [SECONDS [SEED]]",
    load: () => import("./records.mjs"),
  },
  differential: {
    summary: "the same scripts through every driver and node:fs: SEED | FROM-TO",
    load: () => import("./differential.mjs"),
  },
};
