/** What the runtime cannot make is handed over to nobody, and no count on memory is lost or given back twice. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findDriver, isFound } from "../conformance/drivers.js";
import { type AddonVariant, buildAddon } from "../sanitizers/build-addon.js";
import { isTurn, OTHER_TURN } from "../setup/turns.js";
import { bundlePrograms } from "./bundle-programs.js";
import { describeEnding, type Ending, reportOf, runProgram } from "./run-program.js";

const TIMEOUT_MS = 180_000;
const program = bundlePrograms(new URL("programs/failing-memory.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "baton-failing-memory-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Report {
  readonly failures: number;
  readonly successes: number;
  readonly wrong: readonly string[];
}

/** How the program ended, or why it was not run. */
async function run(variant: AddonVariant): Promise<Ending | string> {
  const built = await buildAddon(variant);
  if ("why" in built) return built.why;
  const block = join(directory, `${variant.driver}-${variant.mutant?.name ?? "sound"}`);
  writeFileSync(block, new Uint8Array(24));
  return runProgram(program.path("failing-memory"), {
    arguments: [variant.driver],
    nodeArguments: ["--expose-gc"],
    environment: {
      BATON_FAIL_CONTROL: block,
      [`BATON_${variant.driver.toUpperCase()}_BINARY`]: built.path,
    },
    timeoutMs: TIMEOUT_MS,
  });
}

for (const name of ["uring", "epoll"] as const) {
  describe(`${name}, with each call of Node-API failing in turn`, async () => {
    const driver = await findDriver(name);

    test("what fails has a code, and every count on memory is as before", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      const ending = await run({ driver: name, failing: true });
      if (typeof ending === "string") return skip(ending);
      expect(ending.code, describeEnding(ending)).toBe(0);
      const report = reportOf<Report>(ending);
      expect(report.wrong).toEqual([]);
      expect(report.failures).toBeGreaterThan(30);
      expect(report.successes).toBeGreaterThan(4);
    });
  });
}

describe("a planted fault is found:", () => {
  const planted = [
    {
      name: "failed-creation-keeps-its-count",
      find: "  lease->End();\n  DropException(env);",
      replace: "  DropException(env);",
    },
    { name: "ended-lease-ends-again", find: "    slab_.Reset();", replace: "    SlabRef::Adopt(slab_.get());" },
    { name: "run-that-nobody-knows", find: "    FreeRun(first.value());\n", replace: "" },
    {
      name: "session-of-a-function-that-never-was",
      find: "    if (napi_add_finalizer(env_, function, this, OnFunctionGone, nullptr, nullptr) != napi_ok) return false;\n    Ref();\n",
      replace:
        "    Ref();\n    if (napi_add_finalizer(env_, function, this, OnFunctionGone, nullptr, nullptr) != napi_ok) return false;\n",
    },
  ];
  for (const [index, mutant] of planted.entries()) {
    test(mutant.name, { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isTurn(index)) return skip(OTHER_TURN);
      const ending = await run({ driver: "epoll", failing: true, mutant });
      if (typeof ending === "string") return skip(ending);
      // A count that is gone twice ends the process.
      if (ending.signal !== null) return;
      expect(reportOf<Report>(ending).wrong).not.toEqual([]);
    });
  }
});
