// @ts-check
/** `npm run bench`: the cases that were asked for, measured and told. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cases } from "./cases/index.mjs";
import { surveyDrivers } from "./drivers.mjs";
import { judgeGoals } from "./goals.mjs";
import { bindableCores, describeMachine, loadOfMachine } from "./machine.mjs";
import { measureVariant } from "./measure.mjs";
import { buildPrograms } from "./native.mjs";
import { renderTable, summariseVariant } from "./report.mjs";

const HELP = `Usage: npm run bench -- [options]

  --quick           few and short rounds: to see that it works, not to publish
  --case NAME       only this case (may be given several times)
  --driver NAME     only this driver; the baselines stay (may be given several times)
  --rounds NUMBER   rounds per implementation (default 7, quick 3)
  --duration MS     length of a round (default 1000, quick 150)
  --json FILE       everything that was measured, as JSON
  --list            the cases there are
`;

const options = /** @type {const} */ ({
  quick: { type: "boolean", default: false },
  case: { type: "string", multiple: true },
  driver: { type: "string", multiple: true },
  rounds: { type: "string" },
  duration: { type: "string" },
  json: { type: "string" },
  list: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

/** A mistake on the command line. */
class UsageError extends Error {}

/** @param {string} name @param {string | undefined} text @param {number} otherwise */
function positive(name, text, otherwise) {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} must be a whole number above 0`);
  return value;
}

/** @param {readonly string[] | undefined} names */
function chooseCases(names) {
  if (names === undefined) return cases;
  for (const name of names) {
    if (!cases.some((known) => known.name === name)) {
      throw new UsageError(`there is no case ${name}; there are ${cases.map((known) => known.name).join(", ")}`);
    }
  }
  return cases.filter(({ name }) => names.includes(name));
}

/** @param {readonly string[] | undefined} names */
async function chooseDrivers(names) {
  const found = await surveyDrivers();
  for (const name of names ?? []) {
    const driver = found.find((known) => known.name === name);
    if (driver === undefined) throw new UsageError(`there is no driver ${name}`);
    if (!driver.available)
      throw new UsageError(`the driver ${name} cannot run here: ${driver.cause}. ${driver.summary}`);
  }
  const wanted = found.filter(({ name }) => names === undefined || names.includes(name));
  return {
    drivers: wanted.filter(({ available }) => available).map(({ name }) => String(name)),
    missing: wanted.filter(({ available }) => !available).map(({ name, cause }) => `driver ${name}: ${cause}`),
  };
}

/** Where it stands, on a terminal only. @param {string} text */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/**
 * What is known when all is measured.
 *
 * @typedef {object} Findings
 * @property {object[]} results
 * @property {Set<string>} leftOut
 * @property {string[]} broken
 */

/**
 * Measures a case and prints a table for each of its variants.
 *
 * @param {import("./case.mjs").Case} benchmark
 * @param {import("./case.mjs").Environment} environment
 * @param {{ rounds: number, durationMs: number }} extent
 * @param {Findings} findings
 */
async function measureCase(benchmark, environment, { rounds, durationMs }, findings) {
  print(`\n${benchmark.name}: ${benchmark.title}\n`);
  const { cores } = environment;
  const shared = (await benchmark.prepare?.(environment)) ?? {};
  const implementations = benchmark.implementations(environment);
  for (const { name, leftOut } of implementations) {
    if (leftOut !== undefined) findings.leftOut.add(`${benchmark.name}, ${name}: ${leftOut}`);
  }
  for (const variant of benchmark.variants) {
    const where = `${benchmark.name}, ${variant.name}`;
    const taking = implementations
      .filter(({ leftOut, variants }) => leftOut === undefined && (variants?.includes(variant.name) ?? true))
      .map(({ name, parameters }) => ({ name, parameters: { ...shared, ...variant.parameters, ...parameters } }));
    try {
      const measurements = await measureVariant(benchmark, taking, {
        rounds,
        durationMs,
        warmupMs: durationMs,
        core: benchmark.oneCore === true && cores.length > 1 ? (cores[0] ?? -1) : -1,
        onRound: (name, round) => progress(`${where}: ${name}, round ${round} of ${rounds}`),
      });
      progress("");
      const rows = summariseVariant(measurements, benchmark.baselines);
      print(`\n ${variant.name}\n${renderTable(rows, benchmark)}\n`);
      const goals = judgeGoals(benchmark.goals ?? [], variant.name, rows);
      for (const { text } of goals) print(`  goal, ${text}\n`);
      const { name, unit } = benchmark;
      findings.results.push({ case: name, variant: variant.name, unit, rows, goals, measurements });
    } catch (error) {
      progress("");
      const text = error instanceof Error ? error.message : String(error);
      findings.broken.push(`${where}: ${text}`);
      print(`\n ${variant.name}\n  broken: ${text}\n`);
    }
  }
}

/** A directory for the cases' files that is gone afterwards, however the process ends. */
function makeDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "baton-bench-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => process.exit(1));
  return directory;
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<number>} Exit code.
 */
async function main(args) {
  const { values } = parseArgs({ args: [...args], options });
  if (values.help) return print(HELP);
  if (values.list) return print(`${cases.map(({ name, title }) => `${name.padEnd(18)}${title}`).join("\n")}\n`);
  const { quick } = values;
  const rounds = positive("rounds", values.rounds, quick ? 3 : 7);
  const durationMs = positive("duration", values.duration, quick ? 150 : 1000);
  const chosen = chooseCases(values.case);
  const { drivers, missing } = await chooseDrivers(values.driver);

  const machine = describeMachine();
  const loadBefore = loadOfMachine();
  print(machineText(machine, loadBefore, rounds, durationMs, quick));
  const native = await buildPrograms();
  const environment = { drivers, quick, directory: makeDirectory(), cores: bindableCores(), native };
  /** @type {Findings} */
  const findings = { results: [], leftOut: new Set(missing), broken: [] };
  for (const benchmark of chosen) await measureCase(benchmark, environment, { rounds, durationMs }, findings);

  const { results, leftOut, broken } = findings;
  for (const line of leftOut) print(`\nleft out: ${line}`);
  const loadAfter = loadOfMachine();
  print(`\nload of the machine: ${loadBefore} before, ${loadAfter} after\n`);
  if (values.json !== undefined) {
    const extent = { quick, rounds, durationMs, loadBefore, loadAfter };
    const everything = { schema: 1, ...extent, machine, results, leftOut: [...leftOut], broken };
    writeFileSync(values.json, `${JSON.stringify(everything, null, 2)}\n`);
  }
  return broken.length === 0 ? 0 : 1;
}

/** @param {string} text */
function print(text) {
  process.stdout.write(text);
  return 0;
}

/**
 * @param {ReturnType<typeof describeMachine>} machine
 * @param {number} load
 * @param {number} rounds
 * @param {number} durationMs
 * @param {boolean} quick
 */
function machineText(machine, load, rounds, durationMs, quick) {
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}, load ${load}`,
    `Node ${machine.node} (V8 ${machine.v8}, libuv ${machine.libuv}), Baton ${machine.baton}`,
    `${rounds} rounds of ${durationMs} ms, medians; ratios round by round`,
  ];
  if (quick) lines.push("quick: these figures show that it works and nothing else");
  return `${lines.join("\n")}\n`;
}

/** Runs a command line; a mistake in it is one line. @param {readonly string[]} args */
export async function runBench(args) {
  try {
    process.exitCode = await main(args);
  } catch (error) {
    const usage = error instanceof UsageError || (error instanceof TypeError && "code" in error);
    if (!usage) throw error;
    console.error(`bench: ${error.message}`);
    process.exitCode = 2;
  }
}

// Called by itself it does no set-up: for tests, which must not build what others are using.
if (process.argv[1] === fileURLToPath(import.meta.url)) await runBench(process.argv.slice(2));
