/** Surroundings that get in the way, made for real: limits, users, tracers, permissions. What seccomp does is in packages/detect/test/seccomp. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, type TestContext, test } from "vitest";
import type { DetectReport } from "../src/index.js";
import { chargesMemlock } from "../src/io-uring/memory.js";
import {
  driversOfJob,
  examine,
  isLinux,
  isRoot,
  JOB,
  manifest,
  NOBODY_ELSE,
  need,
  needIoUring,
  run,
} from "./real-runs.js";
import { builtCli } from "./run-cli.js";

describe("with little locked memory, as an ordinary user", () => {
  const user = isRoot ? { uid: NOBODY_ELSE } : {};
  const needCharge = (context: TestContext) =>
    need(context, chargesMemlock(release()), `kernel ${release()} does not charge rings to locked memory`);

  test("none at all: MEMLOCK, epoll is used, and the job is done", async (context) => {
    await needIoUring(context);
    needCharge(context);
    const options = { ...user, limit: "ulimit -l 0" };
    const { code, report } = await examine(options);
    expect({ code, chosen: report.chosen, cause: report.drivers[0]?.cause }).toEqual({
      code: 3,
      chosen: "epoll",
      cause: "MEMLOCK",
    });
    expect(report.drivers[0]?.remedy).toMatchObject({ anchor: "docs/CLOUD_SETUP.md#memlock" });
    expect(await driversOfJob(options)).toEqual(["epoll", "libuv"]);
  });

  test("64 KiB: a smaller ring is made, and the report says what keeps it small", async (context) => {
    await needIoUring(context);
    needCharge(context);
    const options = { ...user, limit: "ulimit -l 64" };
    const { code, report } = await examine(options);
    expect({ code, chosen: report.chosen }).toEqual({ code: 0, chosen: "uring" });
    expect(report.drivers[0]?.next.map(({ cause }) => cause)).toEqual(["MEMLOCK"]);
    expect(report.shortfalls).toContainEqual(
      expect.objectContaining({ what: "entries of the ring", wanted: 1024, got: 256 }),
    );
    expect(await driversOfJob(options)).toEqual(["uring", "epoll", "libuv"]);
  });
});

describe("with few file descriptors", () => {
  /** Fills the table up to `free` descriptors, once everything is loaded, and detects then. */
  const script = (free: number) => `
    import { closeSync, openSync } from "node:fs";
    import { detect } from "@baton-io/detect";
    await detect();
    const open = [];
    try { for (;;) open.push(openSync("/dev/null")); } catch {}
    for (let index = 0; index < ${free}; index++) closeSync(open.pop());
    const { name, report } = await detect();
    for (const fd of open) closeSync(fd);
    console.log(name, report.choice, report.drivers[0].cause);`;
  const detectWith = (free: number) =>
    run(["sh", "-c", `ulimit -n 64; exec "$@"`, "sh", process.execPath, "--input-type=module", "-e", script(free)]);

  test("none left: NOFILE, loudly, and a driver that needs none is used", async (context) => {
    await needIoUring(context);
    const { code, stdout, stderr } = await detectWith(0);
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: "libuv FALLBACK NOFILE\n" });
    expect(stderr).toMatch(/^baton: using libuv, not uring: NOFILE\. .*\n$/);
  });

  test("enough for a ring: it is used", async (context) => {
    await needIoUring(context);
    const { stdout } = await detectWith(8);
    expect(stdout).toBe("uring EXPECTED OK\n");
  });

  test("a low limit from the start (ulimit -n 48) is enough for the job", async (context) => {
    await needIoUring(context);
    expect(await driversOfJob({ limit: "ulimit -n 48" })).toEqual(["uring", "epoll", "libuv"]);
  });
});

describe("where io_uring's calls are answered by something else", () => {
  const strace = (inject: string) => [
    "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    `trace=io_uring_setup,io_uring_enter,io_uring_register`,
    "-e",
    inject,
  ];
  const allMissing = "inject=io_uring_setup,io_uring_enter,io_uring_register:error=ENOSYS";
  const needStrace = (context: TestContext) => {
    need(context, isLinux, "strace is of Linux");
    const tried = spawnSync("strace", ["-f", "-o", "/dev/null", "true"], { encoding: "utf8" });
    need(context, tried.error === undefined, "strace is not installed");
    need(context, tried.status === 0, `strace may not trace here: ${tried.stderr.split("\n", 1)[0]}`);
  };
  const doctor = async (command: readonly string[]) => {
    const { code, stdout, stderr } = await run([...command, process.execPath, builtCli(), "doctor", "--json"]);
    expect(stderr).toBe("");
    const report = JSON.parse(stdout) as DetectReport;
    return { code, chosen: report.chosen, cause: report.drivers[0]?.cause, summary: report.drivers[0]?.summary ?? "" };
  };

  test("ENOSYS from all three without a filter: KERNEL_MISSING, and the tracer is named", async (context) => {
    needStrace(context);
    await needIoUring(context);
    const { summary, ...found } = await doctor(strace(allMissing));
    expect(found).toEqual({ code: 3, chosen: "epoll", cause: "KERNEL_MISSING" });
    expect(summary).toMatch(/something stands between \(process \d+ traces this one\)/);
  });

  test("… and when nothing shows that the kernel has io_uring, it is the kernel", async (context) => {
    needStrace(context);
    await needIoUring(context);
    need(context, isRoot, "hiding the kernel's markers takes root");
    const hidden = mkdtempSync(join(tmpdir(), "baton-hidden-"));
    try {
      writeFileSync(join(hidden, "osrelease"), "4.18.0-old\n");
      writeFileSync(join(hidden, "config.gz"), gzipSync("# CONFIG_IO_URING is not set\n"));
      // In a mount namespace of its own: nobody else sees it.
      const mounts = [
        `mount --bind ${hidden} /proc/sys/kernel`,
        "if [ -d /sys/kernel/slab ]; then mount -t tmpfs none /sys/kernel/slab; fi",
        `if [ -e /proc/config.gz ]; then mount --bind ${hidden}/config.gz /proc/config.gz; fi`,
        `if [ -e /proc/kallsyms ]; then mount --bind /dev/null /proc/kallsyms; fi`,
      ].join(" && ");
      const hide = ["unshare", "--mount", "sh", "-c", `${mounts} && exec "$@"`, "sh"];
      const tried = spawnSync(hide[0]!, [...hide.slice(1), "true"], { encoding: "utf8" });
      need(context, tried.status === 0, `mounts are not allowed here: ${tried.stderr}`);
      const { summary, ...found } = await doctor([...hide, ...strace(allMissing)]);
      expect(found).toEqual({ code: 3, chosen: "epoll", cause: "KERNEL_MISSING" });
      expect(summary).toBe("Kernel 4.18.0-old has no io_uring (all three system calls answer ENOSYS).");
    } finally {
      rmSync(hidden, { recursive: true });
    }
  });

  test("the job is done on epoll", async (context) => {
    needStrace(context);
    await needIoUring(context);
    const job = [process.execPath, builtCli(), "demo", manifest, ...JOB, "--json"];
    const { code, stdout } = await run([...strace(allMissing), ...job]);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { jobs: { driver: string }[] }).jobs.map(({ driver }) => driver)).toEqual([
      "epoll",
      "libuv",
    ]);
  });

  test("EPERM for setup alone, without a filter and with the sysctl at 0: nobody is blamed", async (context) => {
    needStrace(context);
    await needIoUring(context);
    const { cause, code } = await doctor(strace("inject=io_uring_setup:error=EPERM"));
    expect({ cause, code }).toEqual({ cause: "UNKNOWN_ERRNO", code: 3 });
  });
});

describe("with a runtime that may not load addons", () => {
  test("RUNTIME_PERMISSION for both native drivers, libuv is used, and the remedy names the flag", async (context) => {
    need(context, isLinux, "the drivers in question are made for Linux");
    const { code, stdout } = await run([process.execPath, "--no-addons", builtCli(), "doctor", "--json"]);
    const { chosen, drivers } = JSON.parse(stdout) as DetectReport;
    expect({ code, chosen }).toEqual({ code: 3, chosen: "libuv" });
    expect(drivers.map(({ cause }) => cause)).toEqual(["RUNTIME_PERMISSION", "RUNTIME_PERMISSION", "OK"]);
    expect(drivers[0]?.remedy?.text).toContain("--allow-addons");
  });

  test("the permission model alone does the same", async (context) => {
    need(context, isLinux, "the drivers in question are made for Linux");
    const flag = process.allowedNodeEnvironmentFlags.has("--permission") ? "--permission" : "--experimental-permission";
    need(context, process.allowedNodeEnvironmentFlags.has(flag), "this runtime has no permission model");
    const { stdout } = await run([process.execPath, flag, "--allow-fs-read=*", builtCli(), "doctor", "--json"]);
    const { chosen, drivers } = JSON.parse(stdout) as DetectReport;
    expect(chosen).toBe("libuv");
    expect(drivers[0]?.cause).toBe("RUNTIME_PERMISSION");
  });
});

describe("when privileges are given up", () => {
  const script = (order: string) => `
    import { createBackend } from "@baton-io/core";
    import { detect } from "@baton-io/detect";
    const driver = await detect();
    const drop = () => { process.setgroups([]); process.setgid(${NOBODY_ELSE}); process.setuid(${NOBODY_ELSE}); };
    let io;
    const open = () => { io = createBackend({ driver }); };
    ${order}
    console.log(driver.credentialsChanged());
    await io.close();`;
  const answer = async (order: string) =>
    (await run([process.execPath, "--input-type=module", "-e", script(order)])).stdout.trim();

  test("after the backend was opened, credentialsChanged tells; before, it is fine", async (context) => {
    need(context, isRoot, "only root can become somebody else");
    expect(await answer("open(); drop();")).toBe("true");
    expect(await answer("drop(); open();")).toBe("false");
    expect(await answer("open();")).toBe("false");
  });
});
