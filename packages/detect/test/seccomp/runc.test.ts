/** Real containers under real default profiles: what io_uring's calls answer there, what Baton makes of it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoFromCode } from "@baton-io/core/driver";
import type { DetectReport } from "@baton-io/detect";
import fc from "fast-check";
import { describe, expect, type TestContext, test } from "vitest";
import type { JobResult } from "../../src/demo/job.js";
import { ioUringCalls, judgeProfile } from "../../src/seccomp/judge.js";
import { readProfile } from "../../src/seccomp/parse.js";
import { dockerCapabilities } from "../../src/seccomp/target.js";
import { builtCli, runCli } from "../run-cli.js";
import { needsIoUring } from "./baseline.js";
import { type RealProfileName, realProfile, realProfilePath } from "./profiles.js";
import { asDockerHandsOver, type ContainerOptions, root, runContainer, runcMissing } from "./runc.js";
import { tool } from "./tools.js";

type Json = { readonly [key: string]: unknown };

/** A small job: every part of it, in little time. */
const JOB = [
  "demo",
  join(root, "package.json"),
  "--json",
  "--connections",
  "4",
  "--round-trips",
  "200",
  "--race-rounds",
  "8",
];
/** Kubernetes' `restricted` level: nobody's id, no capabilities. */
const RESTRICTED = { uid: 65_534, capabilities: [] } as const;

/** Skips where there is no runc, or no io_uring outside of it. */
async function needsRunc(context: TestContext): Promise<void> {
  const reason = runcMissing();
  if (reason !== undefined) context.skip(reason);
  await needsIoUring(context);
}

/** What io_uring's calls answer in a container: 0, or an errno. */
async function fingerprint(context: TestContext, options: ContainerOptions) {
  const found = tool("fingerprint");
  if ("missing" in found) return context.skip(found.missing);
  const { code, stdout, stderr } = await runContainer([found.path], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as { setup: number; enter: number; register: number };
}

/** What `baton doctor --json` and the main job say in a container. */
async function baton(options: ContainerOptions) {
  const run = (args: readonly string[]) => runContainer([process.execPath, builtCli(), ...args], options);
  const [doctor, demo] = await Promise.all([run(["doctor", "--json"]), run(JOB)]);
  expect(doctor.stderr).toBe("");
  const report = JSON.parse(doctor.stdout) as DetectReport;
  expect(demo).toMatchObject({ code: 0, stderr: "" });
  const { jobs } = JSON.parse(demo.stdout) as { readonly jobs: readonly JobResult[] };
  const { cause, summary, remedy } = report.drivers[0]!;
  const { chosen } = report;
  return {
    exitCode: doctor.code,
    chosen,
    cause,
    summary,
    anchor: remedy?.anchor,
    jobs: jobs.map(({ driver }) => driver),
  };
}

/** The profile that `baton seccomp` makes of a real one. */
async function madeFrom(name: RealProfileName, args: readonly string[] = []): Promise<Json> {
  const directory = mkdtempSync(join(tmpdir(), "baton-test-"));
  try {
    const out = join(directory, "made.json");
    const { code, stderr } = await runCli(["seccomp", "--from", realProfilePath(name), "--out", out, ...args]);
    expect(code, stderr).toBe(0);
    return JSON.parse(readFileSync(out, "utf8")) as Json;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What `baton` finds where nothing is in the way. */
const ON_URING = {
  exitCode: 0,
  chosen: "uring",
  cause: "OK",
  summary: expect.stringContaining("native"),
  anchor: undefined,
  jobs: ["uring", "epoll", "libuv"],
};

const EPERM = 1;
const ENOSYS = 38;
/** What the kernel itself says to descriptor -1; register since Linux 6.13, and before. */
const REACHED = { setup: 0, enter: 9, register: expect.toBeOneOf([22, 9]) };

describe("under the default profile", () => {
  for (const [name, errno, cause] of [
    ["docker-29", EPERM, "EPERM"],
    ["podman", ENOSYS, "ENOSYS"],
  ] as const) {
    test(`of ${name} all three calls say ${cause}, and the main job runs on epoll`, async (context) => {
      await needsRunc(context);
      const seccomp = asDockerHandsOver(JSON.parse(realProfile(name, context.skip)));
      expect(await fingerprint(context, { seccomp })).toEqual({ setup: errno, enter: errno, register: errno });
      expect(await baton({ seccomp })).toEqual({
        exitCode: 3,
        chosen: "epoll",
        cause: "SECCOMP_ERRNO",
        summary: expect.stringContaining(cause),
        anchor: expect.stringMatching(/^docs\/CLOUD_SETUP\.md#/),
        jobs: ["epoll", "libuv"],
      });
    });
  }

  test("of docker-24.0 io_uring is there, and the main job runs on it", async (context) => {
    await needsRunc(context);
    const seccomp = asDockerHandsOver(JSON.parse(realProfile("docker-24.0", context.skip)));
    expect(await fingerprint(context, { seccomp })).toEqual(REACHED);
    expect(await baton({ seccomp })).toEqual(ON_URING);
  });
});

describe("under the profile that `baton seccomp` makes", () => {
  for (const name of ["docker-24.0", "docker-29", "podman"] as const) {
    test(`of ${name}, the main job runs on io_uring`, async (context) => {
      await needsRunc(context);
      realProfile(name, context.skip);
      const seccomp = asDockerHandsOver(await madeFrom(name));
      expect(await fingerprint(context, { seccomp })).toEqual(REACHED);
      expect(await baton({ seccomp })).toEqual(ON_URING);
    });

    test(`of ${name} for Kubernetes, read as containerd reads it, a restricted container runs on io_uring`, async (context) => {
      await needsRunc(context);
      realProfile(name, context.skip);
      // The file itself: runc takes from it what containerd takes, and drops the rest as silently.
      const seccomp = await madeFrom(name, ["--kubernetes"]);
      expect(await fingerprint(context, { ...RESTRICTED, seccomp })).toEqual(REACHED);
      expect(await baton({ ...RESTRICTED, seccomp })).toEqual(ON_URING);
    });
  }
});

describe("what --check says of a profile is what the calls answer under it", () => {
  const [setup, enter, register] = ioUringCalls;
  const here = { arch: "amd64", capabilities: dockerCapabilities, kernel: { major: 6, minor: 1 } } as const;
  const refuse = (names: unknown[], errnoRet: number) => ({ names, action: "SCMP_ACT_ERRNO", errnoRet });
  const allow = (names: unknown[]) => ({ names, action: "SCMP_ACT_ALLOW" });
  const all = [...ioUringCalls];
  const profiles: readonly (readonly [string, readonly object[]])[] = [
    ["no rule", []],
    ["one errno for all", [refuse(all, 13)]],
    ["an errno each", [refuse([setup], 1), refuse([enter], 13), refuse([register], 38)]],
    ["two rules for one call", [refuse(all, 38), refuse(all, 1)]],
    ["a rule that says what the default says, then another", [allow(all), refuse(all, 95)]],
    ["a rule that refuses, then one that says what the default says", [refuse(all, 95), allow(all)]],
    ["a trace without a tracer", [{ names: all, action: "SCMP_ACT_TRACE" }]],
    ["a log", [{ names: all, action: "SCMP_ACT_LOG" }]],
    [
      "a rule on an argument, then one without",
      [{ ...refuse([setup], 13), args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] }, refuse([setup], 38)],
    ],
    ["setup alone refused", [refuse([setup], 13)]],
    ["setup alone allowed", [refuse([enter, register], 1)]],
  ];
  for (const [what, syscalls] of profiles) {
    test(`${what}`, async (context) => {
      await needsRunc(context);
      // Everything else is allowed, so that the container itself runs.
      const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
      const { calls } = judgeProfile(readProfile(profile), here);
      const expected = calls.map(({ call, effect, errno }) => {
        expect(effect).toBeOneOf(["allowed", "refused"]);
        return errno === null ? reached(call) : errnoFromCode(errno);
      });
      const { setup, enter, register } = await fingerprint(context, { seccomp: profile });
      expect([setup, enter, register]).toEqual(expected);
    });
  }

  test("any rules without arguments", { timeout: 60_000 }, async (context) => {
    await needsRunc(context);
    const rule = fc.record({
      names: fc.subarray(all, { minLength: 1 }),
      action: fc.constantFrom("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"),
      errnoRet: fc.constantFrom(1, 13, 38, 95),
    });
    const property = fc.asyncProperty(fc.array(rule, { minLength: 2, maxLength: 4 }), async (rules) => {
      const syscalls = rules.map(({ errnoRet, ...rest }) =>
        rest.action === "SCMP_ACT_ERRNO" ? { ...rest, errnoRet } : rest,
      );
      const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
      const { calls } = judgeProfile(readProfile(profile), here);
      const answers = Object.values(await fingerprint(context, { seccomp: profile }));
      expect(answers).toEqual(calls.map(({ call, errno }) => (errno === null ? reached(call) : errnoFromCode(errno))));
    });
    await fc.assert(property, { numRuns: 30 });
  });

  test("a kill", async (context) => {
    await needsRunc(context);
    const found = tool("fingerprint");
    if ("missing" in found) return context.skip(found.missing);
    const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: all, action: "SCMP_ACT_KILL_PROCESS" }] };
    expect(judgeProfile(readProfile(profile), here).verdict).toBe("KILLS");
    // 128 + SIGSYS.
    expect((await runContainer([found.path], { seccomp: profile })).code).toBe(159);
  });

  function reached(call: string): unknown {
    return { io_uring_setup: REACHED.setup, io_uring_enter: REACHED.enter, io_uring_register: REACHED.register }[call];
  }
});
