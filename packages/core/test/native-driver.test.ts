/** The shell of native drivers, over an addon that is made up. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { checkOptions } from "../src/base/validate.js";
import { type DriverHost, defineCapabilities, ERRNO, native, type Unavailable } from "../src/driver.js";
import { type BindingResult, loadBinding } from "../src/spi/load-binding.js";
import { type NativeBinding, type NativeSystem, nativeDriver } from "../src/spi/native-driver.js";
import {
  type CheckedNativeOptions,
  type NativeDriverOptions,
  nativeOptionNames,
  readNativeOptions,
} from "../src/spi/native-options.js";
import type { NativeSession } from "../src/spi/native-session.js";

/** The steps that were taken, in order. */
const steps: string[] = [];
beforeEach(() => void steps.splice(0));

const limits = { slots: 8, submissionBatchMax: 4, completionBatchMax: 4, arenaBytes: 4096 };
const capabilities = defineCapabilities({ operations: { nop: native() }, features: {} }, "made up");
const shortfalls = [{ what: "entries", wanted: 8, got: 4, reason: "no memory" }];
const strict: Unavailable = {
  ...{ available: false, cause: "TOO_STRICT", summary: "It is strict.", evidence: [] },
};

/** What the addon hands over; nothing of it is called here but `submit`. */
const session = { submit: () => 3, exposures: new ArrayBuffer(4) } as unknown as NativeSession;

type MadeUp = NativeBinding<CheckedNativeOptions, { readonly kind: string }> & { readonly release: string };

/** An addon that answers so. */
function addon(answers: { probe?: number; open?: number } = {}) {
  const open = vi.fn((_options: object, _sink: (count: number) => void) => {
    steps.push("open");
    return answers.open ?? session;
  });
  const binding: MadeUp = {
    release: "6.1",
    probe: () => {
      steps.push("probe");
      return answers.probe ?? { kind: "made up" };
    },
    open,
  };
  return { loaded: { binding, path: "x.node" }, open };
}

/** A system with one NUMA node and these variables. */
function systemWith(env: Readonly<Record<string, string>> = {}) {
  const emitWarning = vi.fn();
  const system: NativeSystem = {
    process: { env, versions: { bun: "1.3.0" }, emitWarning },
    fs: {
      constants: { O_RDONLY: 0, O_CREAT: 64 },
      existsSync: (path) => {
        steps.push("placement");
        return !/node[1-9]/.test(path);
      },
      readFileSync: (path) => {
        if (path === "/sys/class/net/eth0/ifindex") return "7\n";
        throw new Error("ENOENT");
      },
    },
    lookup: async (host) => [{ address: `${host}-1` }, { address: `${host}-2` }],
  };
  return { system, emitWarning };
}

/** The driver over an addon that was found, or was not. */
function driverOver(
  loaded: BindingResult<MadeUp>,
  options: NativeDriverOptions = {},
  system: NativeSystem = systemWith().system,
) {
  const create = nativeDriver({
    name: "mine",
    binding: () => loaded,
    system,
    instance: { text: "a queue", call: "mine_create" },
    readOptions: (given: NativeDriverOptions, environment) => {
      checkOptions("mineDriver", given, nativeOptionNames);
      return readNativeOptions("mineDriver", given, environment);
    },
    optionsFor: (checked, { release }) => {
      steps.push(`options on ${release}`);
      return checked;
    },
    describeProbe: ({ kind }, { guardPages }) => ({
      capabilities,
      evidence: [{ name: kind, value: `guarded: ${guardPages}` }],
    }),
    describeSession: () => ({ capabilities, shortfalls }),
    describeRefusal: (errno) => (errno === -ERRNO.EPERM ? strict : undefined),
  });
  return create(options);
}

const host: DriverHost = { sink: (count) => void steps.push(`sink ${count}`) };
const unavailable = (message: string) =>
  expect.objectContaining({
    ...{ code: "ERR_DRIVER_UNAVAILABLE", driver: "mine" },
    message: expect.stringContaining(`${message} `),
  });

describe("an addon that cannot be loaded", () => {
  /** As `require` fails. */
  const notLoaded = (code: string, message: string) =>
    loadBinding<MadeUp>({
      ...{ driver: "mine", package: "baton-driver-mine", from: "file:///src/mine/dist/index.js", paths: ["mine.node"] },
      load: () => {
        throw Object.assign(new Error(message), { code });
      },
    });

  // mutant: probe-of-no-addon-throws
  test("is what a probe tells, with what was seen; nothing is asked", () => {
    const loaded = notLoaded("MODULE_NOT_FOUND", "Cannot find module 'mine.node'");
    expect(driverOver(loaded).probe()).toEqual({
      available: false,
      cause: "NOT_BUILT",
      summary: "The native half of the mine driver has not been built for this machine.",
      evidence: [{ name: "not there", value: "mine.node" }],
      remedy: { text: "Build it: g++, make, python3 and the liburing headers are needed.", command: "npm run build" },
    });
    expect(steps).toEqual([]);
  });

  test.each([
    [
      "MODULE_NOT_FOUND",
      "Cannot find module 'mine.node'",
      "The driver mine cannot run: The native half of the mine driver has not been built for this machine. [NOT_BUILT]",
    ],
    [
      "ERR_DLOPEN_FAILED",
      "The module 'mine.node' was compiled against a different Node.js version.",
      "The driver mine cannot run: The native half of the mine driver is there and the runtime could not load it. [NOT_LOADABLE]",
    ],
  ])("ends an open with its cause: %s", (code, text, message) => {
    // Before placement is looked at: the node is not there either.
    const driver = driverOver(notLoaded(code, text), { numaNode: 5 });
    expect(() => driver.open(host, limits)).toThrow(unavailable(message));
    expect(steps).toEqual([]);
  });
});

describe("options", () => {
  test.each([
    [{ numaNode: "0" }, "ERR_INVALID_ARG_TYPE"],
    [{ numaNode: -1 }, "ERR_OUT_OF_RANGE"],
    [{ numaNode: 1024 }, "ERR_OUT_OF_RANGE"],
    [{ hugePages: 1 }, "ERR_INVALID_ARG_TYPE"],
    [{ guardPages: "yes" }, "ERR_INVALID_ARG_TYPE"],
    [{ numaNod: 0 }, "ERR_UNKNOWN_OPTION"],
  ])("%j are refused with %s when the driver is made", (options, code) => {
    const { loaded } = addon();
    expect(() => driverOver(loaded, options as NativeDriverOptions)).toThrow(expect.objectContaining({ code }));
    expect(steps).toEqual([]);
  });

  test("that are not given are those of the system, and guard pages are the environment's to choose", () => {
    expect(readNativeOptions("mineDriver", {}, {})).toEqual({ numaNode: -1, hugePages: false, guardPages: false });
    const environment = { BATON_GUARD_PAGES: "1" };
    expect(readNativeOptions("mineDriver", {}, environment).guardPages).toBe(true);
    expect(readNativeOptions("mineDriver", { guardPages: false }, environment).guardPages).toBe(false);
    const { system } = systemWith(environment);
    expect(driverOver(addon().loaded, {}, system).probe()).toMatchObject({
      evidence: [{ name: "made up", value: "guarded: true" }],
    });
  });
});

describe("a probe", () => {
  test("tells what was found, and opens nothing", () => {
    expect(driverOver(addon().loaded, { numaNode: 5 }).probe()).toEqual({
      available: true,
      capabilities,
      evidence: [{ name: "made up", value: "guarded: false" }],
    });
    expect(steps).toEqual(["options on 6.1", "probe"]);
  });
});

describe("a refusal of the kernel", () => {
  // mutant: known-refusal-unknown
  test("has its own cause where the driver knows it", () => {
    const { loaded } = addon({ probe: -ERRNO.EPERM, open: -ERRNO.EPERM });
    expect(driverOver(loaded).probe()).toBe(strict);
    expect(() => driverOver(loaded).open(host, limits)).toThrow(
      unavailable("The driver mine cannot run: It is strict. [TOO_STRICT]"),
    );
  });

  test("is told as it came where it does not, with an errno that has a name and with one that has none", () => {
    const refused = (errno: number) => driverOver(addon({ probe: errno, open: errno }).loaded);
    expect(refused(-ERRNO.EMFILE).probe()).toEqual({
      available: false,
      cause: "UNKNOWN_ERRNO",
      summary: "The kernel refused to make a queue: EMFILE (too many open files).",
      evidence: [{ name: "mine_create", value: "EMFILE" }],
    });
    const nameless = refused(-9999).probe();
    if (nameless.available) throw new Error("it was refused");
    expect(nameless).toMatchObject({ cause: "UNKNOWN_ERRNO", evidence: [{ name: "mine_create" }] });
    expect(nameless.summary).toContain("9999");
    for (const [errno, summary] of [
      [-ERRNO.EMFILE, "The kernel refused to make a queue: EMFILE (too many open files)."],
      [-9999, nameless.summary],
    ] as const) {
      expect(() => refused(errno).open(host, limits)).toThrow(
        unavailable(`The driver mine cannot run: ${summary} [UNKNOWN_ERRNO]`),
      );
    }
  });
});

describe("an open", () => {
  // mutant: placement-checked-by-nobody
  test("refuses a NUMA node that is not there before the addon is asked", () => {
    expect(() => driverOver(addon().loaded, { numaNode: 5 }).open(host, limits)).toThrow(
      expect.objectContaining({
        code: "ERR_INVALID_ARG_VALUE",
        message: expect.stringContaining("mineDriver: this machine has no NUMA node 5."),
      }),
    );
    expect(steps).not.toContain("open");
  });

  test("warns where huge pages were asked for and there are none", () => {
    const { system, emitWarning } = systemWith();
    driverOver(addon().loaded, { hugePages: true }, system).open(host, limits);
    expect(emitWarning.mock.calls).toEqual([
      [expect.any(String), { type: "BatonWarning", code: "BATON_NO_HUGE_PAGES" }],
    ]);
  });

  test("hands options, limits and the runtime to the addon, and its counts to the sink", () => {
    const { loaded, open } = addon();
    driverOver(loaded, { numaNode: 0 }).open(host, limits);
    const [options, sink] = open.mock.calls[0]!;
    expect(options).toEqual({ numaNode: 0, hugePages: false, guardPages: false, ...limits, runtime: "bun" });
    sink(2);
    expect(steps).toEqual(["options on 6.1", "placement", "open", "sink 2"]);
  });

  test("gives a session that knows what the driver says of it, and the names of the system", async () => {
    const opened = driverOver(addon().loaded).open(host, limits);
    expect(opened.capabilities).toBe(capabilities);
    expect(opened.shortfalls).toBe(shortfalls);
    expect(opened.submit).toBe(session.submit);
    expect(opened.memory.protect).toBeUndefined();
    expect(await opened.lookup?.("host")).toEqual(["host-1", "host-2"]);
    expect(opened.interfaceIndex?.("eth0")).toBe(7);
    expect(opened.openConstants).toMatchObject({ O_CREAT: 64 });
    expect(driverOver(addon().loaded, { guardPages: true }).open(host, limits).memory.protect).toBeDefined();
  });
});
