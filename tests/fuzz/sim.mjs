// @ts-check
/**
 * Random programs on simulated machines, one per seed. A seed decides everything, so a failure is replayed by its
 * number; a sample of the seeds is run twice, and must take the same way twice.
 */
import { parseArgs } from "node:util";
import { plantedBugNames, runSimProgram } from "@baton-io/core/testing";
import { Progress } from "./progress.mjs";

const SEEDS_DEFAULT = 2000;
/** Every so many seeds one is run twice. */
const TWICE_EVERY = 20;
/** So many failing seeds are shown in full. */
const SHOWN_MAX = 10;
const FAILURES_SHOWN_MAX = 5;
/** A planted bug must be caught within so many seeds. */
const CANARY_SEEDS_MAX = 500;

/** @typedef {import("@baton-io/core/testing").SimProgramReport} Report */
/** @typedef {import("@baton-io/core/testing").PlantedBug} PlantedBug */

const usage = `usage: npm run fuzz -- sim [SEED | FROM-TO] [--count N] [--twice] [--canary] [--bug NAME]`;

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function run(args) {
  const plan = readArguments(args);
  if (typeof plan === "string") {
    console.error(`fuzz: ${plan}\n${usage}`);
    return 2;
  }
  const watch = watchProcess();
  try {
    return plan.canary ? await runCanaries(watch) : await runSeeds(plan, watch);
  } finally {
    watch.end();
  }
}

/**
 * @typedef {object} Plan
 * @property {number} from
 * @property {number} to
 * @property {boolean} twice
 * @property {boolean} canary
 * @property {PlantedBug | undefined} bug
 */

/**
 * @param {string[]} args
 * @returns {Plan | string} the plan, or what is wrong with the arguments
 */
function readArguments(args) {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        count: { type: "string" },
        twice: { type: "boolean", default: false },
        canary: { type: "boolean", default: false },
        bug: { type: "string" },
      },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  if (positionals.length > 1) return `one range of seeds, not ${positionals.length}`;
  const { twice, canary } = values;
  const bug = plantedBugNames.find((name) => name === values.bug);
  if (values.bug !== undefined && bug === undefined)
    return `no bug is called ${values.bug}: ${plantedBugNames.join(", ")}`;
  const range = /^(\d+)(?:-(\d+))?$/.exec(positionals[0] ?? `1-${SEEDS_DEFAULT}`);
  if (range === null) return `${positionals[0]} is not a seed and not a range of seeds`;
  const from = Number(range[1]);
  let to = Number(range[2] ?? range[1]);
  if (values.count !== undefined) {
    const count = Number(values.count);
    if (!Number.isInteger(count) || count < 1) return `--count ${values.count} is not a count`;
    to = from + count - 1;
  }
  if (to < from || !Number.isSafeInteger(to)) return `${positionals[0]} is an empty range`;
  return { from, to, twice, canary, bug };
}

/** @typedef {ReturnType<typeof watchProcess>} Watch */

/** Notes what a program lets slip past itself: rejections nobody handles, errors nobody catches, an early end. */
function watchProcess() {
  /** @type {string[]} */
  let slipped = [];
  let current = "nothing";
  /** @param {string} what */
  const note = (what) => (/** @type {unknown} */ error) => {
    slipped.push(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  };
  const onRejection = note("unhandled rejection");
  const onException = note("uncaught exception");
  const onExit = () => {
    console.error(`${current}: nothing is going to happen any more, and the program has not ended`);
    for (const text of slipped) console.error(`  ${text}`);
    process.exitCode = 1;
  };
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtException", onException);
  process.on("exit", onExit);
  return {
    /** @param {string} text what runs now */
    begin: (text) => {
      current = text;
      slipped = [];
    },
    /** What has slipped past since `begin`. */
    slipped: async () => {
      // Rejections count as unhandled once the microtasks are done.
      await new Promise((resolve) => setImmediate(resolve));
      return slipped;
    },
    end: () => {
      process.off("unhandledRejection", onRejection);
      process.off("uncaughtException", onException);
      process.off("exit", onExit);
    },
  };
}

/**
 * Runs one seed and answers with everything that went wrong.
 *
 * @param {number} seed
 * @param {PlantedBug | undefined} bug
 * @param {Watch} watch
 * @returns {Promise<{ report: Report, failures: string[] }>}
 */
async function runSeed(seed, bug, watch) {
  watch.begin(replay(seed, bug));
  const report = await runSimProgram({ seed, plantedBug: bug });
  return { report, failures: [...report.failures, ...(await watch.slipped())] };
}

/**
 * @param {number} seed
 * @param {PlantedBug | undefined} bug
 */
function replay(seed, bug) {
  return `npm run fuzz -- sim ${seed}${bug === undefined ? "" : ` --bug ${bug}`}`;
}

// --- seeds ---------------------------------------------------------------------------------------------------------

/**
 * @param {Plan} plan
 * @param {Watch} watch
 */
async function runSeeds({ from, to, twice, bug }, watch) {
  const progress = new Progress("seeds", to - from + 1);
  const startMs = performance.now();
  let failed = 0;
  let operations = 0;
  let events = 0;
  for (let seed = from; seed <= to; seed++) {
    const { report, failures } = await runSeed(seed, bug, watch);
    operations += report.operations;
    events += report.events;
    if (twice || seed % TWICE_EVERY === 0 || from === to) {
      const again = await runSeed(seed, bug, watch);
      if (again.report.hash !== report.hash) {
        failures.push(`the second run took another way: ${report.hash} and ${again.report.hash}`);
      }
    }
    if (failures.length > 0 && ++failed <= SHOWN_MAX) {
      progress.clear();
      showFailure(seed, bug, failures);
    }
    progress.step(failed);
    if (from === to) showReport(report);
  }
  progress.clear();
  const seconds = (performance.now() - startMs) / 1000;
  console.log(`${operations} operations, ${events} events in ${seconds.toFixed(1)} s`);
  console.log(`${to - from + 1 - failed} seeds passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/**
 * @param {number} seed
 * @param {PlantedBug | undefined} bug
 * @param {readonly string[]} failures
 */
function showFailure(seed, bug, failures) {
  console.log(`seed ${seed} failed:`);
  for (const failure of failures.slice(0, FAILURES_SHOWN_MAX)) console.log(`  ${failure}`);
  if (failures.length > FAILURES_SHOWN_MAX) console.log(`  … and ${failures.length - FAILURES_SHOWN_MAX} more`);
  console.log(`replay: ${replay(seed, bug)}`);
}

/** @param {Report} report */
function showReport({ hash, events, operations, outcomes, faults }) {
  /** @param {Readonly<Record<string, number>>} counts */
  const list = (counts) =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  console.log(`hash        ${hash}\nevents      ${events}\noperations  ${operations}`);
  console.log(`outcomes    ${list(outcomes)}\nfaults      ${list(faults)}`);
}

// --- canaries ------------------------------------------------------------------------------------------------------

/**
 * Plants each bug in turn; all must be caught.
 *
 * @param {Watch} watch
 */
async function runCanaries(watch) {
  let survived = 0;
  for (const bug of plantedBugNames) {
    const caught = await catchBug(bug, watch);
    if (caught === undefined) {
      survived++;
      console.log(`SURVIVED ${bug}: ${CANARY_SEEDS_MAX} seeds pass with it`);
    } else {
      console.log(`caught   ${bug.padEnd(28)} seed ${String(caught.seed).padEnd(4)} ${caught.failure}`);
    }
  }
  console.log(`${plantedBugNames.length - survived} planted bugs caught, ${survived} survived`);
  return survived === 0 ? 0 : 1;
}

/**
 * The first seed that fails with the bug, and how.
 *
 * @param {PlantedBug} bug
 * @param {Watch} watch
 */
async function catchBug(bug, watch) {
  for (let seed = 1; seed <= CANARY_SEEDS_MAX; seed++) {
    const { failures } = await runSeed(seed, bug, watch);
    const [first] = failures;
    if (first !== undefined) return { seed, failure: first.length > 100 ? `${first.slice(0, 100)} …` : first };
  }
  return undefined;
}
