/** What the runtime opens after the session has closed is nobody's, and must not stay open. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createBackend } from "@baton-io/core";
import { libuvDriver } from "@baton-io/driver-libuv";
import { afterAll, describe, expect, it } from "vitest";

const directory = mkdtempSync(join(tmpdir(), "baton-late-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Threads of the runtime's pool. */
const POOL_THREADS = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);

/** Descriptors of this process that are open on the path. */
function openOn(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

describe.runIf(process.platform === "linux")("a session that closes before its deadline", () => {
  // mutant: libuv-late-open-leaks
  it("closes the file that the thread pool opens afterwards", async () => {
    // Opening a pipe by its name lasts until somebody opens the other end: that keeps the whole pool busy.
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    const busy = Array.from({ length: POOL_THREADS }, () => open(pipe, "r"));
    const path = join(directory, "late");
    writeFileSync(path, "");
    const io = createBackend({ driver: libuvDriver() });
    const opening = io.openFile(path, "r").catch((error: unknown) => error);
    await delay(20);
    const report = await io.close({ deadlineMs: 10 });
    expect(report.unconfirmedOperations).toBe(1);
    expect(await opening).toMatchObject({ code: "ERR_BACKEND_CLOSED" });
    const writer = openSync(pipe, "r+");
    for (const handle of await Promise.all(busy)) await handle.close();
    closeSync(writer);
    for (let tries = 0; tries < 100 && openOn(path) > 0; tries++) await delay(10);
    expect(openOn(path)).toBe(0);
  });
});
