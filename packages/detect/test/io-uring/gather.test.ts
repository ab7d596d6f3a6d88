import { performance } from "node:perf_hooks";
import { ERRNO } from "@baton-io/core/driver";
import { describe, expect, test } from "vitest";
import { processHost } from "../../src/host.js";
import type { ProbeSetting } from "../../src/io-uring/ask-kernel.js";
import { classify } from "../../src/io-uring/classify.js";
import { type DriverHook, gatherEvidence } from "../../src/io-uring/gather.js";
import { answered, refused } from "./fixtures.js";
import { procTree, statusText } from "./proc-tree.js";

const { answers } = answered();

/** A hook that counts how often this process asked, and how often a child did. */
function countingHook(answer: unknown = answers, end: unknown = ended(answer)) {
  const hook = {
    entries: 1024,
    asked: 0,
    children: 0,
    ask: () => {
      hook.asked++;
      return answer;
    },
    askInChild: async () => {
      hook.children++;
      return end;
    },
  };
  return hook;
}

/** A child that came to its end. */
function ended(answer: unknown): unknown {
  return { kind: "ended", signal: 0, diedOf: undefined, refused: undefined, refusedErrno: 0, answers: answer };
}

/** A child that died of SIGSYS. */
function killedIn(name: string, argument: number): unknown {
  return { kind: "ended", signal: 31, diedOf: { name, argument }, refused: undefined, refusedErrno: 0 };
}

const filtered = { "proc/self/status": statusText({ Seccomp: "2", Seccomp_filters: "1" }) };

interface Around {
  readonly tree?: Parameters<typeof procTree>;
  readonly setting?: ProbeSetting;
}

async function gather(hook: DriverHook | string, { tree = [], setting = "auto" }: Around = {}) {
  using made = procTree(...tree);
  return await gatherEvidence({ sources: made.sources, depth: "quick", hook, setting });
}

describe("asking the kernel", () => {
  test("in this process when there is no filter", async () => {
    const hook = countingHook();
    const { probe } = await gather(hook);
    expect(probe).toEqual({ kind: "answered", where: "process", answers, refused: null });
    expect(hook).toMatchObject({ asked: 1, children: 0 });
  });

  // mutant: asked-under-a-filter
  test("in a child when there is a filter, and not in this process at all", async () => {
    const hook = countingHook();
    const { probe } = await gather(hook, { tree: [filtered] });
    expect(probe).toEqual({ kind: "answered", where: "child", answers, refused: null });
    expect(hook).toMatchObject({ asked: 0, children: 1 });
  });

  // mutant: filter-of-the-first-thread
  test("in a child when the thread that asks has a filter, and the first thread of the process has none", async () => {
    const hook = countingHook();
    await gather(hook, { tree: [{ "proc/thread-self/status": statusText({ Seccomp: "2" }) }] });
    expect(hook).toMatchObject({ asked: 0, children: 1 });
  });

  test("in a child when it cannot be told whether there is a filter", async () => {
    const hook = countingHook();
    await gather(hook, { tree: [{ "proc/self/status": null }] });
    expect(hook).toMatchObject({ asked: 0, children: 1 });
  });

  test.each([
    ["1.46.0", "x64"],
    ["1.52.1", "x64"],
    ["1.52.1", "arm64"],
    ["2.0.0", "x64"],
  ])(
    "in a child under a filter with libuv %s on %s too: what libuv calls is not all that is called",
    async (uv, arch) => {
      const hook = countingHook();
      await gather(hook, { tree: [filtered, { versions: { uv }, arch }] });
      expect(hook).toMatchObject({ asked: 0, children: 1 });
    },
  );

  // mutant: probe-child-ignored
  test("in a child without a filter too, when the operator wants it so", async () => {
    const hook = countingHook();
    await gather(hook, { setting: "child" });
    expect(hook).toMatchObject({ asked: 0, children: 1 });
  });

  // mutant: probe-off-ignored
  test("not at all when the operator wants it so: io_uring is left alone", async () => {
    const hook = countingHook();
    const found = await gather(hook, { setting: "off" });
    expect(hook).toMatchObject({ asked: 0, children: 0 });
    expect(classify(found).cause).toBe("PROBE_OFF");
  });

  test("not at all under gVisor", async () => {
    const hook = countingHook();
    const found = await gather(hook, { tree: [{ "proc/gvisor/x": "" }] });
    expect(hook).toMatchObject({ asked: 0, children: 0 });
    expect(found.probe.kind).toBe("not-asked");
    expect(classify(found).cause).toBe("GVISOR");
  });

  test("a child that is killed is evidence, with the call it died of, and this process does not try again", async () => {
    for (const [name, argument, call] of [
      ["io_uring_setup", 0, "io_uring_setup"],
      ["io_uring_setup", 1024, "io_uring_setup (entries: 1024)"],
      ["io_uring_enter", 24, "io_uring_enter (flags: 24)"],
      ["io_uring_register", 11, "io_uring_register (operation: 11)"],
    ] as const) {
      const hook = countingHook(answers, killedIn(name, argument));
      const found = await gather(hook, { tree: [filtered] });
      expect(found.probe).toEqual({ kind: "killed", signal: "SIGSYS", call });
      expect(classify(found).cause).toBe("SECCOMP_KILL");
      expect(hook.asked).toBe(0);
    }
  });

  test("a call of the driver's that a filter refuses for its argument is told", async () => {
    const end = {
      ...(ended(answers) as object),
      refused: { name: "io_uring_enter", argument: 8 },
      refusedErrno: ERRNO.EPERM,
    };
    const found = await gather(countingHook(answers, end), { tree: [filtered] });
    expect(found.probe).toMatchObject({ refused: { call: "io_uring_enter (flags: 8)", errno: ERRNO.EPERM } });
    expect(classify(found).cause).toBe("SECCOMP_PARTIAL");
  });

  // mutant: limit-on-processes-not-named
  test("a child that cannot be made, hangs, ends too early or talks nonsense is a failure with its reason", async () => {
    const ends: readonly (readonly [unknown, string, string])[] = [
      [{ kind: "not-started", errno: ERRNO.EPERM }, "no process could be made to ask: EPERM", "PROBE_UNSAFE"],
      [{ kind: "not-started", errno: ERRNO.EAGAIN }, "no process could be made to ask: EAGAIN", "PIDS"],
      [{ kind: "timeout", afterMs: 5000 }, "did not end within 5000 ms", "PROBE_UNSAFE"],
      [ended(undefined), "ended without an answer", "PROBE_UNSAFE"],
      [ended("hello"), "another shape", "PROBE_UNSAFE"],
      [ended({ ...answers, enter: "EBADF" }), "another shape", "PROBE_UNSAFE"],
      [null, "another shape", "PROBE_UNSAFE"],
    ];
    for (const [end, why, cause] of ends) {
      const found = await gather(countingHook(answers, end), { tree: [filtered] });
      expect(found.probe).toMatchObject({ kind: "failed", why: expect.stringContaining(why) });
      expect(classify(found).cause).toBe(cause);
    }
  });

  // mutant: short-memory-not-waited-for
  test("is repeated when memory for a ring is on its way back, and not when the limit has no room for one", async () => {
    const { answers: short } = refused(ERRNO.ENOMEM, ERRNO.EBADF, ERRNO.EINVAL, ERRNO.EFAULT);
    let asked = 0;
    const hook = { ...countingHook(), ask: () => (++asked < 3 ? short : answers) };
    expect(classify(await gather(hook)).cause).toBe("OK");
    expect(asked).toBe(3);
    const never = countingHook(short);
    const noRoom = {
      "proc/self/limits": "Max locked memory         4096                 4096                 bytes\n",
    };
    expect(classify(await gather(never, { tree: [noRoom] })).cause).toBe("MEMLOCK");
    expect(never.asked).toBe(1);
  });

  test("an addon that throws, or is of another version, is a failure and not a crash", async () => {
    const throwing = {
      ...countingHook(),
      ask: () => {
        throw new Error("boom");
      },
    };
    for (const hook of [throwing, countingHook(null), countingHook({ ...answers, step: "later" })]) {
      expect((await gather(hook)).probe.kind).toBe("failed");
    }
  });

  test("without anything to ask with, the reason is kept and the surroundings are read all the same", async () => {
    const found = await gather("it was not built", { tree: [{ "proc/sys/kernel/io_uring_disabled": "2\n" }] });
    expect(found.probe).toEqual({ kind: "not-asked", why: "it was not built" });
    expect(classify(found)).toEqual({ cause: null, next: ["SYSCTL_DISABLED"] });
  });

  test("a kernel on the driver's list is denied, with the driver's reason", async () => {
    const denied = (release: string) =>
      release.startsWith("6.12.") ? { reason: "tasks hang", link: "https://example.org/1" } : undefined;
    const found = await gather({ ...countingHook(), denied });
    expect(found.denied).toEqual({ reason: "tasks hang", link: "https://example.org/1" });
    expect(classify(found).cause).toBe("DENYLISTED_KERNEL");
  });

  test("ENOSYS is looked into a second time", async () => {
    const missing = refused(ERRNO.ENOSYS, ERRNO.ENOSYS, ERRNO.ENOSYS);
    const hook = countingHook(missing.answers);
    const found = await gather(hook, { tree: [{ "proc/cpuinfo": "CPU implementer\t: 0x61\n" }] });
    expect(classify(found).cause).toBe("EMULATED_CPU");
  });
});

describe("on this machine", () => {
  test("everything is gathered within 20 ms when no child is needed", async (context) => {
    const host = processHost();
    if (process.platform !== "linux") context.skip("io_uring is of Linux");
    // Reading alone: what the kernel is asked for takes a tenth of a millisecond more.
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const startMs = performance.now();
      await host.gatherEvidence("only the reading is measured", "quick");
      times.push(performance.now() - startMs);
    }
    // The best of five: other programs may hold the processor for longer than that.
    expect(Math.min(...times)).toBeLessThan(20);
  });
});
