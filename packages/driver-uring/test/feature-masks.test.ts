/** Older kernels: the kit passes with each feature of io_uring left unused, and with all of them. */
import { uringFeatures } from "@baton-io/driver-uring";
import { describe, expect, test } from "vitest";
import { findDriver, isFound } from "../../../tests/conformance/drivers.js";
import { isLong } from "../../../tests/life/amounts.js";
import { bundlePrograms } from "../../../tests/life/bundle-programs.js";
import { runKit } from "../../../tests/sanitizers/kit.js";
import { isTurn, OTHER_TURN } from "../../../tests/setup/turns.js";

const TIMEOUT_MS = isLong ? 600_000 : 60_000;

const programs = bundlePrograms(new URL("../../../tests/sanitizers/programs/kit.ts", import.meta.url));
const driver = await findDriver("uring");

describe("the kit on uring passes", () => {
  for (const [index, feature] of [...uringFeatures, "all"].entries()) {
    test(`with BATON_URING_DISABLE=${feature}`, { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (!isTurn(index)) return skip(OTHER_TURN);
      const environment = { BATON_URING_DISABLE: feature };
      const { failures, passed, stderr } = await runKit(programs, "uring", `without ${feature}`, {
        environment,
        sample: index,
      });
      expect(failures, stderr).toEqual([]);
      expect(passed).toBeGreaterThan(10);
    });
  }
});
