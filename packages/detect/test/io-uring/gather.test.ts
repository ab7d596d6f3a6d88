import { performance } from "node:perf_hooks";
import { ERRNO } from "@baton-io/core";
import { describe, expect, test } from "vitest";
import { processHost } from "../../src/host.js";
import type { ChildEnd } from "../../src/io-uring/ask-kernel.js";
import { classify } from "../../src/io-uring/classify.js";
import { type DriverHook, gatherEvidence } from "../../src/io-uring/gather.js";
import { answered, refused } from "./fixtures.js";
import { procTree, statusText } from "./proc-tree.js";

const good = answered();
if (good.kind !== "answered") throw new Error("the fixture answers");
const { answers } = good;

/** A hook that counts how often this process asked. */
function countingHook(answer: unknown = answers): DriverHook & { asked: number } {
  const hook = {
    addon: "/x/driver-uring.node",
    entries: 1024,
    asked: 0,
    ask: () => {
      hook.asked++;
      return answer;
    },
  };
  return hook;
}

/** A child that ends in a given way, and what it was sent with. */
function fakeChild(end: ChildEnd): { readonly sent: unknown[]; readonly send: () => Promise<ChildEnd> } {
  const sent: unknown[] = [];
  return {
    sent,
    send: async (...what: unknown[]) => {
      sent.push(what);
      return end;
    },
  };
}

const printed = (value: unknown): ChildEnd => ({ kind: "exited", code: 0, stdout: JSON.stringify(value) });
const filtered = { "proc/self/status": statusText({ Seccomp: "2", Seccomp_filters: "1" }) };

async function gather(
  hook: DriverHook | string,
  end: ChildEnd = printed(answers),
  ...tree: Parameters<typeof procTree>
) {
  using made = procTree(...tree);
  const child = fakeChild(end);
  const found = await gatherEvidence({ sources: made.sources, sendChild: child.send, depth: "quick", hook });
  return { found, sent: child.sent };
}

describe("asking the kernel", () => {
  test("in this process when there is no filter", async () => {
    const hook = countingHook();
    const { found, sent } = await gather(hook);
    expect(found.probe).toEqual({ kind: "answered", where: "process", answers });
    expect({ asked: hook.asked, sent }).toEqual({ asked: 1, sent: [] });
  });

  test("in a child first when there is a filter, and not in this process at all", async () => {
    const hook = countingHook();
    const { found, sent } = await gather(hook, printed(answers), filtered);
    expect(found.probe).toEqual({ kind: "answered", where: "child", answers });
    expect({ asked: hook.asked, sent }).toEqual({ asked: 0, sent: [["/x/driver-uring.node", 1024]] });
  });

  test("in a child when it cannot be told whether there is a filter", async () => {
    const hook = countingHook();
    const { sent } = await gather(hook, printed(answers), { "proc/self/status": null });
    expect({ asked: hook.asked, sent: sent.length }).toEqual({ asked: 0, sent: 1 });
  });

  test("in this process when /proc cannot be read and the kernel says that there is no filter", async () => {
    const noProc = { "proc/self/status": null };
    const hook = { ...countingHook(), seccompMode: () => 0 };
    const { found, sent } = await gather(hook, printed(answers), noProc);
    expect(sent).toEqual([]);
    expect(found.surroundings.seccomp.mode).toBe(0);
    for (const mode of [2, -22]) {
      const filteredHook = { ...countingHook(), seccompMode: () => mode };
      expect((await gather(filteredHook, printed(answers), noProc)).sent).toHaveLength(1);
    }
  });

  test.each([
    ["1.50.0", "x64", 1],
    ["1.52.1", "arm64", 1],
    ["2.0.0", "x64", 1],
    ["1.49.2", "x64", 0],
    ["1.52.1", "ppc64", 0],
  ])("with libuv %s on %s, which makes rings at start-up: in this process %i times", async (uv, arch, asked) => {
    const hook = countingHook();
    await gather(hook, printed(answers), filtered, { versions: { uv }, arch });
    expect(hook.asked).toBe(asked);
  });

  test("not at all under gVisor", async () => {
    const hook = countingHook();
    const { found, sent } = await gather(hook, printed(answers), { "proc/gvisor/x": "" });
    expect({ asked: hook.asked, sent, kind: found.probe.kind }).toEqual({ asked: 0, sent: [], kind: "not-asked" });
    expect(classify(found).cause).toBe("GVISOR");
  });

  test("a child that is killed is evidence, and this process does not try again", async () => {
    const hook = countingHook();
    for (const end of [{ kind: "signal", signal: "SIGSYS" }, { kind: "thread-died" }] as const) {
      const { found } = await gather(hook, end, filtered);
      expect(classify(found).cause).toBe("SECCOMP_KILL");
    }
    expect(hook.asked).toBe(0);
  });

  test("a child that cannot be started, hangs, fails or talks nonsense is a failure with its reason", async () => {
    const ends: readonly (readonly [ChildEnd, string])[] = [
      [{ kind: "not-started", why: "EAGAIN", denied: false }, "no child process could be started: EAGAIN"],
      [{ kind: "timeout", afterMs: 5000 }, "did not end within 5000 ms"],
      [{ kind: "exited", code: 1, stdout: "" }, "exit code 1"],
      [{ kind: "exited", code: 0, stdout: "hello" }, "another shape"],
      [printed({ ...answers, enter: "EBADF" }), "another shape"],
    ];
    for (const [end, why] of ends) {
      const { found } = await gather(countingHook(), end, filtered);
      expect(found.probe).toMatchObject({ kind: "failed", why: expect.stringContaining(why) });
      expect(classify(found).cause).toBe("PROBE_UNSAFE");
    }
  });

  test("an addon that throws, or is of another version, is a failure and not a crash", async () => {
    const throwing = {
      ...countingHook(),
      ask: () => {
        throw new Error("boom");
      },
    };
    for (const hook of [throwing, countingHook(null), countingHook({ ...answers, step: "later" })]) {
      expect((await gather(hook)).found.probe.kind).toBe("failed");
    }
  });

  test("without anything to ask with, the reason is kept and the surroundings are read all the same", async () => {
    const { found } = await gather("it was not built", undefined, { "proc/sys/kernel/io_uring_disabled": "2\n" });
    expect(found.probe).toEqual({ kind: "not-asked", why: "it was not built" });
    expect(classify(found)).toEqual({ cause: null, next: ["SYSCTL_DISABLED"] });
  });

  test("a kernel on the driver's list is denied, with the driver's reason", async () => {
    const denied = (release: string) =>
      release.startsWith("6.12.") ? { reason: "tasks hang", link: "https://example.org/1" } : undefined;
    const { found } = await gather({ ...countingHook(), denied });
    expect(found.denied).toEqual({ reason: "tasks hang", link: "https://example.org/1" });
    expect(classify(found).cause).toBe("DENYLISTED_KERNEL");
  });

  test("ENOSYS is looked into a second time", async () => {
    const missing = refused(ERRNO.ENOSYS, ERRNO.ENOSYS, ERRNO.ENOSYS);
    if (missing.kind !== "answered") throw new Error("the fixture answers");
    const hook = countingHook(missing.answers);
    const { found } = await gather(hook, undefined, { "proc/cpuinfo": "CPU implementer\t: 0x61\n" });
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
