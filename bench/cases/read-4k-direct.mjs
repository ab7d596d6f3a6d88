// @ts-check
/** 4 KiB random reads past the page cache: every one of them reaches the device. */
import { join } from "node:path";
import { runQuietly } from "../../scripts/child.mjs";
import {
  CALLBACKS,
  fioImplementations,
  readWithCallbacks,
  readWithDriver,
  readWithFio,
  whyNotDirect,
} from "../disk-reads.mjs";
import { onDevice, PAGE, pageSource, writePageFile } from "../page-file.mjs";

const FILE_MIB = 256;
const FILE_MIB_QUICK = 32;
const depths = [1, 32, 128];

/**
 * A loop in C over liburing; it runs once a round.
 * @param {string} program
 * @param {string} file
 * @param {number} depth
 */
function readWithProgram(program, file, depth) {
  return {
    /** @param {number} durationMs */
    round: async (durationMs) => {
      const args = [file, String(depth), String(durationMs / 1000), "direct"];
      const { code, stdout, output } = await runQuietly(program, args);
      if (code !== 0) throw new Error(`${program} exited with ${code}: ${output}`);
      const { operations, seconds, cpuSeconds } = JSON.parse(stdout);
      return { operations, elapsedMs: seconds * 1000, cpuMs: cpuSeconds * 1000 };
    },
    close: () => Promise.resolve(),
  };
}

/** @type {import("../case.mjs").Case} */
export const read4kDirect = {
  name: "read-4k-direct",
  title: "4 KiB random reads with O_DIRECT",
  unit: "reads",
  variants: depths.map((depth) => ({ name: `depth ${depth}`, parameters: { depth } })),
  shows: "rate",
  baselines: [CALLBACKS, "fio, psync", "fio, io_uring", "C over liburing"],
  goals: [
    { implementation: "epoll", variant: "depth 32", figure: "ratio", against: CALLBACKS, least: 1.2 },
    { implementation: "uring", variant: "depth 128", figure: "ratio", against: "fio, io_uring", least: 0.95 },
    { implementation: "uring", variant: "depth 128", figure: "ratio", against: "C over liburing", least: 0.95 },
  ],
  prepare: async ({ directory, quick }) => {
    const mebibytes = quick ? FILE_MIB_QUICK : FILE_MIB;
    const file = join(onDevice(directory), "read-4k-direct.bin");
    writePageFile(file, mebibytes);
    return { file, pages: (mebibytes << 20) / PAGE };
  },
  implementations: ({ drivers, native, directory }) => {
    const program = native("read_uring");
    const why = whyNotDirect(onDevice(directory));
    const all = [
      ...drivers.map((driver) => ({
        name: driver,
        parameters: { kind: "driver", driver },
        ...(driver === "libuv" && { leftOut: "it has no direct I/O" }),
      })),
      "path" in program
        ? { name: "C over liburing", parameters: { kind: "program", program: program.path } }
        : { name: "C over liburing", parameters: {}, leftOut: program.missing },
      ...fioImplementations(["psync", "io_uring"]),
      { name: CALLBACKS, parameters: { kind: "callbacks" } },
    ];
    return why === undefined ? all : all.map((one) => ({ ...one, leftOut: why }));
  },
  run: async ({ kind, driver, program, engine, file, pages, depth }) => {
    const setting = { file: String(file), depth: Number(depth), direct: true, nextPage: pageSource(Number(pages)) };
    switch (kind) {
      case "driver":
        return readWithDriver(String(driver), setting);
      case "callbacks":
        return readWithCallbacks(setting);
      case "fio":
        return readWithFio(engine === "psync" ? "psync" : "io_uring", setting);
      default:
        return readWithProgram(String(program), setting.file, setting.depth);
    }
  },
};
