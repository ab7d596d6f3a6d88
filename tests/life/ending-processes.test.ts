/** However a process or a worker ends with operations in flight: no crash, no hang, nothing left behind. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { isLong, rounds } from "./amounts.js";
import { bundlePrograms, root } from "./bundle-programs.js";
import { describeEnding, type Ending, reportOf, runProgram } from "./run-program.js";

/** What the workers do that are terminated. */
const terminations = [
  ["operations", rounds({ short: 50, long: 1000 }), "with operations in flight"],
  ["sessions", rounds({ short: 30, long: 1000 }), "while they open and close sessions"],
] as const;
const ROUNDS = rounds({ short: 1, long: 20 });
const FILE_BYTES = 4 * 1024 * 1024;
const LONG_TIMEOUT_MS = isLong ? 900_000 : 90_000;
/** Nothing here waits for anything; more would be a hang. */
const END_MAX_MS = 10_000;

const programs = bundlePrograms(
  new URL("programs/endings.ts", import.meta.url),
  new URL("programs/terminate.ts", import.meta.url),
  new URL("programs/descriptors.ts", import.meta.url),
);
const drivers = await findDrivers();
let directory = "";
let path = "";

beforeAll(() => {
  mkdirSync(join(root, ".baton"), { recursive: true });
  directory = mkdtempSync(join(root, ".baton", "endings-"));
  path = join(directory, "data");
  writeFileSync(path, new Uint8Array(FILE_BYTES).fill(0x5a));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const isReport = (expected: object) => (ending: Ending) => {
  expect(reportOf(ending)).toEqual(expected);
};
const isEnd = (expected: { code: number | null; signal: string | null; stderr?: RegExp }) => (ending: Ending) => {
  const { code, signal, stderr } = ending;
  expect({ code, signal }, describeEnding(ending)).toEqual({ code: expected.code, signal: expected.signal });
  if (expected.stderr !== undefined) expect(stderr).toMatch(expected.stderr);
};
const thrown = /thrown on purpose/;

/** Sentences, what is run for them, and how it ends. */
const endings: readonly (readonly [title: string, ending: string, check: (ending: Ending) => void])[] = [
  ["a backend that was never closed does not keep its process", "idle", isReport({ bytesRead: 4096 })],
  ["an operation in flight keeps its process until it is done", "pending", isReport({ waited: true })],
  ["close() settles everything", "closed", isReport({ unconfirmedOperations: 0, settled: true })],
  ["process.exit() ends the process with its code", "exit", isEnd({ code: 7, signal: null })],
  ["process.exit() in a completion ends it with its code", "exit-in-completion", isEnd({ code: 7, signal: null })],
  ["close() in a completion closes", "close-in-completion", isReport({ unconfirmedOperations: 0 })],
  ["an uncaught error ends the process as it ends any", "throw", isEnd({ code: 1, signal: null, stderr: thrown })],
  ["an uncaught error in a completion too", "throw-in-completion", isEnd({ code: 1, signal: null, stderr: thrown })],
  ["an error that is handled costs no completion", "throw-and-go-on", isReport({ came: 32, thrown: 8 })],
  ["a worker that was never closed ends by itself", "worker-idle", isReport({ code: 0, error: null })],
  ["a worker waits for what is in flight", "worker-pending", isReport({ code: 0, error: null })],
  ["process.exit() in a worker ends the worker alone", "worker-exit", isReport({ code: 7, error: null })],
  ["and in a completion", "worker-exit-in-completion", isReport({ code: 7, error: null })],
  ["an uncaught error ends its worker alone", "worker-throw", isReport({ code: 1, error: "thrown on purpose" })],
  ["and one in a completion", "worker-throw-in-completion", isReport({ code: 1, error: "thrown on purpose" })],
];

for (const driver of drivers) {
  describe(`${driver.name}: with operations in flight`, () => {
    for (const [title, name, check] of endings) {
      test(title, { timeout: LONG_TIMEOUT_MS }, async ({ skip }) => {
        if (!isFound(driver)) return skip(driver.why);
        for (let round = 0; round < ROUNDS; round++) {
          const options = { arguments: [driver.name, name, path], timeoutMs: END_MAX_MS };
          const ending = await runProgram(programs.path("endings"), options);
          expect(ending.hung, describeEnding(ending)).toBe(false);
          check(ending);
        }
      });
    }

    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      test(`${signal} ends the process`, { timeout: LONG_TIMEOUT_MS }, async ({ skip }) => {
        if (!isFound(driver)) return skip(driver.why);
        for (let round = 0; round < ROUNDS; round++) {
          const ending = await runProgram(programs.path("endings"), {
            arguments: [driver.name, "signal", path],
            timeoutMs: END_MAX_MS,
            onLine: (line, child) => line === "ready" && child.kill(signal),
          });
          expect(ending.hung, describeEnding(ending)).toBe(false);
          isEnd({ code: null, signal })(ending);
        }
      });
    }

    for (const [kind, count, title] of terminations) {
      test(`${count} workers are terminated ${title}, and nothing is left behind`, {
        timeout: LONG_TIMEOUT_MS,
      }, async ({ skip }) => {
        if (!isFound(driver)) return skip(driver.why);
        const ending = await runProgram(programs.path("terminate"), {
          arguments: [driver.name, kind, String(count), path],
          timeoutMs: LONG_TIMEOUT_MS,
        });
        const report = reportOf<{ terminated: number; started: number; left: string[] }>(ending);
        expect(report.terminated).toBe(count);
        expect(report.started).toBeGreaterThan(count / 2);
        expect(report.left).toEqual([]);
      });
    }

    test("a child process inherits none of its descriptors", { timeout: END_MAX_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (process.platform !== "linux") return skip("descriptors are listed on Linux only");
      const ending = await runProgram(programs.path("descriptors"), { arguments: [driver.name, path] });
      const report = reportOf<{ added: number }>(ending);
      expect(report).toMatchObject({ inheritable: [], ofChild: [], unconfirmedOperations: 0 });
      // A file, a listener and two ends of a connection at least.
      expect(report.added).toBeGreaterThanOrEqual(4);
    });
  });
}
