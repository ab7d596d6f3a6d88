/** Limits that are too small for a ring, for a process that asks, or to load anything: what is found, and what is told. */
import { release } from "node:os";
import { describe, expect, test } from "vitest";
import { chargesMemlock } from "../src/io-uring/memory.js";
import { isRoot, NOBODY_ELSE, need, needIoUring, run } from "./real-runs.js";

const user = isRoot ? { uid: NOBODY_ELSE } : {};

/** Runs a script under a limit of the shell. */
function runUnder(
  limit: string,
  script: string,
  options: { readonly args?: readonly string[]; readonly uid?: number },
) {
  const node = [process.execPath, "--input-type=module", "--eval", script, ...(options.args ?? [])];
  return run(["sh", "-c", `${limit}; exec "$@"`, "sh", ...node], options);
}

describe("a ring after detection, with little locked memory", () => {
  /** What the ring has less of than it should, and what was told of it. */
  const script = `
    import { createBackend } from "@baton-io/core";
    import { detect, detection } from "@baton-io/detect";
    import { uringDriver } from "@baton-io/driver-uring";
    const heard = [];
    detection.addEventListener("shortfall", ({ shortfalls }) => heard.push(...shortfalls));
    const detected = process.argv[1] === "detected" ? await detect() : undefined;
    const io = createBackend({ driver: detected ?? uringDriver() });
    const { shortfalls } = io.inspect();
    await io.close();
    console.log(JSON.stringify({ shortfalls, heard, reported: detected?.report.shortfalls }));`;

  interface Told {
    readonly shortfalls: readonly { readonly what: string; readonly wanted: number; readonly got: number }[];
    readonly heard: unknown;
    readonly reported: unknown;
  }

  async function told(kib: number, who: "detected" | "alone"): Promise<Told & { readonly stderr: string }> {
    const { stdout, stderr } = await runUnder(`ulimit -l ${kib}`, script, { ...user, args: [who] });
    return { ...(JSON.parse(stdout) as Told), stderr };
  }

  // The kernel gives the memory of a closed ring back late; at the edge of a size that decides.
  test("is as large as without detection", async (context) => {
    await needIoUring(context);
    for (const kib of [48, 136, 200]) {
      const alone = await told(kib, "alone");
      const detected = await told(kib, "detected");
      expect(detected.shortfalls, `${kib} KiB`).toEqual(alone.shortfalls);
    }
  });

  test("that is smaller than it should be is told: in the inspector, the report, an event and a line", async (context) => {
    await needIoUring(context);
    need(context, chargesMemlock(release()), `kernel ${release()} does not charge rings to locked memory`);
    const { shortfalls, heard, reported, stderr } = await told(64, "detected");
    expect(shortfalls).toContainEqual(expect.objectContaining({ what: "entries of the ring", wanted: 1024, got: 256 }));
    expect({ heard, reported }).toEqual({ heard: shortfalls, reported: shortfalls });
    expect(stderr).toMatch(/^baton: uring has 256 of 1024 entries of the ring: .*See: baton doctor$/m);
  });

  test("that has everything says nothing", async (context) => {
    await needIoUring(context);
    const { shortfalls, heard, reported, stderr } = await told(4096, "detected");
    expect({ shortfalls, heard, reported, stderr }).toEqual({ shortfalls: [], heard: [], reported: [], stderr: "" });
  });
});

describe("with no file descriptor left before anything is loaded", () => {
  const script = `
    import { closeSync, openSync } from "node:fs";
    import { detect } from "@baton-io/detect";
    const open = [];
    try { for (;;) open.push(openSync("/dev/null")); } catch {}
    for (let count = Number(process.argv[1]); count > 0; count--) closeSync(open.pop());
    const first = await detect().then(({ name }) => name, ({ code, message }) => code + ": " + message);
    for (const fd of open) closeSync(fd);
    console.log(first);
    console.log((await detect()).name);`;

  test.each([0, 1, 3])("the answer is NOFILE, and with descriptors all is well again: %i left", async (left) => {
    const { stdout, stderr } = await runUnder("ulimit -n 64", script, { args: [String(left)] });
    const [first, second] = stdout.split("\n");
    expect(first, stderr).toMatch(/^ERR_DRIVER_UNAVAILABLE: .*NOFILE.*descriptor.*ulimit -n/);
    expect(first).not.toContain("npm install");
    expect(second).toMatch(/^(uring|epoll|libuv)$/);
  });
});
