/** What programs hear of a fallback, what is kept from one detection to the next, and how evidence becomes the report. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createBackend } from "@baton-io/core";
import { type Driver, ERRNO, type Shortfall } from "@baton-io/core/driver";
import { describe, expect, test } from "vitest";
import { detectOn, examine, readWish } from "../src/detect.js";
import {
  type DetectReport,
  detection,
  FALLBACK_CHANNEL,
  FallbackEvent,
  SHORTFALL_CHANNEL,
  ShortfallEvent,
} from "../src/index.js";
import type { IoUringEvidence } from "../src/io-uring/evidence.js";
import { driverRow } from "../src/report.js";
import { allPackages, blockedDriver, type FakeHost, fakeHost, moduleNotFound, runningDriver } from "./fake-host.js";
import { answered, evidence, hint, refused } from "./io-uring/fixtures.js";

const silent = { BATON_LOG: "silent" };
const { EPERM } = ERRNO;
const dockerEvidence = evidence(refused(EPERM, EPERM, EPERM), {
  seccomp: { mode: 2, filters: 1 },
  hints: [hint("docker", "Docker", "/.dockerenv")],
});

/** The uring package with its hook, over evidence made up. */
function hookedHost(seen: IoUringEvidence, rest: { readonly env?: Readonly<Record<string, string>> } = {}): FakeHost {
  const packages = allPackages({
    "@baton-io/driver-uring": {
      uringDriver: () => runningDriver("uring"),
      uringKernel: () => ({ entries: 1024, ask: () => undefined, askInChild: async () => undefined }),
    },
  });
  return fakeHost(packages, { env: silent, evidence: seen, ...rest });
}

/** What is heard while `body` runs: events, and messages on the channel. */
async function listen(body: () => Promise<unknown>): Promise<{ events: DetectReport[]; messages: unknown[] }> {
  const events: DetectReport[] = [];
  const messages: unknown[] = [];
  const onEvent = (event: Event) => {
    if (event instanceof FallbackEvent) events.push(event.report);
  };
  const onMessage = (message: unknown) => {
    messages.push(message);
  };
  detection.addEventListener("fallback", onEvent);
  subscribe(FALLBACK_CHANNEL, onMessage);
  try {
    await body();
  } finally {
    detection.removeEventListener("fallback", onEvent);
    unsubscribe(FALLBACK_CHANNEL, onMessage);
  }
  return { events, messages };
}

describe("a fallback", () => {
  test("is an event and a message on the diagnostics channel, with the report, even when stderr stays silent", async () => {
    let report: DetectReport | undefined;
    const heard = await listen(async () => {
      report = (await detectOn(hookedHost(dockerEvidence), {})).report;
    });
    expect(heard.events).toEqual([report]);
    expect(heard.messages).toEqual([{ report }]);
  });

  test("is told each time, and a choice as expected is not", async () => {
    const heard = await listen(async () => {
      await detectOn(hookedHost(dockerEvidence), {});
      await detectOn(hookedHost(dockerEvidence), {});
      await detectOn(hookedHost(evidence(answered())), {});
    });
    expect(heard.events).toHaveLength(2);
    expect(heard.messages).toHaveLength(2);
  });

  test("is no fallback when nothing can run: then it is an error alone", async () => {
    const heard = await listen(() => detectOn(fakeHost({}, { env: silent }), {}).catch(() => undefined));
    expect(heard).toEqual({ events: [], messages: [] });
  });
});

describe("a driver that is opened and has less than it asked for", () => {
  const shortfall = { what: "entries of the ring", wanted: 1024, got: 64, reason: "there was no memory for more" };

  /** A host with one driver, which opens with these shortfalls. */
  function shortHost(shortfalls: readonly Shortfall[], env: Readonly<Record<string, string>> = {}): FakeHost {
    const driver = runningDriver("uring");
    const open: Driver["open"] = (...args) => ({ ...driver.open(...args), shortfalls });
    return fakeHost(allPackages({ "@baton-io/driver-uring": { uringDriver: () => ({ ...driver, open }) } }), { env });
  }

  // mutant: shortfalls-not-told
  test("is told each time it is opened: as an event, on a channel, in its report and in the inspector", async () => {
    const events: ShortfallEvent[] = [];
    const messages: unknown[] = [];
    const onEvent = (event: Event) => {
      if (event instanceof ShortfallEvent) events.push(event);
    };
    const onMessage = (message: unknown) => {
      messages.push(message);
    };
    detection.addEventListener("shortfall", onEvent);
    subscribe(SHORTFALL_CHANNEL, onMessage);
    const driver = await detectOn(shortHost([shortfall], silent), {});
    expect(driver.report.shortfalls).toEqual([]);
    const io = createBackend({ driver });
    expect(driver.report.shortfalls).toEqual([shortfall]);
    expect(io.inspect().shortfalls).toEqual([shortfall]);
    expect(events.map(({ shortfalls, report }) => [shortfalls, report])).toEqual([[[shortfall], driver.report]]);
    expect(messages).toEqual([{ report: driver.report }]);
    await io.close();
    await createBackend({ driver }).close();
    expect(events).toHaveLength(2);
    detection.removeEventListener("shortfall", onEvent);
    unsubscribe(SHORTFALL_CHANNEL, onMessage);
  });

  test("says one line, once, unless the operator wants none", async () => {
    const lines: string[] = [];
    for (const env of [{}, {}, silent]) {
      const host = shortHost([{ ...shortfall, got: 63 }], env);
      await createBackend({ driver: await detectOn(host, {}) }).close();
      lines.push(...host.lines);
    }
    expect(lines).toEqual([
      "baton: uring has 63 of 1024 entries of the ring: there was no memory for more. See: baton doctor",
    ]);
  });

  test("says nothing when it has everything", async () => {
    const host = shortHost([]);
    const driver = await detectOn(host, {});
    await createBackend({ driver }).close();
    expect({ lines: host.lines, shortfalls: driver.report.shortfalls }).toEqual({ lines: [], shortfalls: [] });
  });
});

describe("the driver over the kernel", () => {
  test("is not made, let alone probed, when the kernel refuses: cause, remedy, risk and evidence are in its row", async () => {
    let made = 0;
    const packages = allPackages({
      "@baton-io/driver-uring": {
        uringDriver: () => {
          made++;
          return runningDriver("uring");
        },
        uringKernel: () => ({ entries: 1024, ask: () => undefined, askInChild: async () => undefined }),
      },
    });
    const { report } = await detectOn(fakeHost(packages, { env: silent, evidence: dockerEvidence }), {});
    expect(made).toBe(0);
    const row = driverRow(report, "uring");
    expect(row).toMatchObject({
      available: false,
      cause: "SECCOMP_ERRNO",
      remedy: { anchor: "docs/CLOUD_SETUP.md#docker", risk: "docs/CLOUD_SETUP.md#security" },
    });
    expect(row.evidence).toContainEqual({ name: "looks like", value: "Docker (/.dockerenv)" });
    expect(report.ioUring).toEqual(dockerEvidence);
  });

  test("runs with a smaller ring than it should, and its row says what keeps it small", async () => {
    const seen = evidence(answered(), { limits: { memlockBytes: 65_536 } });
    const { report } = await detectOn(hookedHost(seen), {});
    const row = driverRow(report, "uring");
    expect({ choice: report.choice, cause: row.cause }).toEqual({ choice: "EXPECTED", cause: "OK" });
    expect(row.next.map(({ cause }) => cause)).toEqual(["MEMLOCK"]);
  });

  test("that was not built says so first, and what would bite next after that", async () => {
    const notBuilt = { available: false, cause: "NOT_BUILT", summary: "It was not built.", evidence: [] };
    const packages = allPackages({
      "@baton-io/driver-uring": { uringDriver: () => runningDriver("uring"), uringKernel: () => notBuilt },
    });
    const seen = evidence({ kind: "not-asked", why: "It was not built." }, { sysctl: { disabled: 2 } });
    const { report } = await detectOn(fakeHost(packages, { env: silent, evidence: seen }), {});
    const row = driverRow(report, "uring");
    expect(row.cause).toBe("NOT_BUILT");
    expect(row.next.map(({ cause }) => cause)).toEqual(["SYSCTL_DISABLED"]);
  });

  test("that is not installed says so, and what would bite next", async () => {
    const packages = allPackages({
      "@baton-io/driver-uring": moduleNotFound("Cannot find package '@baton-io/driver-uring' imported from /x.js"),
    });
    const seen = evidence({ kind: "not-asked", why: "not installed" }, { sandbox: { gvisor: "/proc/gvisor" } });
    const { report } = await detectOn(fakeHost(packages, { env: silent, evidence: seen }), {});
    expect(driverRow(report, "uring")).toMatchObject({ cause: "NOT_INSTALLED", next: [{ cause: "GVISOR" }] });
  });

  test("whose own probe fails although the kernel agreed has its own cause, with what the kernel said", async () => {
    const packages = allPackages({
      "@baton-io/driver-uring": {
        uringDriver: () => blockedDriver("uring", { cause: "UNKNOWN_ERRNO" }),
        uringKernel: () => ({ entries: 1024, ask: () => undefined, askInChild: async () => undefined }),
      },
    });
    const { report } = await detectOn(fakeHost(packages, { env: silent }), {});
    const row = driverRow(report, "uring");
    expect(row.cause).toBe("UNKNOWN_ERRNO");
    expect(row.evidence.map(({ name }) => name)).toContain("probe");
  });

  test("on a kernel known for harm stays out, unless the operator asks for it by name", async () => {
    const seen = { ...evidence(answered()), denied: { reason: "tasks hang", link: "https://example.org/1" } };
    const { report } = await detectOn(hookedHost(seen), {});
    expect(driverRow(report, "uring")).toMatchObject({ cause: "DENYLISTED_KERNEL" });
    expect(driverRow(report, "uring").evidence).toContainEqual({
      name: "known harm",
      value: "tasks hang (https://example.org/1)",
    });
    const forced = await detectOn(hookedHost(seen, { env: { ...silent, BATON_DRIVER: "uring" } }), {});
    expect(forced.report).toMatchObject({ chosen: "uring", choice: "FORCED" });
  });

  test("of a package without the hook is asked itself, and io_uring is not looked for", async () => {
    const { report } = await detectOn(fakeHost(allPackages(), { env: silent }), {});
    expect(report).toMatchObject({ chosen: "uring", ioUring: null });
  });

  test("whose hook breaks, or is something else, is LOAD_FAILED", async () => {
    const hooks = [
      () => {
        throw new Error("no");
      },
      () => ({ addon: 5 }),
      () => undefined,
    ];
    for (const uringKernel of hooks) {
      const packages = allPackages({
        "@baton-io/driver-uring": { uringDriver: () => runningDriver("uring"), uringKernel },
      });
      const { report } = await detectOn(fakeHost(packages, { env: silent }), {});
      expect(driverRow(report, "uring").cause).toBe("LOAD_FAILED");
    }
  });
});

describe("what an earlier detection found", () => {
  /** A host that counts how often it was looked at. */
  function countingHost(): FakeHost & { looks: number } {
    const plain = hookedHost(evidence(answered()));
    const host = {
      ...plain,
      looks: 0,
      gatherEvidence: (...given: Parameters<FakeHost["gatherEvidence"]>) => {
        host.looks++;
        return plain.gatherEvidence(...given);
      },
    };
    return host;
  }

  test("is used with cache: true, and the choice is made anew", async () => {
    const host = countingHost();
    const first = await detectOn(host, { cache: true });
    const second = await detectOn(host, { cache: true, prefer: "epoll" });
    expect(host.looks).toBe(1);
    expect([first.report.cached, second.report.cached]).toEqual([false, true]);
    expect([first.name, second.name]).toEqual(["uring", "epoll"]);
  });

  test("is not used without, and what is found then is what is kept", async () => {
    const host = countingHost();
    await detectOn(host, { cache: true });
    expect((await detectOn(host, {})).report.cached).toBe(false);
    expect((await detectOn(host, { cache: true })).report.cached).toBe(true);
    expect(host.looks).toBe(2);
  });

  test("is shared by detections that run at the same time", async () => {
    const host = countingHost();
    await Promise.all([detectOn(host, { cache: true }), detectOn(host, { cache: true })]);
    expect(host.looks).toBe(1);
  });

  test("is not used for a driver that is asked for by name, whose known harm does not count", async () => {
    const host = countingHost();
    await detectOn(host, { cache: true });
    const wish = { ...readWish(host, {}), forced: { name: "uring", by: "BATON_DRIVER" } } as const;
    expect((await examine(host, wish, { cache: true })).report.cached).toBe(false);
    expect(host.looks).toBe(2);
  });

  test("cache must be true or false", async () => {
    const wrong = detectOn(countingHost(), { cache: "yes" } as unknown as { cache: boolean });
    await expect(wrong).rejects.toMatchObject({ code: "ERR_INVALID_ARG_TYPE" });
  });
});
