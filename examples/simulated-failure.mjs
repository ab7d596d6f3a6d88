// @ts-check
// Testing your own code against I/O failure: the same program on a hundred simulated machines, each with short reads
// and writes, errors and odd timing of its own. A seed that fails fails again the same way.
//
//   node examples/simulated-failure.mjs
import { createBackend } from "@baton-io/core";
import { createSimulation } from "@baton-io/core/testing";

const SEEDS = 100;
const TEXT = "a line that must arrive whole\n".repeat(40);

/** @typedef {(io: import("@baton-io/core").Backend, path: string) => Promise<void>} Save */

/** Forgets that a write may write less than asked, and that a device may fail now and then. @type {Save} */
async function careless(io, path) {
  const file = await io.openFile(path, "w");
  const buffer = io.buffers.copyFrom(TEXT);
  await file.write(buffer, { position: 0 });
  buffer.release();
  await file.close();
}

/** Writes everything, and tries again where trying again can help. @type {Save} */
async function careful(io, path) {
  const buffer = io.buffers.copyFrom(TEXT);
  for (let triesLeft = 20; ; triesLeft--) {
    try {
      const file = await io.openFile(path, "w");
      try {
        await file.writeFull(buffer, { position: 0 });
        break;
      } finally {
        await file.close();
      }
    } catch (error) {
      const { code } = /** @type {{ code: string }} */ (error);
      if (triesLeft === 0 || !["EIO", "ENOSPC", "EMFILE"].includes(code)) throw error;
      await io.sleep(100); // Virtual time: costs nothing.
    }
  }
  buffer.release();
}

/** True when the file is right afterwards. */
async function survives(/** @type {Save} */ save, /** @type {number} */ seed) {
  const simulation = createSimulation({
    seed,
    faults: { short: 0.2, ioError: 0.1, noSpace: 0.05, tooManyFiles: 0.05, late: 0.2, shuffle: 1, delayUsMax: 300 },
  });
  const io = createBackend({ driver: simulation.driver, clock: simulation.clock });
  try {
    await save(io, "/saved.txt");
    return new TextDecoder().decode(simulation.files.read("/saved.txt")) === TEXT;
  } catch {
    return false;
  } finally {
    await io.close();
  }
}

for (const save of [careful, careless]) {
  /** @type {number[]} */
  const failed = [];
  for (let seed = 1; seed <= SEEDS; seed++) if (!(await survives(save, seed))) failed.push(seed);
  const replay = failed.length === 0 ? "" : `; the first that was not: ${failed[0]}`;
  console.log(`${`${save.name}:`.padEnd(10)} ${SEEDS - failed.length} of ${SEEDS} seeds right${replay}`);
}
