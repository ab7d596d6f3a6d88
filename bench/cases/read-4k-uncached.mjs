// @ts-check
/**
 * 4 KiB random reads through the page cache of a file that is not in it: each page is read once, and the cache is
 * emptied of the file before each round.
 */
import { join } from "node:path";
import { runQuietly } from "../../scripts/child.mjs";
import { findProgram } from "../../scripts/setup/system-packages.mjs";
import { CALLBACKS, fioImplementations, readWithCallbacks, readWithDriver, readWithFio } from "../disk-reads.mjs";
import { onDevice, PAGE, pagesOnce, writePageFile } from "../page-file.mjs";

/** Powers of two. */
const FILE_MIB = 1024;
const FILE_MIB_QUICK = 64;

/** Takes a file out of the page cache: what Node has no call for, `dd` does. @param {string} file */
async function emptyCache(file) {
  const { code, output } = await runQuietly("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]);
  if (code !== 0) throw new Error(`dd exited with ${code}: ${output}`);
}

/** @type {import("../case.mjs").Case} */
export const read4kUncached = {
  name: "read-4k-uncached",
  title: "4 KiB random reads of a file that is not in the page cache",
  unit: "reads",
  variants: [1, 32, 128].map((depth) => ({ name: `depth ${depth}`, parameters: { depth } })),
  shows: "rate",
  baselines: [CALLBACKS, "fio, psync"],
  goals: [{ implementation: "epoll", variant: "depth 32", figure: "ratio", against: CALLBACKS, least: 1.2 }],
  prepare: async ({ directory, quick }) => {
    const mebibytes = quick ? FILE_MIB_QUICK : FILE_MIB;
    const file = join(onDevice(directory), "read-4k-uncached.bin");
    writePageFile(file, mebibytes);
    return { file, pages: (mebibytes << 20) / PAGE };
  },
  implementations: ({ drivers }) => {
    const all = [
      ...drivers.map((driver) => ({ name: driver, parameters: { kind: "driver", driver } })),
      ...fioImplementations(["psync"]),
      { name: CALLBACKS, parameters: { kind: "callbacks" } },
    ];
    if (process.platform === "linux" && findProgram("dd") !== undefined) return all;
    return all.map((one) => ({ ...one, leftOut: "nothing here empties the page cache of a file" }));
  },
  run: async ({ kind, driver, file, pages, depth }) => {
    const setting = {
      file: String(file),
      depth: Number(depth),
      direct: false,
      nextPage: pagesOnce(Number(pages)),
      beforeRound: () => emptyCache(String(file)),
      operationsMax: Number(pages),
    };
    if (kind === "driver") return readWithDriver(String(driver), setting);
    return kind === "fio" ? readWithFio("psync", setting) : readWithCallbacks(setting);
  },
};
