// @ts-check
/**
 * Makes a clone ready: dependencies, system packages, builds. Node's built-ins only, because it runs before anything is
 * installed. What is done already is not done again; what cannot be done is told in one line, and the drivers that
 * need it are left out.
 *
 *   npm run setup                 does it again where it could not before
 *   BATON_SETUP_SYSTEM=1          allows sudo for system packages;  =0 leaves system packages alone
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPackages } from "./setup/build.mjs";
import { dependenciesAreInstalled, installDependencies } from "./setup/dependencies.mjs";
import { installSystemPackages, missingSystemPackages } from "./setup/system-packages.mjs";

/** Root of the repository. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const STAMP = ".baton/setup.json";
const NODE_MIN = [20, 19];

/**
 * What was done, so that it is not done twice.
 *
 * @typedef {object} Stamp
 * @property {string} system What was missing and what was allowed when it was last tried.
 * @property {string} locks Sizes and times of the lock files that were compared.
 * @property {readonly string[]} notes What could not be built: told once.
 */

/** @returns {Stamp} */
function readStamp() {
  const nothing = { system: "", locks: "", notes: [] };
  try {
    const { system, locks, notes } = { ...nothing, ...JSON.parse(readFileSync(join(root, STAMP), "utf8")) };
    return { system, locks, notes };
  } catch {
    return nothing;
  }
}

/** @param {Stamp} stamp */
function writeStamp(stamp) {
  mkdirSync(join(root, dirname(STAMP)), { recursive: true });
  writeFileSync(join(root, STAMP), `${JSON.stringify(stamp)}\n`);
}

/** @param {string} line */
function say(line) {
  console.error(`setup: ${line}`);
}

/** @param {string} path */
function sizeAndTime(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  return stat === undefined ? "none" : `${stat.size}@${stat.mtimeMs}`;
}

const lockState = () => `${sizeAndTime("package-lock.json")} ${sizeAndTime("node_modules/.package-lock.json")}`;

/**
 * `again`: what failed before is tried again, past the cache of builds.
 *
 * @typedef {{ again?: boolean }} SetupOptions
 */

/**
 * Makes sure that everything is there. Throws `SetupFailure` when what cannot be done without is missing.
 *
 * @param {SetupOptions} [options]
 */
export async function setUp({ again = false } = {}) {
  checkNode();
  const before = readStamp();
  const stamp = { ...before };
  await setUpDependencies(before, stamp);
  await setUpSystem(before, stamp, again);
  await setUpBuilds(before, stamp, again);
  if (JSON.stringify(stamp) !== JSON.stringify(before)) writeStamp(stamp);
}

/** What set-up cannot do without, and its output. */
export class SetupFailure extends Error {
  /** @param {string} message @param {string} output */
  constructor(message, output) {
    super(message);
    this.name = "SetupFailure";
    this.output = output;
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_MIN;
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    throw new SetupFailure(`Node ${NODE_MIN.join(".")} or newer is needed; this is ${process.versions.node}`, "");
  }
}

/** @param {Stamp} before @param {Stamp} stamp */
async function setUpDependencies(before, stamp) {
  if (before.locks === lockState()) return;
  if (!dependenciesAreInstalled(root)) {
    say("installing dependencies");
    const { code, output } = await installDependencies(root, say);
    if (code !== 0) throw new SetupFailure("the dependencies could not be installed", output);
  }
  stamp.locks = lockState();
}

/** @param {Stamp} before @param {Stamp} stamp @param {boolean} again */
async function setUpSystem(before, stamp, again) {
  const missing = missingSystemPackages();
  const setting = process.env["BATON_SETUP_SYSTEM"];
  const isRoot = process.getuid?.() === 0;
  stamp.system = JSON.stringify([missing, setting ?? null, isRoot]);
  if (again || stamp.system !== before.system) await installSystemPackages(missing, say, { setting, isRoot });
}

/** @param {Stamp} before @param {Stamp} stamp @param {boolean} again */
async function setUpBuilds(before, stamp, again) {
  const onSlow = () => say("building the packages");
  const { failed, notes, output } = await buildPackages(root, { force: again, onSlow });
  for (const note of notes) if (again || !before.notes.includes(note)) say(note);
  if (failed.length > 0) throw new SetupFailure(`${failed.join(", ")} could not be built`, output);
  stamp.notes = notes;
}

/**
 * Runs `setUp` for a script: a failure is its output and one line, and then the process is over.
 *
 * @param {SetupOptions} [options]
 */
export async function setUpOrExit(options) {
  try {
    await setUp(options);
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    if (error.output !== "") console.error(error.output.trimEnd());
    say(error.message);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await setUpOrExit({ again: true });
  say("done");
}
