// @ts-check
/**
 * What a stage of `npm run check` is. To add one: a file like the others here, and its line in `stages.mjs`.
 *
 * @typedef {object} StageResult
 * @property {number} passed Things that were checked and are right.
 * @property {number} failed Things that were checked and are not.
 * @property {readonly string[]} [skipped] What was not checked, each with its reason: never silent.
 * @property {readonly string[]} [notes] Findings that are no failures; shown under the stage's line.
 * @property {string} [failures] What is wrong, in full.
 *
 * @typedef {object} Stage
 * @property {string} name
 * @property {string} checks What it checks, in a few words.
 * @property {(root: string) => Promise<StageResult>} run
 */
export {};
