/** A system that is short of descriptors, threads or memory: an operating error is a result, never the end. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms, root } from "./bundle-programs.js";
import { buildLibrary } from "./interposed.js";
import { reportOf, runProgram } from "./run-program.js";

const TIMEOUT_MS = 180_000;
/** Room for the runtime's own, and for the fill to be quick. */
const DESCRIPTORS_MAX = 128;

const programs = bundlePrograms(
  new URL("programs/short-of.ts", import.meta.url),
  new URL("programs/addon-later.ts", import.meta.url),
);
let directory = "";
let library: Awaited<ReturnType<typeof buildLibrary>>;

beforeAll(async () => {
  mkdirSync(join(root, ".baton"), { recursive: true });
  directory = mkdtempSync(join(root, ".baton", "short-of-"));
  library = await buildLibrary(fileURLToPath(new URL("fail_calls.c", import.meta.url)), directory);
}, TIMEOUT_MS);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Report {
  readonly attempts: number;
  readonly opened: number;
  readonly refused: number;
  readonly failures: number;
  readonly succeeded: number;
  readonly wrong: readonly string[];
}

for (const driver of await findDrivers()) {
  describe(`${driver.name}: whatever fails, fails with a code, and what waits goes on`, () => {
    test("with 0, 1, 2, … descriptors left", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (process.platform !== "linux") return skip("descriptors are counted on Linux only");
      const report = reportOf<Report>(
        await runProgram(programs.path("short-of"), {
          within: ["prlimit", `--nofile=${DESCRIPTORS_MAX}`],
          arguments: [driver.name, "descriptors", directory],
          timeoutMs: TIMEOUT_MS,
        }),
      );
      expect(report.wrong).toEqual([]);
      expect(report.failures).toBeGreaterThan(0);
      expect(report.succeeded).toBeGreaterThan(0);
    });

    // It has no addon.
    if (driver.name === "libuv") return;

    test("an addon that no descriptor was left for is loaded when there are some", { timeout: TIMEOUT_MS }, async ({
      skip,
    }) => {
      if (!isFound(driver)) return skip(driver.why);
      const ending = await runProgram(programs.path("addon-later"), {
        within: ["prlimit", `--nofile=${DESCRIPTORS_MAX}`],
        arguments: [driver.name],
        timeoutMs: TIMEOUT_MS,
      });
      expect(reportOf(ending)).toEqual({ first: "NOFILE", second: "available" });
    });

    test("with each call for a descriptor, a thread or memory refused in turn", { timeout: TIMEOUT_MS }, async ({
      skip,
    }) => {
      if (!isFound(driver)) return skip(driver.why);
      if ("why" in library) return skip(library.why);
      const control = join(directory, `control-${driver.name}`);
      writeFileSync(control, new Uint8Array(16));
      const report = reportOf<Report>(
        await runProgram(programs.path("short-of"), {
          arguments: [driver.name, "calls", directory],
          environment: { LD_PRELOAD: library.library, BATON_FAIL_CONTROL: control },
          timeoutMs: TIMEOUT_MS,
        }),
      );
      expect(report.wrong).toEqual([]);
      expect(report.refused).toBeGreaterThan(0);
      expect(report.opened).toBeGreaterThan(report.refused);
    });
  });
}
