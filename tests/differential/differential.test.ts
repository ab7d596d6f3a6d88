/** The same scripts through every driver, and their file steps through `node:fs`: all must say the same. */
import { afterAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { replay, Worlds } from "./compare.mjs";

const SCRIPTS = 2000;
const BATCH = 250;
const SHOWN_MAX = 5;

const drivers = (await findDrivers()).filter(isFound);
const worlds = new Worlds(drivers);
afterAll(() => worlds.close());

describe(`scripts of file and socket operations through ${worlds.names.join(", ")}`, () => {
  for (let from = 1; from <= SCRIPTS; from += BATCH) {
    // mutant: libuv-vector-position-ignored, sim-exclusive-opens-what-is-there, uring-leaves-failures-to-the-kernel
    test(`say the same, seeds ${from} to ${from + BATCH - 1}`, { timeout: 60_000 }, async () => {
      const failed = await worlds.runRange(from, from + BATCH - 1);
      const shown = failed.map(({ seed, failures }) => `${failures[0]}\nreplay: ${replay(seed)}`);
      expect(shown.slice(0, SHOWN_MAX)).toEqual([]);
    });
  }
});
