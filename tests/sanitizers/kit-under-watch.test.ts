/**
 * The conformance kit where mistakes with memory do not stay hidden: the addon under the address sanitizer, buffers on
 * guard pages, the collector at work all the time.
 */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { isLong } from "../life/amounts.js";
import { bundlePrograms } from "../life/bundle-programs.js";
import { OTHER_TURN, turnTaker } from "../setup/turns.js";
import { buildAddon } from "./build-addon.js";
import { runKit } from "./kit.js";

/** A collection in every turn costs most of the time: one case of so many for every day. */
const COLLECTING_EVERY = 24;

/** All of it is done by so many processes, each of which has its own limit of time. */
const PARTS = 4;

const TIMEOUT_MS = isLong ? PARTS * 1_200_000 : 180_000;

/**
 * How the sanitizers are told to end the process at the first thing they find; Node leaves memory behind at its end.
 */
const sanitizerOptions = {
  ASAN_OPTIONS: "detect_leaks=0:halt_on_error=1:abort_on_error=1",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};

/** The drivers, and the simulation, which is always there. */
const subjects = [...(await findDrivers()), { name: "sim" } as const];

/** Where the address sanitizer's library is, which must be there before everything else. */
function sanitizerLibrary(): string | undefined {
  const { stdout } = spawnSync("g++", ["-print-file-name=libasan.so"], { encoding: "utf8" });
  const path = stdout?.trim() ?? "";
  return path.startsWith("/") ? path : undefined;
}

/** Each way for each driver. */
const isNextTurn = turnTaker();
const programs = bundlePrograms(new URL("programs/kit.ts", import.meta.url));

for (const subject of subjects) {
  const missing = "why" in subject ? subject.why : undefined;
  describe(`the kit on ${subject.name}`, () => {
    const isEveryAwaitTurn = isNextTurn();
    test("passes with a collection after every await", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (missing !== undefined) return skip(missing);
      if (!isEveryAwaitTurn) return skip(OTHER_TURN);
      const { failures, passed, collections, stderr } = await runKit(programs, subject.name, "collecting every turn", {
        nodeArguments: ["--expose-gc"],
        environment: { BATON_COLLECT: "1" },
        every: COLLECTING_EVERY,
        parts: PARTS,
        sample: 4,
      });
      expect(failures, stderr).toEqual([]);
      expect(passed).toBeGreaterThan(10);
      // Each of the cases was interrupted by some.
      expect(collections).toBeGreaterThan(passed);
    });

    const isYoungGenerationTurn = isNextTurn();
    test("passes with the smallest young generation", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (missing !== undefined) return skip(missing);
      if (!isYoungGenerationTurn) return skip(OTHER_TURN);
      const nodeArguments = ["--expose-gc", "--max-semi-space-size=1"];
      const { failures, passed, stderr } = await runKit(programs, subject.name, "a small young generation", {
        nodeArguments,
        sample: 5,
      });
      expect(failures, stderr).toEqual([]);
      expect(passed).toBeGreaterThan(10);
    });
  });
}

for (const driver of await findDrivers()) {
  describe(`the kit on ${driver.name}`, () => {
    const isAllTheTimeTurn = isNextTurn();
    test("passes with the collector at work all the time", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (!isAllTheTimeTurn) return skip(OTHER_TURN);
      const nodeArguments = ["--expose-gc", "--gc-interval=200"];
      const { failures, passed, stderr } = await runKit(programs, driver.name, "collecting", {
        nodeArguments,
        sample: 1,
      });
      expect(failures, stderr).toEqual([]);
      expect(passed).toBeGreaterThan(10);
    });

    if (driver.name === "libuv") return;

    const isGuardPagesTurn = isNextTurn();
    test("passes with every buffer on guard pages", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (!isGuardPagesTurn) return skip(OTHER_TURN);
      const environment = { BATON_GUARD_PAGES: "1" };
      const { failures, passed, stderr } = await runKit(programs, driver.name, "guard pages", {
        environment,
        sample: 2,
      });
      expect(failures, stderr).toEqual([]);
      expect(passed).toBeGreaterThan(10);
    });

    const isSanitizersTurn = isNextTurn();
    test("passes with the addon under the address and undefined-behaviour sanitizers", {
      timeout: TIMEOUT_MS,
    }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (!isSanitizersTurn) return skip(OTHER_TURN);
      const library = sanitizerLibrary();
      if (library === undefined) return skip("g++ has no address sanitizer here");
      const addon = await buildAddon({ driver: driver.name as "uring" | "epoll", sanitizer: "address" });
      if ("why" in addon) return skip(addon.why);
      const environment = {
        ...sanitizerOptions,
        LD_PRELOAD: library,
        [`BATON_${driver.name.toUpperCase()}_BINARY`]: addon.path,
      };
      const { failures, passed, stderr } = await runKit(programs, driver.name, "sanitizers", {
        environment,
        sample: 3,
      });
      expect(failures, stderr).toEqual([]);
      expect(stderr).not.toMatch(/AddressSanitizer|runtime error/);
      expect(passed).toBeGreaterThan(10);
    });
  });
}

describe("the address sanitizer", () => {
  test("finds a byte that an addon writes behind its memory", { timeout: TIMEOUT_MS }, async ({ skip }) => {
    if (!isLong) return skip("with BATON_LONG=1: it needs a build of its own");
    const library = sanitizerLibrary();
    if (library === undefined) return skip("g++ has no address sanitizer here");
    const mutant = {
      name: "writes-behind-its-memory",
      find: "  ops_(static_cast<Op*>(std::calloc(shared_.limits().slots, sizeof(Op)))) {",
      replace: `  ops_(static_cast<Op*>(std::calloc(shared_.limits().slots, sizeof(Op)))) {
    reinterpret_cast<volatile char*>(ops_.get() + shared_.limits().slots)[0] = 1;`,
    };
    const addon = await buildAddon({ driver: "epoll", sanitizer: "address", mutant });
    if ("why" in addon) return skip(addon.why);
    const environment = { ...sanitizerOptions, LD_PRELOAD: library, BATON_EPOLL_BINARY: addon.path };
    await expect(runKit(programs, "epoll", "planted", { environment })).rejects.toThrow("heap-buffer-overflow");
  });
});
