/** What hangs in the kernel when its session ends keeps its descriptors: it never reaches a file of somebody else. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms, root } from "./bundle-programs.js";
import { reportOf, runProgram } from "./run-program.js";

const TIMEOUT_MS = 60_000;

const programs = bundlePrograms(new URL("programs/frozen-writes.ts", import.meta.url));

interface Report {
  readonly unconfirmed: number;
  readonly own: string;
  readonly strangersBytes: number;
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

for (const driver of await findDrivers()) {
  describe(`${driver.name}: a chain of two writes hangs in a frozen file system`, () => {
    for (const [life, title] of [
      ["close", "its backend is closed"],
      ["terminate", "its worker is terminated"],
    ] as const) {
      test(`${title}, and when it goes on, no other file is written to`, { timeout: TIMEOUT_MS }, async ({ skip }) => {
        if (!isFound(driver)) return skip(driver.why);
        if (why !== undefined) return skip(why);
        mkdirSync(join(root, ".baton"), { recursive: true });
        const directory = mkdtempSync(join(root, ".baton", "frozen-"));
        try {
          const options = { within, arguments: [driver.name, life, directory], timeoutMs: TIMEOUT_MS };
          const report = reportOf<Report>(await runProgram(programs.path("frozen-writes"), options));
          expect(report.strangersBytes).toBe(0);
          // What was begun ends in its own file, what was not is not begun any more.
          expect(report.own).toMatch(/^(first\.(second)?)?$/);
          if (life === "close" && driver.name === "uring") {
            expect(report).toMatchObject({ unconfirmed: 2, own: "first.second" });
          }
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      });
    }
  });
}
