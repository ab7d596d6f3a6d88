// @ts-check
/**
 * Makes a clone ready: dependencies, system packages, builds. Node's built-ins only, because it runs before anything is
 * installed. What is done already is not done again; what cannot be done is told in one line, and the drivers that
 * need it are left out.
 *
 *   npm run setup                 does it again where it could not before
 *   BATON_SETUP_SYSTEM=1          allows sudo for system packages;  =0 leaves system packages alone
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPackages } from "./setup/build.mjs";
import { dependenciesAreInstalled, installDependencies } from "./setup/dependencies.mjs";
import { fingerprintInputs, nativeBinaries, outputsAreThere, sameContent } from "./setup/inputs.mjs";
import { installSystemPackages, missingSystemPackages, toolchainFingerprint } from "./setup/system-packages.mjs";

/** Root of the repository. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const STAMP = ".baton/setup.json";
const NODE_MIN = [20, 19];

/**
 * What was done, so that it is not done twice.
 *
 * @typedef {object} Stamp
 * @property {import("./setup/inputs.mjs").Fingerprints} inputs
 * @property {string} toolchain
 * @property {string} system What was missing and what was allowed when it was last tried.
 * @property {string} locks Sizes and times of the lock files that were compared.
 * @property {readonly string[]} binaries Native halves that were built.
 */

/** @returns {Stamp} */
function readStamp() {
  const nothing = { inputs: {}, toolchain: "", system: "", locks: "", binaries: [] };
  try {
    return { ...nothing, ...JSON.parse(readFileSync(join(root, STAMP), "utf8")) };
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
 * How much set-up does although it was done before: `again` tries what failed, past every cache; `rebuild` builds what
 * has changed even if nothing seems to have.
 *
 * @typedef {{ again?: boolean, rebuild?: boolean }} SetupOptions
 */

/**
 * Makes sure that everything is there. Throws `SetupFailure` when what cannot be done without is missing.
 *
 * @param {SetupOptions} [options]
 */
export async function setUp({ again = false, rebuild = false } = {}) {
  checkNode();
  const before = readStamp();
  const stamp = { ...before };
  await setUpDependencies(before, stamp);
  await setUpSystem(before, stamp, again);
  await setUpBuilds(before, stamp, { again, rebuild });
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

/** @param {Stamp} before @param {Stamp} stamp @param {Required<SetupOptions>} options */
async function setUpBuilds(before, stamp, { again, rebuild }) {
  stamp.inputs = fingerprintInputs(root, before.inputs);
  stamp.toolchain = toolchainFingerprint();
  const sameTools = stamp.toolchain === before.toolchain;
  const unchanged = sameTools && sameContent(stamp.inputs, before.inputs);
  const complete = outputsAreThere(root) && before.binaries.every((path) => existsSync(join(root, path)));
  if (!again && !rebuild && unchanged && complete) return;
  say("building the packages");
  // The cache knows the sources and not the tools: what could not be built for want of one is in it as done.
  const { failed, notes, output } = await buildPackages(root, { force: again || !sameTools });
  for (const note of notes) say(note);
  if (failed.length > 0) throw new SetupFailure(`${failed.join(", ")} could not be built`, output);
  stamp.binaries = nativeBinaries(root);
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
