// @ts-check
/**
 * What others feel of slow files: 64 reads of 1 MiB past the page cache are kept in flight, and beside them one thing
 * at a time is asked for that needs a thread of the runtime's pool.
 */
import { pbkdf2 } from "node:crypto";
import { lookup } from "node:dns/promises";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { alignedBuffers, openWithThreads, whyNotDirect } from "../disk-reads.mjs";
import { cpuMs } from "../lanes.mjs";
import { expectWhole, onDevice, readWithCallback, writePageFile } from "../page-file.mjs";

const MEBIBYTE = 1 << 20;
const READS = 64;
const FILE_MIB = 1024;
const FILE_MIB_QUICK = 128;

/** What is asked for beside the reads. @type {Readonly<Record<string, () => Promise<unknown>>>} */
const askers = {
  "dns.lookup": () => lookup("localhost"),
  "crypto.pbkdf2": () => promisify(pbkdf2)("secret", "salt", 1000, 32, "sha256"),
};

/**
 * Reads that never end by themselves, and how to end them.
 *
 * @typedef {{ start: () => void, stop: () => Promise<void>, close: () => Promise<void> }} Slow
 */

/**
 * @param {number} mebibytes
 * @param {(lane: number, position: number) => Promise<void>} operate
 * @returns {Omit<Slow, "close">}
 */
function keepReading(mebibytes, operate) {
  let running = false;
  let next = 0;
  /** @type {Promise<void>[]} */
  let lanes = [];
  /** @param {number} lane */
  const readOn = async (lane) => {
    while (running) await operate(lane, (next++ % mebibytes) * MEBIBYTE);
  };
  return {
    start: () => {
      running = true;
      lanes = Array.from({ length: READS }, (_, lane) => readOn(lane));
    },
    stop: async () => {
      running = false;
      await Promise.all(lanes);
    },
  };
}

/** @param {string} driver @param {string} file @param {number} mebibytes @returns {Promise<Slow>} */
async function readWithDriver(driver, file, mebibytes) {
  const io = await openWithThreads(driver);
  const source = await io.openFile(file, "r", { direct: true });
  const buffers = Array.from({ length: READS }, () => io.buffers.take(MEBIBYTE));
  const reads = keepReading(mebibytes, async (lane, position) => {
    const { bytesRead } = await source.read(/** @type {(typeof buffers)[number]} */ (buffers[lane]), { position });
    expectWhole(bytesRead, MEBIBYTE);
  });
  return {
    ...reads,
    close: async () => {
      for (const buffer of buffers) buffer.release();
      await source.close();
      await io.close();
    },
  };
}

/** @param {string} file @param {number} mebibytes @returns {Slow} */
function readWithCallbacks(file, mebibytes) {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_DIRECT);
  const buffers = alignedBuffers(descriptor, READS, MEBIBYTE);
  /** @param {number} lane @param {number} position */
  const operate = async (lane, position) =>
    expectWhole(await readWithCallback(descriptor, /** @type {Buffer} */ (buffers[lane]), position), MEBIBYTE);
  return { ...keepReading(mebibytes, operate), close: async () => closeSync(descriptor) };
}

/** @type {Slow} */
const nothing = { start: () => undefined, stop: () => Promise.resolve(), close: () => Promise.resolve() };

/** @param {Slow} slow @param {() => Promise<unknown>} ask @param {number} durationMs */
async function askBeside(slow, ask, durationMs) {
  slow.start();
  const cpuStart = process.cpuUsage();
  const startMs = performance.now();
  let operations = 0;
  do {
    await ask();
    operations++;
  } while (performance.now() < startMs + durationMs);
  const elapsedMs = performance.now() - startMs;
  const cpu = cpuMs(cpuStart);
  await slow.stop();
  return { operations, elapsedMs, cpuMs: cpu };
}

const ALONE = "nothing beside it";

/** @type {import("../case.mjs").Case} */
export const slowFilesBesideDns = {
  name: "slow-files-beside-dns",
  title: `one lookup or key at a time, while ${READS} reads of 1 MiB with O_DIRECT are in flight`,
  unit: "answers",
  variants: Object.keys(askers).map((asker) => ({ name: asker, parameters: { asker } })),
  shows: "rate",
  baselines: ["fs.read", ALONE],
  goals: Object.keys(askers).flatMap((variant) =>
    ["uring", "epoll"].map(
      (implementation) =>
        /** @type {import("../goals.mjs").Goal} */ ({
          implementation,
          variant,
          figure: "ratio",
          against: ALONE,
          least: 0.5,
        }),
    ),
  ),
  prepare: async ({ directory, quick }) => {
    const mebibytes = quick ? FILE_MIB_QUICK : FILE_MIB;
    const file = join(onDevice(directory), "slow-files.bin");
    writePageFile(file, mebibytes);
    return { file, mebibytes };
  },
  implementations: ({ drivers, directory }) => {
    const why = whyNotDirect(onDevice(directory));
    const all = [
      ...drivers.map((driver) => ({
        name: driver,
        parameters: { kind: "driver", driver },
        ...(driver === "libuv" && { leftOut: "it has no direct I/O, and reads of the page cache are not slow" }),
      })),
      { name: "fs.read", parameters: { kind: "callbacks" } },
      { name: ALONE, parameters: { kind: "nothing" } },
    ];
    return why === undefined ? all : all.map((one) => ({ ...one, leftOut: why }));
  },
  run: async ({ kind, driver, asker, file, mebibytes }) => {
    const ask = /** @type {() => Promise<unknown>} */ (askers[String(asker)]);
    const slow =
      kind === "nothing"
        ? nothing
        : kind === "driver"
          ? await readWithDriver(String(driver), String(file), Number(mebibytes))
          : readWithCallbacks(String(file), Number(mebibytes));
    return { round: (durationMs) => askBeside(slow, ask, durationMs), close: slow.close };
  },
};
