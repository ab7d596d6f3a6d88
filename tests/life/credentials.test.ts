/**
 * Operations run with the rights that the process has when it asks, not with those it had when its backend was made.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms } from "./bundle-programs.js";
import { reportOf, runProgram } from "./run-program.js";

/** `nobody`, who owns nothing. */
const OTHER_UID = 65_534;

const programs = bundlePrograms(new URL("programs/credentials.ts", import.meta.url));

for (const driver of await findDrivers()) {
  describe(`${driver.name}: after the process has given up its rights`, () => {
    test("files that it creates belong to who it is now, and what is closed to it stays closed", async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (process.getuid?.() !== 0) return skip("only root can become somebody else");
      const directory = mkdtempSync(join(tmpdir(), "baton-credentials-"));
      try {
        chmodSync(directory, 0o777);
        mkdirSync(join(directory, "closed"), { mode: 0o700 });
        const options = { arguments: [driver.name, directory, String(OTHER_UID)] };
        const ending = await runProgram(programs.path("credentials"), options);
        expect(reportOf(ending)).toEqual({ before: 0, during: OTHER_UID, refused: "EACCES", restored: 0 });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  });
}
