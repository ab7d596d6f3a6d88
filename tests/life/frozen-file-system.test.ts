/**
 * What hangs in the kernel holds up nobody else, and when its session ends it keeps its descriptors: it never reaches a
 * file of somebody else.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findDriver, findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms, root } from "./bundle-programs.js";
import { reportOf, runProgram } from "./run-program.js";

const TIMEOUT_MS = 60_000;

/** The system runs other things too; a freeze lasts longer. */
const LONGEST_TURN_MS = 1000;

const programs = bundlePrograms(
  new URL("programs/frozen-writes.ts", import.meta.url),
  new URL("programs/frozen-calls.ts", import.meta.url),
);

interface Report {
  readonly unconfirmed: number;
  readonly own: string;
  readonly strangersBytes: number;
}

interface CallsReport {
  readonly calls: number;
  readonly failed: number;
  /** Calls that hung when the other work was done, and whether the file system was frozen then. */
  readonly hanging: number;
  readonly meanwhile: boolean;
  readonly longestMs: number;
}

/** A mount namespace of its own: nothing of what is mounted there is left when its process ends. */
const within = ["unshare", "--mount", "--propagation", "private"];

/** Why no file system can be frozen here; `undefined` when one can. */
function whyNot(): string | undefined {
  if (process.platform !== "linux") return "file systems are frozen on Linux only";
  const needed = "command -v mkfs.ext4 mount fsfreeze truncate && losetup --find";
  const { status } = spawnSync("unshare", [...within.slice(1), "sh", "-c", needed]);
  return status === 0
    ? undefined
    : "a file system cannot be made, mounted and frozen here: that wants root and a loop device";
}
const why = whyNot();

/** Runs a program with a directory that is removed afterwards. */
async function inDirectory<Result>(program: string, ...before: string[]): Promise<Result> {
  mkdirSync(join(root, ".baton"), { recursive: true });
  const directory = mkdtempSync(join(root, ".baton", "frozen-"));
  try {
    const options = { within, arguments: [...before, directory], timeoutMs: TIMEOUT_MS };
    return reportOf<Result>(await runProgram(programs.path(program), options));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const driver of await findDrivers()) {
  describe(`${driver.name}: a chain of two writes hangs in a frozen file system`, () => {
    for (const [life, title] of [
      ["close", "its backend is closed"],
      ["terminate", "its worker is terminated"],
    ] as const) {
      test(`${title}, and when it goes on, no other file is written to`, { timeout: TIMEOUT_MS }, async ({ skip }) => {
        if (!isFound(driver)) return skip(driver.why);
        if (why !== undefined) return skip(why);
        const report = await inDirectory<Report>("frozen-writes", driver.name, life);
        expect(report.strangersBytes).toBe(0);
        // What was begun ends in its own file, what was not is not begun any more.
        expect(report.own).toMatch(/^(first\.(second)?)?$/);
        if (life === "close" && driver.name === "uring") {
          expect(report).toMatchObject({ unconfirmed: 2, own: "first.second" });
        }
      });
    }
  });
}

for (const name of ["uring", "uring-5.6", "epoll", "libuv"]) {
  describe(`${name}: many calls hang in a frozen file system`, () => {
    test("the event loop turns, work on other files goes on, and all of them end well at the thaw", {
      timeout: TIMEOUT_MS,
    }, async ({ skip }) => {
      const driver = await findDriver(name.split("-")[0]!);
      if (!isFound(driver)) return skip(driver.why);
      if (why !== undefined) return skip(why);
      const report = await inDirectory<CallsReport>("frozen-calls", name);
      expect(report.longestMs).toBeLessThan(LONGEST_TURN_MS);
      expect(report.failed).toBe(0);
      // The runtime has four threads for everybody, and all of them hang.
      if (name !== "libuv") expect(report).toMatchObject({ meanwhile: true, hanging: report.calls });
    });
  });
}
