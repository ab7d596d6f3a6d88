// @ts-check
/** Benches, each a process with a vitest that stays: see `bench.mjs`. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** @typedef {import("./bench.mjs").Job} Job */
/** @typedef {import("./bench.mjs").Answer} Answer */

const program = fileURLToPath(new URL("bench.mjs", import.meta.url));
/** Nothing here takes so long: a mutant has made it go round for ever. */
const JOB_TIMEOUT_MS = 300_000;

export class Bench {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  #output = "";

  /** Runs tests, with a mutant or without. @param {Job} job @returns {Promise<Answer>} */
  async run(job) {
    const child = this.#child ?? (await this.#start());
    this.#output = "";
    return new Promise((resolve) => {
      /** @param {Answer | undefined} answer */
      const settle = (answer) => {
        clearTimeout(timer);
        child.off("message", settle).off("exit", died);
        resolve(answer ?? { results: neverEnded(job), output: this.#output });
      };
      const died = () => {
        this.#child = undefined;
        settle(undefined);
      };
      const timer = setTimeout(() => this.close(), JOB_TIMEOUT_MS);
      child.on("message", settle).on("exit", died);
      child.send(job);
    });
  }

  /** @returns {Promise<import("node:child_process").ChildProcess>} */
  async #start() {
    // A group of its own, so that nothing of it is left when it has to be ended.
    const child = fork(program, { detached: true, stdio: ["ignore", "pipe", "pipe", "ipc"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        this.#output += text;
      });
    }
    await new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", () => reject(new Error(`the bench for mutants does not start\n${this.#output}`)));
    });
    this.#child = child;
    return child;
  }

  /** Ends it, whatever it is doing. */
  close() {
    const pid = this.#child?.pid;
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  }
}

/**
 * Tests that did not end, or ended their process, have failed.
 *
 * @param {Job} job @returns {import("./bench.mjs").TestResult[]}
 */
function neverEnded({ files }) {
  return files.flatMap(({ file, tests }) =>
    tests.map((test) => ({ file, fullName: test, status: "failed", durationMs: 0 })),
  );
}
