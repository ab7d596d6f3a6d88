import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JobResult } from "../src/demo/job.js";
import type { DetectReport } from "../src/index.js";
import { type CliResult, installation, runCli, temporaryDirectory } from "./run-cli.js";

/** A small job: enough for every part of it to be more than one of its kind. */
const SMALL = ["--connections", "5", "--round-trips", "103", "--race-rounds", "12"];
/** An id that owns nothing here. */
const NOBODY = 65_534;

interface DemoOutput {
  readonly source: { readonly path: string; readonly bytes: number; readonly sha256: string };
  readonly report: DetectReport;
  readonly jobs: readonly JobResult[];
}

/** Somewhere to work, with an empty temporary directory for the command. */
function workplace() {
  const directory = temporaryDirectory();
  const temporary = join(directory.path, "tmp");
  mkdirSync(temporary);
  return {
    path: (name: string) => join(directory.path, name),
    env: { TMPDIR: temporary, TEMP: temporary, TMP: temporary },
    left: () => readdirSync(temporary),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

/** A file system of a given size; `skip` is called with the reason where there can be none. */
function smallDisk(path: string, size: string, skip: (reason: string) => never) {
  if (process.platform !== "linux") skip("needs tmpfs");
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", path], { stdio: "pipe" });
  } catch (error) {
    skip(`a small tmpfs cannot be mounted here: ${String(error).split("\n")[0]}`);
  }
  return { path, [Symbol.dispose]: () => execFileSync("umount", [path]) };
}

function expectOneLine({ code, stderr }: CliResult, pattern: RegExp): void {
  expect(stderr).toMatch(pattern);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(code).toBe(1);
}

describe("baton demo", () => {
  test("does the main job over every driver that runs, and accounts for it", async () => {
    using work = workplace();
    const content = randomBytes(1_000_003);
    writeFileSync(work.path("data.bin"), content);
    const result = await runCli(["demo", work.path("data.bin"), "--json", "--chunk-bytes", "65536", ...SMALL], work);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const { source, report, jobs } = JSON.parse(result.stdout) as DemoOutput;
    expect(source).toMatchObject({ bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") });
    expect(jobs.map((job) => job.driver)).toEqual(
      report.drivers.filter((driver) => driver.available).map((driver) => driver.name),
    );
    expect(jobs.length).toBeGreaterThan(0);
    for (const job of jobs) {
      expect(job.copy).toMatchObject({ bytes: content.length, sha256: source.sha256 });
      expect(job.echo).toMatchObject({ connections: 5, roundTrips: 103, bytes: 103 * 64 * 2 });
      expect(job.race).toMatchObject({ rounds: 12, lost: 0 });
      expect(job.race.wonByAccept + job.race.keptForNext).toBe(12);
      // Aborted before the connection exists: that one can only go to the next accept.
      expect(job.race.keptForNext).toBeGreaterThanOrEqual(3);
      expect(job.buffers).toMatchObject({ lent: 0, leaked: 0 });
      expect(job.operations).toBeGreaterThan(2 * 16 + 2 * 103);
      expect(job.driverCalls).toBeGreaterThan(0);
    }
    expect(work.left()).toEqual([]);
  });

  test("prints the report, each driver's job and a summary; in a pipe no progress and no colour", async () => {
    using work = workplace();
    writeFileSync(work.path("data.bin"), "a small file");
    const { code, stdout, stderr } = await runCli(["demo", work.path("data.bin"), "--driver", "libuv", ...SMALL], work);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("Using libuv. libuv is forced by --driver.");
    expect(stdout).toMatch(/✓ copy .*SHA-256 of source and copy are equal/);
    expect(stdout).toMatch(/✓ echo .*103 round trips over 5 connections/);
    expect(stdout).toMatch(/✓ cancel .*12 accepts aborted while a connection came: .* 0 lost/);
    for (const row of [
      "copied, bytes",
      "round trips/s",
      "operations",
      "native calls",
      "buffers home",
      "buffers leaked",
    ]) {
      expect(stdout).toContain(`│ ${row}`);
    }
  });

  test("an empty file is copied as well as a large one", async () => {
    using work = workplace();
    writeFileSync(work.path("empty"), "");
    const { code, stdout } = await runCli(["demo", work.path("empty"), "--json", "--driver", "libuv", ...SMALL], work);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as DemoOutput).jobs[0]?.copy.bytes).toBe(0);
  });
});

test("the copy of one driver is gone before the next one makes its own", async (context) => {
  const drivers = await availableDrivers();
  if (drivers.length < 2) context.skip(`only ${drivers.join()} runs here`);
  using work = workplace();
  using disk = smallDisk(work.path("disk"), "1500k", (reason) => context.skip(reason));
  writeFileSync(work.path("data.bin"), randomBytes(1_000_000));
  const result = await runCli(["demo", work.path("data.bin"), "--to", disk.path, ...SMALL], work);
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: "" });
});

describe("baton demo fails with one line, exit code 1, and nothing left behind:", () => {
  test("a file that does not exist", async () => {
    using work = workplace();
    const result = await runCli(["demo", work.path("missing"), ...SMALL], work);
    expectOneLine(result, /^baton demo: ENOENT: .*missing/);
    expect(result.stdout).toBe("");
    expect(work.left()).toEqual([]);
  });

  test("a path that goes through a file", async () => {
    using work = workplace();
    writeFileSync(work.path("file"), "");
    expectOneLine(await runCli(["demo", join(work.path("file"), "data"), ...SMALL], work), /ENOTDIR/);
  });

  test("a directory", async () => {
    using work = workplace();
    expectOneLine(await runCli(["demo", work.env.TMPDIR, ...SMALL], work), /is a directory/);
    expect(work.left()).toEqual([]);
  });

  test("a device, which has no end", async (context) => {
    if (process.platform === "win32") context.skip("there is no /dev/zero");
    using work = workplace();
    expectOneLine(await runCli(["demo", "/dev/zero", ...SMALL], work), /not a regular file/);
  });

  test("a file that may not be read", async (context) => {
    if (process.platform === "win32") context.skip("permissions are not mode bits here");
    using work = workplace();
    writeFileSync(work.path("secret"), "secret");
    chmodSync(work.path("secret"), 0o000);
    // Root reads everything, so the command is run as somebody who does not.
    const asRoot = process.getuid?.() === 0;
    if (asRoot) {
      chmodSync(work.path("."), 0o755);
      chmodSync(work.env.TMPDIR, 0o777);
      const version = await runCli(["--version"], { ...work, uid: NOBODY });
      if (version.code !== 0) context.skip("this checkout cannot be read by another user, and root reads everything");
    }
    const result = await runCli(["demo", work.path("secret"), ...SMALL], {
      ...work,
      ...(asRoot ? { uid: NOBODY } : {}),
    });
    expectOneLine(result, /EACCES.*secret/);
    expect(work.left()).toEqual([]);
  });

  test("a directory for the copy that does not exist", async () => {
    using work = workplace();
    writeFileSync(work.path("data.bin"), "data");
    const result = await runCli(["demo", work.path("data.bin"), "--to", work.path("nowhere"), ...SMALL], work);
    expectOneLine(result, /ENOENT.*nowhere/);
  });

  test("a full disk", async (context) => {
    using work = workplace();
    using disk = smallDisk(work.path("disk"), "256k", (reason) => context.skip(reason));
    writeFileSync(work.path("data.bin"), randomBytes(1_000_000));
    for (const driver of await availableDrivers()) {
      const args = ["demo", work.path("data.bin"), "--driver", driver, "--to", disk.path, ...SMALL];
      expectOneLine(await runCli(args, work), /^baton demo: cannot copy .*ENOSPC/);
      expect(readdirSync(disk.path)).toEqual([]);
    }
  });

  test("a port that is in use", async () => {
    using work = workplace();
    writeFileSync(work.path("data.bin"), "data");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      for (const driver of await availableDrivers()) {
        const args = ["demo", work.path("data.bin"), "--driver", driver, "--port", String(port), ...SMALL];
        expectOneLine(await runCli(args, work), /^baton demo: cannot echo: EADDRINUSE/);
        expect(work.left()).toEqual([]);
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("too few descriptors for the connections", async (context) => {
    if (process.platform === "win32") context.skip("there is no such limit");
    using work = workplace();
    writeFileSync(work.path("data.bin"), "data");
    for (const driver of await availableDrivers()) {
      const args = ["demo", work.path("data.bin"), "--driver", driver, "--connections", "100"];
      const result = await runCli(args, { ...work, limit: "ulimit -n 80" });
      // Either end may be the one that gets no descriptor.
      expectOneLine(result, /^baton demo: cannot echo: (EMFILE|the echo server ended the connection|ECONNRESET)/);
      expect(work.left()).toEqual([]);
    }
  });

  test("a number out of its range", async () => {
    expectOneLine(await runCli(["demo", "--port", "70000"]), /whole number from 0 to 65535/);
  });

  test("a forced driver that cannot run", async (context) => {
    if (process.platform !== "linux") context.skip("the driver in question is made for Linux");
    using work = workplace();
    const { cli } = installation(work.path("installation"), ["driver-libuv"]);
    const result = await runCli(["demo", ...SMALL], { cli, env: { ...work.env, BATON_DRIVER: "uring" } });
    expectOneLine(result, /uring is forced by BATON_DRIVER and cannot run: NOT_INSTALLED: .* Fix: npm install/);
    expect(work.left()).toEqual([]);
  });
});

describe("baton demo, interrupted", () => {
  test("removes its copy and exits as shells expect of the signal", async (context) => {
    if (process.platform === "win32") context.skip("there are no signals to send");
    using work = workplace();
    writeFileSync(work.path("data.bin"), randomBytes(100_000));
    let interrupted = false;
    const result = await runCli(["demo", work.path("data.bin"), "--driver", "libuv", "--round-trips", "10000000"], {
      ...work,
      onOutput: (_stdout, child) => {
        // The first output comes when the directory of the copy is there.
        if (interrupted) return;
        interrupted = true;
        expect(work.left()).toHaveLength(1);
        child.kill("SIGINT");
      },
    });
    expect(result.stderr).toBe("baton demo: stopped by SIGINT; nothing is left behind\n");
    expect(result.code).toBe(130);
    expect(work.left()).toEqual([]);
  });
});

/** Names of the drivers that run here. */
async function availableDrivers(): Promise<readonly string[]> {
  const report = JSON.parse((await runCli(["doctor", "--json"])).stdout) as DetectReport;
  return report.drivers.filter((driver) => driver.available).map((driver) => driver.name);
}

describe("what only the command needs", () => {
  const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

  test("is not in the library", () => {
    expect(read("dist/index.js")).not.toMatch(/commander|cli-table3|cli-progress/);
  });

  test("is installed with nobody's package, and stands in LICENSES.md with its license", () => {
    const { dependencies } = JSON.parse(read("package.json")) as { readonly dependencies: Record<string, string> };
    expect(Object.keys(dependencies).filter((name) => !name.startsWith("@baton-io/"))).toEqual([]);
    const { sources } = JSON.parse(read("dist/cli/baton.js.map")) as { readonly sources: readonly string[] };
    const contained = new Set(
      sources.flatMap((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []),
    );
    expect(contained).toContain("commander");
    const named = [...read("LICENSES.md").matchAll(/^## (\S+) /gm)].map(([, name]) => name!);
    expect(named.toSorted()).toEqual([...contained].toSorted());
  });
});
