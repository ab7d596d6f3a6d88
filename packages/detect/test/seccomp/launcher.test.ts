/**
 * Real filters on io_uring's calls, by the launcher: what is chosen, why, and that the main job is done all the same.
 */
import { join } from "node:path";
import type { DetectReport } from "@baton-io/detect";
import { describe, expect, type TestContext, test } from "vitest";
import type { JobResult } from "../../src/demo/job.js";
import { builtCli } from "../run-cli.js";
import { needsIoUring } from "./baseline.js";
import { type LaunchResult, launch } from "./launch.js";
import { root } from "./runc.js";
import { tool } from "./tools.js";

const JOB = ["demo", join(root, "package.json"), "--connections", "4", "--round-trips", "200", "--race-rounds", "8"];

async function baton(
  context: TestContext,
  action: string,
  calls: string,
  args: readonly string[],
): Promise<LaunchResult> {
  await needsIoUring(context);
  return launch(context, action, calls, [process.execPath, builtCli(), ...args]);
}

/** What the kernel itself answers for descriptor -1; register since Linux 6.13, and before. */
const EBADF = 9;
const REACHED_REGISTER = expect.toBeOneOf([22, EBADF]) as unknown;

/** Action, calls, the permanent code of the cause, what the sentence for the person speaks of. */
const filters = [
  ["EPERM", "all", "SECCOMP_ERRNO", /EPERM/],
  ["ENOSYS", "all", "SECCOMP_ERRNO", /ENOSYS/],
  ["EACCES", "all", "SECCOMP_ERRNO", /EACCES/],
  ["EOPNOTSUPP", "all", "SECCOMP_ERRNO", /ENOTSUP|EOPNOTSUPP/],
  ["EPERM", "setup", "SECCOMP_ERRNO", /seccomp/],
  ["EACCES", "enter", "SECCOMP_PARTIAL", /io_uring_enter/],
  ["EPERM", "enter,register", "SECCOMP_PARTIAL", /io_uring_enter/],
  ["KILL_PROCESS", "all", "SECCOMP_KILL", /SIGSYS|kill/],
  ["TRAP", "all", "SECCOMP_KILL", /SIGSYS|kill/],
] as const;

describe("the launcher", () => {
  for (const [action, calls, setup, enter, register] of [
    ["EPERM", "all", 1, 1, 1],
    ["EOPNOTSUPP", "setup", 95, EBADF, REACHED_REGISTER],
    ["13", "enter,register", 0, 13, 13],
    ["TRACE", "setup", 38, EBADF, REACHED_REGISTER],
  ] as const) {
    test(`with ${action} for ${calls} has those calls fail and no other`, async (context) => {
      const found = tool("fingerprint");
      if ("missing" in found) return context.skip(found.missing);
      const { code, stdout } = await launch(context, action, calls, [found.path]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toEqual({ setup, enter, register });
    });
  }

  test("refuses an action and a call that there are not", async (context) => {
    expect((await launch(context, "EFOO", "all", ["true"])).code).toBe(2);
    expect((await launch(context, "EPERM", "read", ["true"])).code).toBe(2);
  });
});

describe("with a filter that does", () => {
  for (const [action, calls, cause, sentence] of filters) {
    test(`${action} to ${calls}: ${cause} is named, epoll is chosen, the exit code is 3`, async (context) => {
      const { code, stdout, stderr } = await baton(context, action, calls, ["doctor", "--json"]);
      expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
      const { chosen, choice, drivers } = JSON.parse(stdout) as DetectReport;
      expect({ chosen, choice, cause: drivers[0]?.cause }).toEqual({ chosen: "epoll", choice: "FALLBACK", cause });
      expect(drivers[0]?.summary).toMatch(sentence);
      expect(drivers[0]?.remedy?.anchor).toMatch(/^docs\/CLOUD_SETUP\.md#/);
    });

    test(`${action} to ${calls}: the main job is done, on epoll`, async (context) => {
      const { code, stdout, stderr } = await baton(context, action, calls, [...JOB, "--json"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const { jobs } = JSON.parse(stdout) as { readonly jobs: readonly JobResult[] };
      expect(jobs.map(({ driver }) => driver)).toEqual(["epoll", "libuv"]);
      expect(jobs[0]?.buffers).toMatchObject({ lent: 0, leaked: 0 });
    });
  }

  test("LOG to all: nothing is refused, and io_uring is used", async (context) => {
    const { code, stdout } = await baton(context, "LOG", "all", ["doctor", "--json"]);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as DetectReport).chosen).toBe("uring");
  });
});

describe("an application under a filter", () => {
  const APP = `
    import { createBackend } from "@baton-io/core";
    import { detect } from "@baton-io/detect";
    const io = createBackend({ driver: await detect() });
    const file = await io.openFile(process.argv[1], "r");
    const { bytesRead, buffer } = await file.read(io.buffers.take(16), { position: 0 });
    buffer.release();
    await file.close();
    await io.close();
    console.log(io.driver, bytesRead);`;
  for (const [action, calls] of [
    ["EPERM", "all"],
    ["EPERM", "enter"],
    ["KILL_PROCESS", "all"],
  ] as const) {
    test(`that does ${action} to ${calls} works, and says one line`, async (context) => {
      await needsIoUring(context);
      const command = [process.execPath, "--input-type=module", "--eval", APP, join(root, "package.json")];
      const { code, stdout, stderr } = await launch(context, action, calls, command);
      expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: "epoll 16\n" });
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(stderr).toMatch(/^baton: using epoll, not uring: SECCOMP_/);
    });
  }

  test("is told when uring was forced, instead of being given another driver", async (context) => {
    const command = ["env", "BATON_DRIVER=uring", process.execPath, builtCli(), ...JOB];
    const { code, stdout, stderr } = await launch(context, "EPERM", "all", command);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^baton demo: uring is forced by BATON_DRIVER and cannot run: SECCOMP_ERRNO.*\n$/);
  });
});
