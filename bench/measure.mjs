// @ts-check
/** Measures one variant of a case: every implementation in a process of its own, their rounds one after the other. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const SUBJECT = fileURLToPath(new URL("./subject.mjs", import.meta.url));
/** How long a process may take for one order beyond the duration of a round. */
const ORDER_LIMIT_MS = 60_000;

/**
 * @typedef {object} Measurement
 * @property {string} implementation
 * @property {import("./case.mjs").Sample[]} samples One per round.
 */

/** A process under test. */
class SubjectProcess {
  #child;
  #errors = "";

  /** @param {readonly string[]} nodeFlags @param {number} core −1: any. */
  constructor(nodeFlags, core) {
    const command = [process.execPath, ...nodeFlags, SUBJECT];
    const [program, ...args] = core < 0 ? command : ["taskset", "-c", String(core), ...command];
    this.#child = spawn(/** @type {string} */ (program), args, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (text) => {
      this.#errors += text;
    });
  }

  /**
   * Gives an order and waits for the answer.
   *
   * @param {import("./subject.mjs").Order} order
   * @param {number} [durationMs]
   * @returns {Promise<import("./case.mjs").Sample>}
   */
  order(order, durationMs = 0) {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail("no answer"), durationMs + ORDER_LIMIT_MS);
      /** @param {any} answer */
      const onMessage = (answer) =>
        answer.error === undefined ? finish(() => resolve(answer.sample)) : fail(answer.error);
      /** @param {number | null} code @param {string | null} signal */
      const onExit = (code, signal) => fail(`the process ended (${signal ?? code})`);
      /** @param {string} why */
      const fail = (why) => finish(() => reject(new Error(`${why}\n${this.#errors}`.trimEnd())));
      /** @param {() => void} settle */
      const finish = (settle) => {
        clearTimeout(timer);
        child.off("message", onMessage);
        child.off("exit", onExit);
        settle();
      };
      child.on("message", onMessage);
      child.on("exit", onExit);
      child.send(order);
    });
  }

  /** Ends it in order, or by force when it does not. */
  async close() {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.on("exit", resolve));
    const timer = setTimeout(() => child.kill("SIGKILL"), ORDER_LIMIT_MS);
    if (child.connected) child.send({ type: "close" });
    await exited;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill() {
    this.#child.kill("SIGKILL");
  }
}

/**
 * @param {import("./case.mjs").Case} benchmark
 * @param {readonly { name: string, parameters: import("./case.mjs").Parameters }[]} implementations With all parameters.
 * @param {{ rounds: number, durationMs: number, warmupMs: number, core: number, onRound: (implementation: string, round: number) => void }} options
 * @returns {Promise<Measurement[]>}
 */
export async function measureVariant(benchmark, implementations, options) {
  const { rounds, durationMs, warmupMs, core, onRound } = options;
  /** @type {{ name: string, process: SubjectProcess, samples: import("./case.mjs").Sample[] }[]} */
  const subjects = [];
  try {
    for (const { name, parameters } of implementations) {
      const subject = new SubjectProcess(benchmark.nodeFlags ?? [], core);
      subjects.push({ name, process: subject, samples: [] });
      await subject.order({ type: "start", case: benchmark.name, parameters });
      onRound(name, 0);
      await subject.order({ type: "round", durationMs: warmupMs }, warmupMs);
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { name, process: subject, samples } of subjects) {
        onRound(name, round);
        samples.push(await subject.order({ type: "round", durationMs }, durationMs));
      }
    }
    for (const { process: subject } of subjects) await subject.close();
  } catch (error) {
    for (const { process: subject } of subjects) subject.kill();
    throw error;
  }
  return subjects.map(({ name, samples }) => ({ implementation: name, samples }));
}
