// @ts-check
/** Where mutants are, and how the tests that kill them are named. */

/** @typedef {import("./list.mjs").Killer} Killer */

export const CORE = "packages/core/src/";
export const LIBUV = "packages/driver-libuv/src/";

/** @param {...string} ids @returns {Killer[]} */
export const kit = (...ids) =>
  ids.map((id) => ({ file: "packages/driver-libuv/test/conformance.test.ts", test: `${id} ·` }));

/** For what the libuv driver cannot show. @param {...string} ids @returns {Killer[]} */
export const simKit = (...ids) =>
  ids.map((id) => ({ file: "packages/core/test/sim/conformance.test.ts", test: `${id} ·` }));

/** @param {string} name @param {...string} tests @returns {Killer[]} */
export const core = (name, ...tests) => tests.map((test) => ({ file: `packages/core/test/${name}.test.ts`, test }));

/** The random programs on a simulated machine, with the seeds of every run. @returns {Killer[]} */
export const simProgram = () => core("sim/program", "balance their books");

/** @param {string} name @param {...string} tests @returns {Killer[]} */
export const detectTest = (name, ...tests) =>
  tests.map((test) => ({ file: `packages/detect/test/${name}.test.ts`, test }));

/** @param {string} test @returns {Killer[]} */
export const uringOptions = (test) => [{ file: "packages/driver-uring/test/options.test.ts", test }];

/**
 * A test in C++. `source` is the program, or the header that its cases are in.
 *
 * @param {"core" | "driver-uring" | "driver-epoll"} name @param {string} source @param {...string} tests
 * @returns {Killer[]}
 */
export const native = (name, source, ...tests) =>
  tests.map((test) => ({ file: `packages/${name}/native/test/${source}`, test }));
