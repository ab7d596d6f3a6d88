/** Nothing is written to memory that a driver has let go of, however its session ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { buildAddon } from "../sanitizers/build-addon.js";
import { isTurn, OTHER_TURN } from "../setup/turns.js";
import { isLong, rounds } from "./amounts.js";
import { bundlePrograms, root } from "./bundle-programs.js";
import { buildLibrary } from "./interposed.js";
import { describeEnding, reportOf, runProgram } from "./run-program.js";

const ROUNDS = rounds({ short: 6, long: 200 });
/** In which a driver that does not wait is found out: in most of them its reads are slower than its end. */
const FOUND_ROUNDS = 20;
/** So often a driver has the chance to be found out, where the disk may be faster than its end. */
const ATTEMPTS_MAX = 4;
/** … whose reads are slower for certain: the watcher makes them so. */
const SLOWED_ROUNDS = 8;
/** What the watcher adds to a read of a thread, of which it then does not matter how fast the disk is. */
const READ_MS = 500;
const FILE_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = isLong ? 600_000 : 60_000;

const programs = bundlePrograms(new URL("programs/late-writes.ts", import.meta.url));
const drivers = await findDrivers();
let directory = "";
let path = "";
let watcher: Awaited<ReturnType<typeof buildLibrary>>;

beforeAll(async () => {
  mkdirSync(join(root, ".baton"), { recursive: true });
  // Not in the system's directory for temporary files: that may be memory, where nothing is ever in flight.
  directory = mkdtempSync(join(root, ".baton", "late-writes-"));
  path = join(directory, "data");
  writeFileSync(path, new Uint8Array(FILE_BYTES).fill(0x5a));
  watcher = await buildLibrary(fileURLToPath(new URL("watch_memory.c", import.meta.url)), directory);
}, TIMEOUT_MS);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Report {
  readonly rounds: number;
  readonly lateRounds: number;
  readonly lateBytes: number;
  readonly unconfirmed: number;
}

function slowAndWatched(library: string): Record<string, string> {
  return { LD_PRELOAD: library, WATCH_READ_MS: String(READ_MS) };
}

/** What the watcher said. */
function watched(stderr: string): { mappings: number; lateBytes: number } {
  const line = /watched (\d+) mappings, \d+ bytes: (\d+) late bytes/.exec(stderr);
  if (line === null) throw new Error(`the watcher said nothing\n${stderr}`);
  return { mappings: Number(line[1]), lateBytes: Number(line[2]) };
}

for (const driver of drivers) {
  describe(`${driver.name}: 16 reads of 256 KiB past the page cache are in flight`, () => {
    for (const life of ["close", "session"]) {
      const title = life === "close" ? "the backend is closed" : "the driver's session is closed at once";
      test(`when ${title}, and nothing is written to their buffers afterwards`, { timeout: TIMEOUT_MS }, async ({
        skip,
      }) => {
        if (!isFound(driver)) return skip(driver.why);
        const ending = await runProgram(programs.path("late-writes"), {
          arguments: [driver.name, life, String(ROUNDS), path],
          timeoutMs: TIMEOUT_MS,
        });
        expect(reportOf<Report>(ending)).toEqual({ rounds: ROUNDS, lateRounds: 0, lateBytes: 0, unconfirmed: 0 });
      });
    }

    for (const life of ["exit", "terminate"]) {
      const title = life === "exit" ? "their worker exits" : "their worker is terminated";
      test(`when ${title}, and nothing is written to memory that was given back`, { timeout: TIMEOUT_MS }, async ({
        skip,
      }) => {
        if (!isFound(driver)) return skip(driver.why);
        // Its buffers are the runtime's own memory, which lives as long as the runtime's own reads.
        if (driver.name === "libuv") return skip("libuv reads into memory of the runtime");
        if ("why" in watcher) return skip(watcher.why);
        const ending = await runProgram(programs.path("late-writes"), {
          arguments: [driver.name, life, String(ROUNDS), path],
          environment: slowAndWatched(watcher.library),
          timeoutMs: TIMEOUT_MS,
        });
        expect(reportOf<Report>(ending).rounds, describeEnding(ending)).toBe(ROUNDS);
        const { mappings, lateBytes } = watched(ending.stderr);
        expect(lateBytes).toBe(0);
        // Four slabs of buffers in each round, and the memory that core and driver share.
        expect(mappings).toBeGreaterThanOrEqual(4 * ROUNDS);
      });
    }
  });
}

/** A driver that frees what the kernel, or a thread of its own, still writes to: the tests above must see it. */
const mutants = [
  {
    driver: "uring",
    mutant: {
      name: "uring-does-not-reap",
      find: "    while (in_flight() > 0) {",
      replace: `    handover_.Flush();
    for (uint32_t slot = 0; slot < state_.operations.slots(); slot++) {
      Op& op = state_.operations.At(slot);
      if (op.active) state_.operations.Leave(op);
    }
    while (in_flight() > 0) {`,
    },
  },
  {
    driver: "epoll",
    mutant: {
      name: "epoll-does-not-wait-for-threads",
      find: `uint32_t hanging = workers_.Stop(deadline_ms);
  for (const auto& job : workers_.Collect()) OnJobDone(*job);`,
      replace: `uint32_t hanging = workers_.Stop(0) * 0;
  for (uint32_t slot = 0; slot < shared_.limits().slots; slot++) {
    if (ops_[slot].active) Leave(slot);
  }`,
    },
  },
] as const;

for (const [index, { driver: name, mutant }] of mutants.entries()) {
  describe(`a ${name} driver that does not wait for what is in flight`, () => {
    const variable = `BATON_${name.toUpperCase()}_BINARY`;
    const lives = ["session", "exit", "terminate"];
    for (const [number, life] of lives.entries()) {
      test(`is found out: ${life}`, { timeout: ATTEMPTS_MAX * TIMEOUT_MS }, async ({ skip }) => {
        const driver = drivers.find((one) => one.name === name)!;
        if (!isFound(driver)) return skip(driver.why);
        if (!isTurn(index * lives.length + number)) return skip(OTHER_TURN);
        if ("why" in watcher) return skip(watcher.why);
        const addon = await buildAddon({ driver: name, mutant });
        if ("why" in addon) return skip(addon.why);
        const inWorker = life !== "session";
        // The watcher slows what threads read, and io_uring reads without any.
        const found = inWorker && name === "epoll" ? SLOWED_ROUNDS : FOUND_ROUNDS;
        for (let attempt = 1; ; attempt++) {
          const ending = await runProgram(programs.path("late-writes"), {
            arguments: [name, life, String(found), path],
            environment: { [variable]: addon.path, ...(inWorker && slowAndWatched(watcher.library)) },
          });
          const lateBytes = inWorker ? watched(ending.stderr).lateBytes : reportOf<Report>(ending).lateBytes;
          if (lateBytes > 0) return;
          expect(attempt, describeEnding(ending)).toBeLessThan(ATTEMPTS_MAX);
        }
      });
    }
  });
}
