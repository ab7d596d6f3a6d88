// @ts-check
/** Runs one script in every world and tells where they differ. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackend } from "@baton-io/core";
import { createSimulation } from "@baton-io/core/testing";
import { DatagramWorld } from "./datagram-world.mjs";
import { FileWorld } from "./file-world.mjs";
import { Oracle } from "./oracle.mjs";
import { makeScript, PLACES } from "./script.mjs";
import { SocketWorld } from "./socket-world.mjs";

/** @typedef {import("@baton-io/core").Backend} Backend */
/** @typedef {import("@baton-io/core").Driver} Driver */
/** @typedef {import("./script.mjs").Script} Script */
/** @typedef {import("./script.mjs").Step} Step */
/** @typedef {import("./script.mjs").FileStep} FileStep */
/** @typedef {import("./script.mjs").SocketStep} SocketStep */
/** @typedef {import("./script.mjs").DatagramStep} DatagramStep */

const ON_SOCKETS = new Set([
  ...["listen", "listenAgain", "connectNobody", "pair", "send", "receive", "receiveProvided", "waitInVain"],
  ...["shutdown", "addresses", "hangUp", "listenAt", "connectAt", "closeListener"],
]);
const ON_DATAGRAMS = new Set(["bind", "bindAgain", "post", "collect", "collectInVain"]);
/** Files are created with the permissions that this leaves, in every world. */
const UMASK = 0o022;
/** Scripts that run at the same time: each waits most of the time. */
const AT_A_TIME = 8;

/** @typedef {{ name: string, outcomes: string[] }} Transcript */

/** The worlds in which scripts are run: one for each driver, the simulated one, and `node:fs`. */
export class Worlds {
  /** @type {{ name: string, io: Backend }[]} */
  #backends;
  #root = mkdtempSync(join(tmpdir(), "baton-differential-"));
  #umask = process.umask(UMASK);
  #runs = 0;

  /** @param {readonly { name: string, createDriver: () => Driver }[]} drivers */
  constructor(drivers) {
    this.#backends = drivers.map(({ name, createDriver }) => ({
      name,
      io: createBackend({ driver: createDriver(), operationsMax: 256 }),
    }));
  }

  /** Names of the worlds, the oracle's last. */
  get names() {
    return [...this.#backends.map(({ name }) => name), "sim", "node:fs"];
  }

  /**
   * Runs the script of a seed everywhere; where its worlds differ, as sentences.
   *
   * @param {number} seed
   * @returns {Promise<string[]>}
   */
  async run(seed) {
    const script = makeScript(seed);
    const steps = [...script.steps, ...lookingAround()];
    const run = join(this.#root, `${this.#runs++}`);
    mkdirSync(run);
    const simulation = createSimulation({ seed: 1 });
    const simulated = createBackend({ driver: simulation.driver, clock: simulation.clock, operationsMax: 64 });
    simulation.files.makeDirectory("/tmp/world");
    const transcripts = await Promise.all([
      ...this.#backends.map(({ name, io }) => {
        mkdirSync(join(run, name));
        return transcript(name, io, `${run}/${name}/`, steps);
      }),
      transcript("sim", simulated, "/tmp/world/", steps),
    ]);
    await simulated.close();
    // Names of sockets are names of files too, and the oracle makes none.
    if (!steps.some((step) => step.do === "listenAt")) {
      mkdirSync(join(run, "oracle"));
      transcripts.push(oracleTranscript(`${run}/oracle/`, steps));
    }
    rmSync(run, { recursive: true, force: true });
    return [...simulation.violations, ...differences(steps, transcripts)];
  }

  /**
   * Runs a range of seeds, several at a time; what failed, in the order of the seeds.
   *
   * @param {number} from
   * @param {number} to
   * @param {(failed: number) => void} [onDone] called after each script
   * @returns {Promise<{ seed: number, failures: string[] }[]>}
   */
  async runRange(from, to, onDone) {
    /** @type {{ seed: number, failures: string[] }[]} */
    const failed = [];
    let next = from;
    const work = async () => {
      while (next <= to) {
        const seed = next++;
        const failures = await this.run(seed);
        if (failures.length > 0) failed.push({ seed, failures });
        onDone?.(failed.length);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    return failed.sort((one, other) => one.seed - other.seed);
  }

  /** Closes the backends and deletes what is left. */
  async close() {
    for (const { io } of this.#backends) await io.close();
    rmSync(this.#root, { recursive: true, force: true });
    process.umask(this.#umask);
  }
}

/** How one script is run again. @param {number} seed */
export function replay(seed) {
  return `npm run fuzz -- differential ${seed}`;
}

/** What a script has left behind. @returns {FileStep[]} */
function lookingAround() {
  return PLACES.flatMap((name) => [
    /** @type {const} */ ({ do: "stat", name, follow: false }),
    /** @type {const} */ ({ do: "open", slot: 9, name, flags: "r" }),
    /** @type {const} */ ({ do: "read", slot: 9, length: 20_000, position: 0 }),
    /** @type {const} */ ({ do: "close", slot: 9 }),
  ]);
}

/**
 * @param {string} name
 * @param {Backend} io
 * @param {string} directory
 * @param {readonly Step[]} steps
 * @returns {Promise<Transcript>}
 */
async function transcript(name, io, directory, steps) {
  const files = new FileWorld(io, directory);
  const sockets = new SocketWorld(io, directory);
  const datagrams = new DatagramWorld(io);
  const outcomes = [];
  for (const step of steps) {
    if (isOnSockets(step)) outcomes.push(await sockets.run(step));
    else if (isOnDatagrams(step)) outcomes.push(await datagrams.run(step));
    else outcomes.push(await files.run(step));
  }
  await files.close();
  await sockets.close();
  await datagrams.close();
  return { name, outcomes };
}

/** @param {string} directory @param {readonly Step[]} steps @returns {Transcript} */
function oracleTranscript(directory, steps) {
  const oracle = new Oracle(directory);
  const outcomes = steps.map((step) => (isOnSockets(step) || isOnDatagrams(step) ? "" : oracle.run(step)));
  oracle.close();
  return { name: "node:fs", outcomes };
}

/** @param {Step} step @returns {step is SocketStep} */
function isOnSockets(step) {
  return ON_SOCKETS.has(step.do);
}

/** @param {Step} step @returns {step is DatagramStep} */
function isOnDatagrams(step) {
  return ON_DATAGRAMS.has(step.do);
}

/**
 * The first step of which not all say the same, with what each says: what follows it follows from it.
 *
 * @param {readonly Step[]} steps
 * @param {readonly Transcript[]} transcripts
 * @returns {string[]}
 */
function differences(steps, transcripts) {
  for (const [index, step] of steps.entries()) {
    // The oracle knows files only.
    const heard = transcripts.filter(({ outcomes }) => outcomes[index] !== "");
    if (new Set(heard.map(({ outcomes }) => outcomes[index])).size <= 1) continue;
    const said = heard.map(({ name, outcomes }) => `${name} says ${outcomes[index]}`);
    return [`step ${index}, ${JSON.stringify(step)}: ${said.join("; ")}`];
  }
  return [];
}
