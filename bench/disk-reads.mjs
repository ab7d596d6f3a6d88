// @ts-check
/** Reads that reach the device: who makes them, each with the same number of threads. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { createBackend } from "@baton-io/core";
import { runQuietly } from "../scripts/child.mjs";
import { findProgram } from "../scripts/setup/system-packages.mjs";
import { openDriver } from "./drivers.mjs";
import { measureLanes } from "./lanes.mjs";
import { expectWhole, PAGE, readWithCallback } from "./page-file.mjs";

/** Threads of the runtime's pool, and of driver-epoll's for the comparison. */
export const THREADS = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
/** Reads of a device are slow: reading the clock after some of them costs nothing. */
const OPERATIONS_PER_CLOCK = 16;
/** What memory and position must be aligned to at most, bytes. */
const ALIGNMENT_STEP = 16;

/**
 * @typedef {object} Setting
 * @property {string} file
 * @property {number} depth
 * @property {boolean} direct
 * @property {() => number} nextPage
 * @property {() => Promise<void>} [beforeRound]
 * @property {number} [operationsMax] Of a round.
 */

/**
 * A backend over a driver, with as many threads as the runtime's pool where the driver has threads.
 * @param {string} driver
 */
export async function openWithThreads(driver) {
  if (driver !== "epoll") return openDriver(driver);
  const { epollDriver } = await import("@baton-io/driver-epoll");
  return createBackend({ driver: epollDriver({ threadsMax: THREADS }) });
}

/** @template T @param {Setting} setting @param {import("./lanes.mjs").Work<T>} work */
function rounds({ depth, beforeRound, operationsMax }, work) {
  /** @param {number} durationMs */
  return async (durationMs) => {
    await beforeRound?.();
    const limits = { operationsPerClock: OPERATIONS_PER_CLOCK, ...(operationsMax !== undefined && { operationsMax }) };
    return measureLanes(depth, durationMs, work, limits);
  };
}

/** @param {string} driver @param {Setting} setting @returns {Promise<import("./case.mjs").Subject>} */
export async function readWithDriver(driver, setting) {
  const { file, depth, direct, nextPage } = setting;
  const io = await openWithThreads(driver);
  const source = await io.openFile(file, "r", direct ? { direct } : {});
  const buffers = Array.from({ length: depth }, () => io.buffers.take(PAGE));
  return {
    round: rounds(setting, {
      operate: (lane) =>
        source.read(/** @type {(typeof buffers)[number]} */ (buffers[lane]), { position: nextPage() * PAGE }),
      check: ({ bytesRead }) => expectWhole(bytesRead),
    }),
    close: async () => {
      for (const buffer of buffers) buffer.release();
      await source.close();
      await io.close();
    },
  };
}

/** Why nothing can be read directly there; `undefined` when it can. @param {string} directory */
export function whyNotDirect(directory) {
  if (constants.O_DIRECT === undefined) return "the system has no O_DIRECT";
  try {
    closeSync(openSync(join(directory, "direct.bin"), constants.O_CREAT | constants.O_RDWR | constants.O_DIRECT));
    return undefined;
  } catch (error) {
    return `the file system has no direct I/O: ${/** @type {Error} */ (error).message}`;
  }
}

/**
 * Memory that a direct read takes: where it starts is for the allocator to say, so the first place is found by trying.
 *
 * @param {number} file @param {number} count @param {number} bytes Of each, in whole pages. @returns {Buffer[]}
 */
export function alignedBuffers(file, count, bytes) {
  const memory = Buffer.allocUnsafeSlow(count * bytes + PAGE);
  for (let start = 0; start < PAGE; start += ALIGNMENT_STEP) {
    try {
      readSync(file, memory, start, PAGE, 0);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === "EINVAL") continue;
      throw error;
    }
    return Array.from({ length: count }, (_, index) =>
      memory.subarray(start + index * bytes, start + (index + 1) * bytes),
    );
  }
  throw new Error("no place in memory is aligned well enough for a direct read");
}

/** `fs.read` with a callback. @param {Setting} setting @returns {import("./case.mjs").Subject} */
export function readWithCallbacks(setting) {
  const { file, depth, direct, nextPage } = setting;
  const descriptor = openSync(file, constants.O_RDONLY | (direct ? constants.O_DIRECT : 0));
  const buffers = direct
    ? alignedBuffers(descriptor, depth, PAGE)
    : Array.from({ length: depth }, () => Buffer.allocUnsafeSlow(PAGE));
  return {
    round: rounds(setting, {
      operate: (lane) => readWithCallback(descriptor, /** @type {Buffer} */ (buffers[lane]), nextPage() * PAGE),
      check: (bytes) => expectWhole(bytes),
    }),
    close: async () => closeSync(descriptor),
  };
}

/**
 * fio, where it is installed: what the device gives to a program in C. `psync` reads with as many processes as the
 * drivers have threads, `io_uring` with one at the full depth.
 *
 * @param {"psync" | "io_uring"} engine @param {Setting} setting @returns {import("./case.mjs").Subject}
 */
export function readWithFio(engine, { file, depth, direct }) {
  const jobs = engine === "psync" ? Math.min(depth, THREADS) : 1;
  return {
    round: async (durationMs) => {
      const { code, stdout, output } = await runQuietly("fio", [
        ...["--name=reads", `--filename=${file}`, "--readonly", "--rw=randread", `--bs=${PAGE}`, "--time_based"],
        ...[`--runtime=${Math.ceil(durationMs)}ms`, `--direct=${direct ? 1 : 0}`, `--ioengine=${engine}`],
        ...[`--iodepth=${engine === "psync" ? 1 : depth}`, `--numjobs=${jobs}`, "--group_reporting"],
        "--output-format=json",
      ]);
      if (code !== 0) throw new Error(`fio exited with ${code}: ${output}`);
      const [job] = JSON.parse(stdout).jobs;
      const cpuShare = (job.usr_cpu + job.sys_cpu) / 100;
      return { operations: job.read.total_ios, elapsedMs: job.read.runtime, cpuMs: cpuShare * job.read.runtime * jobs };
    },
    close: () => Promise.resolve(),
  };
}

/** Rows for fio, or why there are none. @param {readonly ("psync" | "io_uring")[]} engines */
export function fioImplementations(engines) {
  const installed = findProgram("fio") !== undefined;
  return engines.map((engine) => ({
    name: `fio, ${engine}`,
    parameters: { kind: "fio", engine },
    ...(!installed && { leftOut: "fio is not installed" }),
  }));
}

/** `fs.read` is called by the number of its threads, because that decides what it reaches. */
export const CALLBACKS = `fs.read, ${THREADS} threads`;
