/** Guard pages find out who frees a buffer that the kernel still has; so a kit that passes on them says something. */
import { describe, expect, test } from "vitest";
import { findDriver, isFound } from "../conformance/drivers.js";
import { bundlePrograms } from "../life/bundle-programs.js";
import { reportOf, runProgram } from "../life/run-program.js";

const programs = bundlePrograms(new URL("programs/freed-in-flight.ts", import.meta.url));

for (const name of ["uring", "epoll"]) {
  describe(`${name} with its buffers on guard pages`, async () => {
    const driver = await findDriver(name);
    const run = async (plant: "planted" | "sound") =>
      reportOf<{ received: string }>(
        await runProgram(programs.path("freed-in-flight"), {
          arguments: [name, plant],
          environment: { BATON_GUARD_PAGES: "1" },
        }),
      );

    test("a buffer that is freed in flight shows as EFAULT", async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      expect(await run("planted")).toEqual({ received: "EFAULT" });
    });

    test("a buffer that is not, receives", async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      expect(await run("sound")).toEqual({ received: "5 bytes" });
    });
  });
}
