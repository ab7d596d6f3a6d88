/**
 * The sysctl, set for real. It switches io_uring off for the whole machine while a test runs, so it is done only on
 * request, alone and one after the other: `BATON_TEST_SYSCTL=1 npx vitest run packages/detect/test/sysctl.test.ts`.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, type TestContext, test } from "vitest";
import { driversOfJob, examine, isRoot, NOBODY_ELSE, need, needIoUring } from "./real-runs.js";

describe("the sysctl", () => {
  const files = { disabled: "/proc/sys/kernel/io_uring_disabled", group: "/proc/sys/kernel/io_uring_group" };
  /** There as long as somebody has set it: two runs at once would restore each other's values. */
  const LOCK = join(tmpdir(), "baton-test-sysctl.lock");
  const GROUP = 61_235;

  /** Sets it for the whole machine, runs, and sets it back; each write opens the file anew. */
  async function withSysctl<T>(disabled: number, group: number, body: () => Promise<T>): Promise<T> {
    mkdirSync(LOCK);
    const before = { disabled: readFileSync(files.disabled, "utf8"), group: readFileSync(files.group, "utf8") };
    const restore = () => {
      writeFileSync(files.disabled, before.disabled);
      writeFileSync(files.group, before.group);
      rmSync(LOCK, { recursive: true, force: true });
    };
    process.once("exit", restore);
    try {
      writeFileSync(files.group, String(group));
      writeFileSync(files.disabled, String(disabled));
      return await body();
    } finally {
      restore();
      process.removeListener("exit", restore);
      // Left behind, it would switch io_uring off for everybody.
      expect(readFileSync(files.disabled, "utf8")).toBe(before.disabled);
      expect(readFileSync(files.group, "utf8")).toBe(before.group);
    }
  }

  const needSysctl = async (context: TestContext) => {
    need(
      context,
      process.env["BATON_TEST_SYSCTL"] === "1",
      "BATON_TEST_SYSCTL=1 allows it: it changes the whole machine",
    );
    need(context, isRoot, "only root may set it");
    await needIoUring(context);
  };

  test("2 switches io_uring off, for root too: SYSCTL_DISABLED, and the job is done on epoll", async (context) => {
    await needSysctl(context);
    await withSysctl(2, -1, async () => {
      const { code, report } = await examine({});
      expect({ code, cause: report.drivers[0]?.cause }).toEqual({ code: 3, cause: "SYSCTL_DISABLED" });
      expect(report.drivers[0]?.remedy?.command).toBe("sysctl -w kernel.io_uring_disabled=0");
      expect(await driversOfJob({})).toEqual(["epoll", "libuv"]);
    });
  });

  test("1 lets in root and the group and nobody else: SYSCTL_GROUP", async (context) => {
    await needSysctl(context);
    await withSysctl(1, GROUP, async () => {
      const other = await examine({ uid: NOBODY_ELSE });
      expect({ code: other.code, cause: other.report.drivers[0]?.cause }).toEqual({ code: 3, cause: "SYSCTL_GROUP" });
      expect(other.report.drivers[0]?.summary).toContain(String(GROUP));
      // runCli gives the process the group of the same number.
      const member = await examine({ uid: GROUP });
      expect({ code: member.code, chosen: member.report.chosen }).toEqual({ code: 0, chosen: "uring" });
      expect((await examine({})).report.chosen).toBe("uring");
    });
  });
});
