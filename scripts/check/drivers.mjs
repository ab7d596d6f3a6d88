// @ts-check
import { runTool } from "./tool.mjs";

/**
 * `EXPECT_DRIVERS=uring,epoll,libuv` names the drivers that must run here, so that a driver that quietly stopped
 * running is a failure and not a shorter list of tests.
 *
 * @type {import("./stage.mjs").Stage}
 */
export const drivers = {
  name: "drivers",
  checks: "the drivers that are expected run",
  run: async (root) => {
    const { code, stdout, output } = await runTool(root, "./packages/detect/dist/cli/baton.js", ["doctor", "--json"], {
      BATON_DRIVER: "auto",
      BATON_LOG: "silent",
    });
    if (stdout === "") return { passed: 0, failed: 1, failures: `baton doctor exited with ${code}\n${output}` };
    /** @type {{ drivers: { name: string, available: boolean, cause: string, summary: string }[] }} */
    const report = JSON.parse(stdout);
    const expected = (process.env["EXPECT_DRIVERS"] ?? "").split(",").filter((name) => name !== "");
    const unknown = expected.filter((name) => !report.drivers.some((driver) => driver.name === name));
    const missing = report.drivers.filter((driver) => !driver.available);
    const failures = [
      ...unknown.map((name) => `EXPECT_DRIVERS names ${name}, which is no driver`),
      ...missing
        .filter(({ name }) => expected.includes(name))
        .map(({ name, cause, summary }) => `${name} is expected and does not run: ${cause}. ${summary}`),
    ];
    return {
      passed: report.drivers.length - missing.length,
      failed: failures.length,
      failures: failures.join("\n"),
      skipped: missing
        .filter(({ name }) => !expected.includes(name))
        .map(({ name, cause, summary }) => `driver ${name}: ${cause}. ${summary}`),
    };
  },
};
