/** What the runtime opens after the session has closed is nobody's, and must not stay open. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createBackend } from "@baton-io/core";
import { libuvDriver } from "@baton-io/driver-libuv";
import { afterAll, describe, expect, it } from "vitest";

const directory = mkdtempSync(join(tmpdir(), "baton-late-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

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
    // A pipe with a name: opening it to read lasts until somebody opens it to write.
    const path = join(directory, "late");
    execFileSync("mkfifo", [path]);
    const io = createBackend({ driver: libuvDriver() });
    const opening = io.openFile(path, "r").catch((error: unknown) => error);
    await delay(20);
    const report = await io.close({ deadlineMs: 10 });
    expect(report.unconfirmedOperations).toBe(1);
    expect(await opening).toMatchObject({ code: "ERR_BACKEND_CLOSED" });
    const writer = openSync(path, "w");
    await delay(50);
    closeSync(writer);
    for (let tries = 0; tries < 100 && openOn(path) > 0; tries++) await delay(10);
    expect(openOn(path)).toBe(0);
  });
});
