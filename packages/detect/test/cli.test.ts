import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { DetectReport } from "../src/index.js";
import { installation, runCli, temporaryDirectory } from "./run-cli.js";

describe("baton", () => {
  test("--version prints the version of the package", async () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await runCli(["--version"])).toEqual({ code: 0, signal: null, stdout: `${manifest.version}\n`, stderr: "" });
  });

  test("--help names the commands", async () => {
    const { code, stdout } = await runCli(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("doctor");
    expect(stdout).toContain("demo");
  });

  test("an option that does not exist is one line and exit code 1", async () => {
    const { code, stderr } = await runCli(["doctor", "--jsn"]);
    expect(code).toBe(1);
    expect(stderr).toContain("--jsn");
    expect(stderr).not.toContain("    at ");
  });
});

describe("baton doctor", () => {
  test("--json is the report, and its fields are those of the schema", async () => {
    const { code, stdout, stderr } = await runCli(["doctor", "--json"], { env: { BATON_DRIVER: "libuv" } });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as DetectReport;
    expect(Object.keys(report).sort()).toEqual([
      "arch",
      "cached",
      "choice",
      "chosen",
      "drivers",
      "elapsedMs",
      "expected",
      "forcedBy",
      "ioUring",
      "platform",
      "reason",
      "runtime",
      "schema",
      "shortfalls",
    ]);
    expect(report).toMatchObject({
      schema: 1,
      chosen: "libuv",
      expected: "libuv",
      choice: "FORCED",
      forcedBy: "BATON_DRIVER",
    });
    expect(report.drivers.map((driver) => driver.name)).toEqual(["uring", "epoll", "libuv"]);
    for (const driver of report.drivers) {
      expect(Object.keys(driver).sort()).toEqual([
        "available",
        "capabilities",
        "cause",
        "evidence",
        "name",
        "next",
        "package",
        "remedy",
        "summary",
      ]);
      expect(driver.available).toBe(driver.cause === "OK");
      expect(driver.capabilities === null).toBe(!driver.available);
    }
    expect(report.drivers[2]?.capabilities?.operations.read.kind).toBe("native");
  });

  test("exits with 0 when the expected driver runs, and the table marks it", async () => {
    const { code, stdout, stderr } = await runCli(["doctor"], { env: { BATON_DRIVER: "libuv" } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Using libuv. libuv is forced by BATON_DRIVER.");
    expect(stdout).toMatch(/✓ libuv\s+│ OK/);
  });

  test("exits with 3 when it has fallen back, and says from what, why and what to do", async () => {
    using directory = temporaryDirectory();
    const { code, stdout, stderr } = await runCli(["doctor"], installation(directory.path, ["driver-libuv"]));
    expect({ code, stderr }).toEqual({ code: process.platform === "linux" ? 3 : 0, stderr: "" });
    if (process.platform !== "linux") return;
    expect(stdout).toContain("Using libuv. Fallen back from uring, which cannot run: NOT_INSTALLED.");
    expect(stdout).toMatch(/✗ uring\s+│ NOT_INSTALLED/);
    expect(stdout).toContain("$ npm install @baton-io/driver-uring");
    expect(stdout).toContain("docs/guides/choosing-a-driver.md");
  });

  test("exits with 4 when no driver runs", async () => {
    using directory = temporaryDirectory();
    const { code, stdout } = await runCli(["doctor"], installation(directory.path, []));
    expect(code).toBe(4);
    expect(stdout).toContain("No driver.");
  });

  test("exits with 4 when the forced driver cannot run, although another could", async () => {
    using directory = temporaryDirectory();
    const { cli } = installation(directory.path, ["driver-libuv"]);
    const { code, stdout } = await runCli(["doctor"], { cli, env: { BATON_DRIVER: "uring" } });
    expect(code).toBe(4);
    expect(stdout).toContain("uring is forced by BATON_DRIVER and cannot run");
  });

  test("tells a package that was not built from one that is not there", async (context) => {
    if (process.platform !== "linux") context.skip("the drivers in question are made for Linux");
    using directory = temporaryDirectory();
    const { cli } = installation(directory.path, ["driver-libuv"], ["driver-uring"]);
    const { stdout } = await runCli(["doctor", "--json"], { cli });
    const report = JSON.parse(stdout) as DetectReport;
    expect(report.drivers.map((driver) => driver.cause)).toEqual(["NOT_BUILT", "NOT_INSTALLED", "OK"]);
  });

  test("--explain adds the matrix of operations and features", async () => {
    const { stdout } = await runCli(["doctor", "--explain"], { env: { BATON_DRIVER: "libuv" } });
    expect(stdout).toMatch(/│ fdatasync\s+│/);
    expect(stdout).toMatch(/│ pageAlignedMemory\s+│/);
    expect(stdout).toContain("unsupported:");
  });

  test("a driver that does not exist is one line and exit code 1", async () => {
    const { code, stdout, stderr } = await runCli(["doctor"], { env: { BATON_DRIVER: "kqueue" } });
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^baton doctor: BATON_DRIVER: "kqueue" is none of .*\n$/);
  });

  test("no colour in a pipe", async () => {
    const { stdout } = await runCli(["doctor"], { env: { BATON_DRIVER: "libuv" } });
    expect(stdout).not.toContain("\u001b");
  });
});
