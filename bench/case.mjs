// @ts-check
/**
 * What a benchmark case is. To add one: a file in `cases/` that exports a `Case`, and its line in `cases/index.mjs`.
 *
 * @typedef {Record<string, string | number | boolean>} Parameters Plain data: they travel to another process.
 *
 * @typedef {object} Variant One setting of a case, such as a depth. Its name is the heading of a table.
 * @property {string} name
 * @property {Parameters} parameters
 *
 * @typedef {object} Implementation One row of the table.
 * @property {string} name
 * @property {Parameters} parameters What `run` needs to know which one it is.
 * @property {readonly string[]} [variants] Names of the variants it takes part in; default: all.
 * @property {string} [leftOut] Why it does not take part here. Such a row is listed below the table.
 *
 * @typedef {object} Environment What is there to be measured.
 * @property {readonly string[]} drivers Names of the drivers that run here and were asked for.
 * @property {boolean} quick
 * @property {string} directory For the case's own files; it is removed at the end.
 * @property {readonly number[]} cores Numbers of the cores that may be used, empty where they cannot be chosen.
 * @property {(program: string) => { path: string } | { missing: string }} native A program of `native/`, built.
 *
 * @typedef {object} Sample One round of one implementation.
 * @property {number} operations
 * @property {number} elapsedMs
 * @property {number} cpuMs CPU time of the process under test over all its threads, for `cpuOperations`.
 * @property {number} [cpuOperations] Operations that `cpuMs` was spent on, where that is another number.
 * @property {number} [heapBytes] Bytes allocated on the JavaScript heap.
 *
 * @typedef {object} Subject An implementation that is ready to be measured, in a process of its own.
 * @property {(durationMs: number) => Promise<Sample>} round
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Case
 * @property {string} name What `--case` takes.
 * @property {string} title
 * @property {string} unit What is counted, in the plural.
 * @property {readonly Variant[]} variants
 * @property {"rate" | "heap"} shows What the table is about: operations a second, or bytes allocated for each.
 * @property {readonly string[]} baselines Names of the implementations that ratios are against, where they take part.
 * @property {readonly import("./goals.mjs").Goal[]} [goals] What it is meant to reach.
 * @property {readonly string[]} [nodeFlags] For the processes under test.
 * @property {boolean} [oneCore] The process under test has one core to itself, where cores can be chosen.
 * @property {(environment: Environment) => Promise<Parameters>} [prepare] Once for the case: makes what all share.
 * @property {(environment: Environment) => readonly Implementation[]} implementations
 * @property {(parameters: Parameters) => Promise<Subject>} run Called in the process under test. `parameters` are those
 *   of `prepare`, of the variant and of the implementation, in one object.
 */
export {};
