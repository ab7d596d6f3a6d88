// @ts-check
/**
 * Everything that must hold, in stages, exactly as continuous integration runs it. The last line is
 * `N passed, N failed`; the exit code is 1 when anything failed.
 *
 *   npm run check                        everything
 *   npm run check -- --only lint,types   some stages
 *   npm run check -- --list              the stages there are
 *   EXPECT_DRIVERS=uring,epoll,libuv     drivers that must run here
 */
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { groups, stages } from "./check/stages.mjs";

/** @typedef {import("./check/stage.mjs").Stage} Stage */
/** @typedef {import("./check/stage.mjs").StageResult} StageResult */

const USAGE = `Usage: npm run check -- [options]

  --only STAGES   only these stages, separated by commas
  --list          the stages there are
  --help          this text

EXPECT_DRIVERS=uring,epoll,libuv names drivers that must run here.`;

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * Runs one stage. A stage that breaks has failed.
 *
 * @param {Stage} stage
 * @returns {Promise<StageResult & { seconds: number }>}
 */
async function runStage(stage) {
  const startMs = performance.now();
  /** @type {StageResult} */
  let result;
  try {
    result = await stage.run(root);
  } catch (error) {
    const failures = error instanceof Error ? (error.stack ?? error.message) : String(error);
    result = { passed: 0, failed: 1, failures };
  }
  return { ...result, seconds: (performance.now() - startMs) / 1000 };
}

/** @param {Stage} stage @param {Awaited<ReturnType<typeof runStage>>} result */
function printStage(stage, { passed, failed, skipped = [], notes = [], failures = "", seconds }) {
  const counts = [`${passed} passed`];
  if (failed > 0) counts.push(`${failed} failed`);
  if (skipped.length > 0) counts.push(`${skipped.length} skipped`);
  console.log(
    `${failed > 0 ? "✗" : "✓"} ${stage.name.padEnd(10)} ${counts.join(", ").padEnd(36)} ${seconds.toFixed(1)} s`,
  );
  for (const note of notes) console.log(`    ${note}`);
  if (failed > 0) console.log(`\n${failures.trimEnd()}\n`);
}

/** @param {readonly Stage[]} chosen @returns {Promise<boolean>} True when nothing failed. */
async function check(chosen) {
  let passed = 0;
  let failed = 0;
  /** @type {string[]} */
  const skipped = [];
  for (const group of groups) {
    const running = group
      .filter((stage) => chosen.includes(stage))
      .map((stage) => ({ stage, result: runStage(stage) }));
    for (const { stage, result: unfinished } of running) {
      const result = await unfinished;
      printStage(stage, result);
      passed += result.passed;
      failed += result.failed;
      for (const reason of result.skipped ?? []) skipped.push(`${stage.name}: ${reason}`);
    }
  }
  if (skipped.length > 0) console.log(`\nSkipped:\n${skipped.map((line) => `  ${line}`).join("\n")}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0;
}

/** @param {string | undefined} only @returns {readonly Stage[]} */
function chooseStages(only) {
  if (only === undefined) return stages;
  const names = only.split(",");
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    console.error(
      `check: there is no stage ${unknown.join(", ")}; there are ${stages.map(({ name }) => name).join(", ")}`,
    );
    process.exit(2);
  }
  return stages.filter(({ name }) => names.includes(name));
}

/** The options; what is wrong with them ends the program. */
function readOptions() {
  const flag = /** @type {const} */ ({ type: "boolean", default: false });
  try {
    return parseArgs({ options: { only: { type: "string" }, list: flag, help: { ...flag, short: "h" } } }).values;
  } catch (error) {
    console.error(`check: ${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

const values = readOptions();
if (values.help) {
  console.log(USAGE);
  process.exit();
}
if (values.list) {
  for (const { name, checks } of stages) console.log(`${name.padEnd(10)} ${checks}`);
} else {
  process.exitCode = (await check(chooseStages(values.only))) ? 0 : 1;
}
