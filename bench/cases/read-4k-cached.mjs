// @ts-check
/** 4 KiB random reads of a file that is in the page cache: nothing but the way there and back. */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { runQuietly } from "../../scripts/child.mjs";
import { openDriver } from "../drivers.mjs";
import { measureLanes } from "../lanes.mjs";
import { expectPage, expectWhole, PAGE, pageSource, readWithCallback, writePageFile } from "../page-file.mjs";

const FILE_MIB = 256;
const FILE_MIB_QUICK = 32;

/**
 * @param {string} implementation
 * @param {string} variant
 * @param {string} against
 * @param {number} least
 * @returns {import("../goals.mjs").Goal}
 */
function goal(implementation, variant, against, least) {
  return { implementation, variant, figure: "ratio", against, least };
}

/** @typedef {{ file: string, pages: number, depth: number }} Setting */

/** @param {string} driver @param {boolean} look Look at the bytes after every read. @param {Setting} setting */
async function withDriver(driver, look, { file, pages, depth }) {
  const io = await openDriver(driver);
  const source = await io.openFile(file, "r");
  const buffers = Array.from({ length: depth }, () => io.buffers.take(PAGE));
  const nextPage = pageSource(pages);
  /** The page that each lane reads. */
  const wanted = new Int32Array(depth);
  /** @param {number} lane */
  const operate = (lane) => {
    const page = nextPage();
    wanted[lane] = page;
    return source.read(/** @type {(typeof buffers)[number]} */ (buffers[lane]), { position: page * PAGE });
  };
  /** @typedef {Awaited<ReturnType<typeof operate>>} Read */
  /** @param {Read} read */
  const blind = ({ bytesRead }) => expectWhole(bytesRead);
  /** @param {Read} read @param {number} lane */
  const looking = ({ buffer }, lane) => {
    // The number of the page stands in its first bytes; two of them tell neighbours apart.
    const [low = 0, high = 0] = buffer.bytes;
    expectPage(low + high * 256, /** @type {number} */ (wanted[lane]) & 0xffff);
  };
  const work = { operate, check: look ? looking : blind };
  return {
    /** @param {number} durationMs */
    round: (durationMs) => measureLanes(depth, durationMs, work),
    close: async () => {
      for (const buffer of buffers) buffer.release();
      await source.close();
      await io.close();
    },
  };
}

/** @param {Setting} setting */
function withCallbacks({ file, pages, depth }) {
  const descriptor = openSync(file, "r");
  const buffers = Array.from({ length: depth }, () => Buffer.allocUnsafeSlow(PAGE));
  const nextPage = pageSource(pages);
  /** @param {number} lane */
  const operate = (lane) => readWithCallback(descriptor, /** @type {Buffer} */ (buffers[lane]), nextPage() * PAGE);
  return {
    /** @param {number} durationMs */
    round: (durationMs) => measureLanes(depth, durationMs, { operate, check: (bytes) => expectWhole(bytes) }),
    close: async () => closeSync(descriptor),
  };
}

/** @param {Setting} setting */
async function withFileHandle({ file, pages, depth }) {
  const handle = await open(file, "r");
  const buffers = Array.from({ length: depth }, () => Buffer.allocUnsafeSlow(PAGE));
  const nextPage = pageSource(pages);
  /** @param {number} lane */
  const operate = (lane) => handle.read(/** @type {Buffer} */ (buffers[lane]), 0, PAGE, nextPage() * PAGE);
  return {
    /** @param {number} durationMs */
    round: (durationMs) =>
      measureLanes(depth, durationMs, { operate, check: ({ bytesRead }) => expectWhole(bytesRead) }),
    close: () => handle.close(),
  };
}

/** @param {Setting} setting */
function withReadSync({ file, pages }) {
  const descriptor = openSync(file, "r");
  const buffer = Buffer.allocUnsafeSlow(PAGE);
  const nextPage = pageSource(pages);
  return {
    /** @param {number} durationMs */
    round: async (durationMs) => {
      const cpuStart = process.cpuUsage();
      const startMs = performance.now();
      let operations = 0;
      // Blocking reads have no lanes: a loop of their own, with the clock read as seldom.
      do {
        for (let index = 0; index < 256; index++) expectWhole(readSync(descriptor, buffer, 0, PAGE, nextPage() * PAGE));
        operations += 256;
      } while (performance.now() < startMs + durationMs);
      const { user, system } = process.cpuUsage(cpuStart);
      return { operations, elapsedMs: performance.now() - startMs, cpuMs: (user + system) / 1000 };
    },
    close: async () => closeSync(descriptor),
  };
}

/** A program in C over liburing; it runs once a round. @param {string} program @param {Setting} setting */
function withProgram(program, { file, depth }) {
  return {
    /** @param {number} durationMs */
    round: async (durationMs) => {
      const { code, stdout, output } = await runQuietly(program, [file, String(depth), String(durationMs / 1000)]);
      if (code !== 0) throw new Error(`${program} exited with ${code}: ${output}`);
      const { operations, seconds, cpuSeconds } = JSON.parse(stdout);
      return { operations, elapsedMs: seconds * 1000, cpuMs: cpuSeconds * 1000 };
    },
    close: () => Promise.resolve(),
  };
}

/** @type {import("../case.mjs").Case} */
export const read4kCached = {
  name: "read-4k-cached",
  title: "4 KiB random reads of a file in the page cache",
  unit: "reads",
  variants: [1, 32, 128].map((depth) => ({ name: `depth ${depth}`, parameters: { depth } })),
  shows: "rate",
  baselines: ["FileHandle.read", "fs.read", "C over liburing"],
  goals: [
    goal("uring", "depth 1", "fs.read", 10),
    goal("uring", "depth 32", "C over liburing", 1),
    goal("uring", "depth 32", "FileHandle.read", 10),
    goal("uring", "depth 32", "fs.read", 3),
    goal("uring", "depth 128", "C over liburing", 1),
    goal("uring", "depth 128", "FileHandle.read", 10),
    goal("uring", "depth 128", "fs.read", 2),
    // With the bytes looked at, and so every view detached, four fifths of that.
    goal("uring, bytes looked at", "depth 32", "C over liburing", 0.8),
    goal("uring, bytes looked at", "depth 128", "C over liburing", 0.8),
    goal("epoll", "depth 32", "FileHandle.read", 5),
  ],
  prepare: async ({ directory, quick }) => {
    const mebibytes = quick ? FILE_MIB_QUICK : FILE_MIB;
    const file = join(directory, "read-4k-cached.bin");
    writePageFile(file, mebibytes);
    return { file, pages: (mebibytes << 20) / PAGE };
  },
  implementations: ({ drivers, native }) => {
    const program = native("read_uring");
    return [
      ...drivers.flatMap((driver) => [
        { name: driver, parameters: { kind: "driver", driver, look: false } },
        { name: `${driver}, bytes looked at`, parameters: { kind: "driver", driver, look: true } },
      ]),
      "path" in program
        ? { name: "C over liburing", parameters: { kind: "program", program: program.path } }
        : { name: "C over liburing", parameters: {}, leftOut: program.missing },
      { name: "fs.read", parameters: { kind: "callbacks" } },
      { name: "FileHandle.read", parameters: { kind: "handle" } },
      { name: "fs.readSync", parameters: { kind: "sync" }, variants: ["depth 1"] },
    ];
  },
  run: async ({ kind, driver, look, program, file, pages, depth }) => {
    const setting = { file: String(file), pages: Number(pages), depth: Number(depth) };
    switch (kind) {
      case "driver":
        return withDriver(String(driver), look === true, setting);
      case "callbacks":
        return withCallbacks(setting);
      case "handle":
        return withFileHandle(setting);
      case "sync":
        return withReadSync(setting);
      default:
        return withProgram(String(program), setting);
    }
  },
};
