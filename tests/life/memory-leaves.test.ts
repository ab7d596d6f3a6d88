/** Memory that a program sends to another thread outlives the thread that it came from, or is not let go. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms, root } from "./bundle-programs.js";
import { describeEnding, reportOf, runProgram } from "./run-program.js";

const TIMEOUT_MS = 180_000;
const program = bundlePrograms(new URL("programs/memory-leaves.ts", import.meta.url));
const drivers = await findDrivers();

/** Node from 22 on lets a program move what Node 20 copies. `npm run test:runtimes` brings them. */
const others = ["node22", "node24"].map((name) => ({
  name,
  path: join(root, ".baton", "runtimes", "node_modules", name, "bin", "node"),
}));
const runtimes = [{ name: `node${process.versions.node.split(".")[0]}`, path: process.execPath }, ...others];

for (const driver of drivers) {
  for (const runtime of runtimes) {
    for (const guardPages of [false, true]) {
      describe(`${driver.name} on ${runtime.name}${guardPages ? ", with guard pages" : ""}`, () => {
        test("whoever received it can use it after the end", { timeout: TIMEOUT_MS }, async ({ skip }) => {
          if (!isFound(driver)) return skip(driver.why);
          if (!existsSync(runtime.path)) return skip(`${runtime.name} is not installed`);
          if (guardPages && driver.name === "libuv") return skip("the libuv driver has no guard pages");
          const ending = await runProgram(program.path("memory-leaves"), {
            program: runtime.path,
            arguments: [driver.name],
            environment: guardPages ? { BATON_GUARD_PAGES: "1" } : {},
            timeoutMs: TIMEOUT_MS,
          });
          expect(ending.code, describeEnding(ending)).toBe(0);
          const { touched } = reportOf<{ touched: number }>(ending);
          expect(touched).toBeGreaterThan(0);
        });
      });
    }
  }
}
