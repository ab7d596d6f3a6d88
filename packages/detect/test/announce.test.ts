import { describe, expect, test } from "vitest";
import { detectOn } from "../src/detect.js";
import { allPackages, blockedDriver, fakeHost } from "./fake-host.js";

/** Lines are said once in a process, so each test has its own cause. */
async function linesOf(cause: string, level: string | undefined): Promise<readonly string[]> {
  const driver = blockedDriver("uring", { cause, summary: `Blocked for the test ${cause}.` });
  const packages = allPackages({ "@baton-io/driver-uring": { uringDriver: () => driver } });
  const host = fakeHost(packages, { env: level === undefined ? {} : { BATON_LOG: level } });
  await detectOn(host, {});
  return host.lines;
}

describe("what detection says by itself", () => {
  test("one line when io_uring was expected and is blocked, with cause and driver in use", async () => {
    const lines = await linesOf("TEST_A", undefined);
    expect(lines).toEqual(["baton: using epoll, not uring: TEST_A. Blocked for the test TEST_A. See: baton doctor"]);
  });

  test("… and only once in a process", async () => {
    await linesOf("TEST_B", "warn");
    expect(await linesOf("TEST_B", "warn")).toEqual([]);
  });

  test("nothing with BATON_LOG=silent", async () => {
    expect(await linesOf("TEST_C", "silent")).toEqual([]);
  });

  test("nothing about a package that was left out", async () => {
    expect(await linesOf("NOT_INSTALLED", "warn")).toEqual([]);
  });

  test("the choice with info, the whole report with debug", async () => {
    const info = await linesOf("TEST_D", "info");
    expect(info).toEqual(["baton: Using epoll. Fallen back from uring, which cannot run: TEST_D."]);
    const [debug] = await linesOf("TEST_E", "debug");
    expect(debug).toContain("✗ uring   TEST_E  Blocked for the test TEST_E.");
    expect(debug).toContain("docs/CLOUD_SETUP.md#docker");
  });

  test("a level that does not exist is told about and taken as warn", async () => {
    const lines = await linesOf("TEST_F", "loud");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('BATON_LOG="loud"');
    expect(lines[1]).toContain("TEST_F");
  });

  // mutant: misspelt-probe-setting-not-told
  test("a value of BATON_PROBE that does not exist is told about and taken as auto", async () => {
    const host = fakeHost(allPackages(), { env: { BATON_PROBE: "chlid" } });
    await detectOn(host, {});
    expect(host.lines).toEqual(['baton: BATON_PROBE="chlid" is none of auto, child, off; it is taken as auto.']);
  });

  test("nothing about io_uring that the operator wants left alone", async () => {
    expect(await linesOf("PROBE_OFF", "warn")).toEqual([]);
  });

  test("nothing when the expected driver runs", async () => {
    const host = fakeHost(allPackages());
    await detectOn(host, {});
    expect(host.lines).toEqual([]);
  });
});
