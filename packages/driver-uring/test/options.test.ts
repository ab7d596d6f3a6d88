import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { createBackend } from "@baton-io/core";
import { type Capabilities, featureNames, opcodeNames } from "@baton-io/core/driver";
import { type UringFeature, type UringOptions, uringDriver, uringFeatures } from "@baton-io/driver-uring";
import { afterEach, describe, expect, test, vi } from "vitest";
import { bundlePrograms } from "../../../tests/life/bundle-programs.js";
import { reportOf, runProgram } from "../../../tests/life/run-program.js";
import { uringCapabilities } from "../src/capabilities.js";
import { locksUncounted, type ProcessFiles } from "../src/locked-memory.js";

function capabilitiesOf(options: UringOptions): Capabilities {
  const probe = uringDriver(options).probe();
  if (!probe.available) throw new Error(probe.summary);
  return probe.capabilities;
}

/** What a test hands in that the types refuse. */
const wrong = (options: unknown) => () => uringDriver(options as UringOptions);

const programs = bundlePrograms(new URL("programs/lesser-user.ts", import.meta.url));

afterEach(() => vi.unstubAllEnvs());

describe("options", () => {
  test("sqpoll is refused, with the reason, where its thread takes registered files only", ({ skip }) => {
    const usual = uringDriver().probe();
    if (!usual.available) return skip(usual.summary);
    const options = { sqpoll: true, disable: ["sqpoll-files"] } as const;
    expect(uringDriver(options).probe()).toMatchObject({ available: false, cause: "KERNEL_TOO_OLD" });
    expect(() => createBackend({ driver: uringDriver(options) })).toThrow(/registered files only/);
  });

  test.each([
    [{ entries: 4 }, "ERR_OUT_OF_RANGE"],
    [{ entries: 32_769 }, "ERR_OUT_OF_RANGE"],
    [{ entries: 64.5 }, "ERR_OUT_OF_RANGE"],
    [{ entries: "64" }, "ERR_INVALID_ARG_TYPE"],
    [{ cqEntries: 1 }, "ERR_OUT_OF_RANGE"],
    [{ entries: 1024, cqEntries: 64 }, "ERR_INVALID_ARG_VALUE"],
    [{ sqpoll: 1 }, "ERR_INVALID_ARG_TYPE"],
    [{ sqpollIdleMs: 10 }, "ERR_INVALID_ARG_VALUE"],
    [{ sqpollCpu: 0 }, "ERR_INVALID_ARG_VALUE"],
    [{ sqpoll: true, deferTaskrun: true }, "ERR_INVALID_ARG_VALUE"],
    [{ boundedWorkersMax: 0 }, "ERR_OUT_OF_RANGE"],
    [{ unboundedWorkersMax: 5000 }, "ERR_OUT_OF_RANGE"],
    [{ affinity: 0 }, "ERR_INVALID_ARG_TYPE"],
    [{ affinity: [-1] }, "ERR_OUT_OF_RANGE"],
    [{ numaNode: -2 }, "ERR_OUT_OF_RANGE"],
    [{ zeroCopySendMinBytes: -1 }, "ERR_OUT_OF_RANGE"],
    [{ registeredBuffers: "yes" }, "ERR_INVALID_ARG_TYPE"],
    [{ disable: ["teleport"] }, "ERR_INVALID_ARG_VALUE"],
    [{ disable: "links" }, "ERR_INVALID_ARG_TYPE"],
    [{ iopoll: true }, "ERR_UNSUPPORTED"],
    [{ entires: 64 }, "ERR_UNKNOWN_OPTION"],
  ])("%j is refused with %s, before anything is opened", (options, code) => {
    expect(wrong(options)).toThrow(expect.objectContaining({ code }));
  });

  test("the environment's mask is checked as the option is", () => {
    vi.stubEnv("BATON_URING_DISABLE", "links,teleport");
    expect(() => uringDriver()).toThrow(/"teleport".*there are: multishot-accept/);
  });

  test("processors that the machine has not make the driver unavailable, with the kernel's word for it", () => {
    expect(() => createBackend({ driver: uringDriver({ affinity: [1000] }) })).toThrow(/EINVAL/);
  });

  test("affinity binds the thread that opens the backend, and a probe binds nothing", async () => {
    const before = allowed();
    uringDriver({ affinity: [0] }).probe();
    expect(allowed()).toBe(before);
    // In a thread of its own: it lasts as long as the thread.
    const { seen, after } = await inWorker();
    expect(seen).toBe("0");
    expect(after).toBe(before);
  });
});

describe("capabilities follow what is switched off", () => {
  // Whether buffers are registered by default depends on the machine.
  const all = capabilitiesOf({ registeredBuffers: false });

  test("with everything on, nothing but what is off by default is unsupported", () => {
    for (const name of opcodeNames) expect(all.operations[name].kind, name).not.toBe("unsupported");
    const missing = featureNames.filter((name) => all.features[name].kind === "unsupported");
    expect(missing.sort()).toEqual(["registeredBuffers", "registeredFiles", "zeroCopySend"]);
  });

  test.each<[UringFeature, Partial<Record<string, string>>]>([
    ["multishot-accept", { multishotAccept: "unsupported" }],
    ["multishot-receive", { multishotReceive: "unsupported" }],
    ["buffer-ring", { providedBuffer: "unsupported", multishotReceive: "unsupported" }],
    ["ftruncate", { truncate: "emulated" }],
    ["links", { links: "emulated" }],
    ["link-timeout", { linkTimeout: "unsupported" }],
    ["splice", { splice: "unsupported", pipeTo: "emulated" }],
    ["paths", { unlink: "emulated", rename: "emulated", mkdir: "emulated", hardlink: "emulated", symlink: "emulated" }],
    ["cancel-any", {}],
    ["registered-ring", {}],
    ["restrictions", {}],
  ])("without %s: %j, and everything else as before", (feature, changes) => {
    const without = capabilitiesOf({ registeredBuffers: false, disable: [feature] });
    for (const name of opcodeNames) {
      expect(without.operations[name].kind, name).toBe(changes[name] ?? all.operations[name].kind);
    }
    for (const name of featureNames) {
      expect(without.features[name].kind, name).toBe(changes[name] ?? all.features[name].kind);
    }
  });

  test("zero-copy sends and registered buffers are native when they are asked for, and not when they are masked", () => {
    const wanted = { zeroCopySendMinBytes: 65_536, registeredBuffers: true };
    const on = capabilitiesOf(wanted).features;
    expect([on.zeroCopySend.kind, on.registeredBuffers.kind]).toEqual(["native", "native"]);
    const off = capabilitiesOf({ ...wanted, disable: ["zero-copy-send", "registered-buffers"] }).features;
    expect([off.zeroCopySend.kind, off.registeredBuffers.kind]).toEqual(["unsupported", "unsupported"]);
  });

  test("buffers are registered by default where locked memory is not counted", () => {
    const kind = locksUncounted() ? "native" : "unsupported";
    expect(capabilitiesOf({}).features.registeredBuffers.kind).toBe(kind);
    expect(capabilitiesOf({ registeredBuffers: false }).features.registeredBuffers.kind).toBe("unsupported");
  });

  test("the environment switches features off as the option does, `all` all of them", () => {
    vi.stubEnv("BATON_URING_DISABLE", "all");
    const none = capabilitiesOf({});
    vi.unstubAllEnvs();
    expect(none).toEqual(capabilitiesOf({ disable: uringFeatures }));
    expect(none.features.providedBuffer.kind).toBe("unsupported");
  });

  test("a ring without an entry and without a call for it declares the operation unsupported", () => {
    const probe = { zeroCopySendMinBytes: 0, registeredBuffers: false };
    const bare = {
      ...{ setupFlags: 0, featureFlags: 0, entries: 8, cqEntries: 8, restricted: false },
      ...{
        multishotAccept: false,
        multishotReceive: false,
        bufferRing: false,
        bufferRingRefused: false,
        zeroCopySend: false,
      },
      ...{ registeredBuffers: false, links: false, linkTimeout: false, operations: opcodeNames.map(() => false) },
    };
    const { operations } = uringCapabilities(bare, probe);
    expect(operations.poll.kind).toBe("unsupported");
    expect(operations.shutdown.kind).toBe("emulated");
    expect(operations.listen.kind).toBe("native");
  });
});

// mutant: lock-capability-anywhere, lock-capability-unread
describe("whether locked memory is counted", () => {
  const first = "user:[4026531837]";
  const processWith = (capabilities: string, namespace: string): ProcessFiles => ({
    read: () => `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${capabilities}\n`,
    readLink: () => namespace,
  });

  test.each([
    ["with CAP_IPC_LOCK it is not", "0000000000004000", first, true],
    ["with every capability but it, it is", "000001ffffffbfff", first, false],
    ["in another user namespace it is, whatever identities are mapped", "000001ffffffffff", "user:[4026532201]", false],
  ])("%s", (_name, capabilities, namespace, uncounted) => {
    expect(locksUncounted(processWith(capabilities, namespace))).toBe(uncounted);
  });

  test("where it cannot be read, it is", () => {
    const unreadable = (): string => {
      throw new Error("EACCES");
    };
    expect(locksUncounted({ read: unreadable, readLink: unreadable })).toBe(false);
  });

  // mutant: registered-for-whomever
  test("it is asked when the backend opens: a driver that root made registers nothing for whoever root becomes", async ({
    skip,
  }) => {
    if (!locksUncounted()) return skip("locked memory is counted here");
    const ending = await runProgram(programs.path("lesser-user"));
    expect(reportOf(ending)).toEqual({ probed: "native", opened: "unsupported" });
  });
});

/** Processors that this thread may use. */
function allowed(): string {
  return /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync("/proc/thread-self/status", "utf8"))?.[1] ?? "";
}

async function inWorker(): Promise<{ seen: string; after: string }> {
  const addon = new URL("../prebuilds/linux-x64/driver-uring.node", import.meta.url).pathname;
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const { readFileSync } = require("node:fs");
     const session = require(${JSON.stringify(addon)}).open({ entries: 8, affinity: [0], disabledFeatures: 0, runtime: "node",
       slots: 16, submissionBatchMax: 16, completionBatchMax: 16, arenaBytes: 4096 }, () => {});
     const status = readFileSync("/proc/thread-self/status", "utf8");
     session.close(0);
     parentPort.postMessage(/Cpus_allowed_list:\\s*(\\S+)/.exec(status)[1]);`,
    { eval: true },
  );
  const seen = await new Promise<string>((resolve, reject) => worker.once("message", resolve).once("error", reject));
  await worker.terminate();
  return { seen, after: allowed() };
}
