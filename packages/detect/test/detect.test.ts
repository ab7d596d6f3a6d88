import { BatonError, createBackend } from "@baton-io/core";
import { describe, expect, test } from "vitest";
import { detectOn } from "../src/detect.js";
import { type DetectOptions, type DetectReport, detect, openBackend } from "../src/index.js";
import { driverRow } from "../src/report.js";
import { abilities, allPackages, blockedDriver, fakeHost, moduleNotFound, runningDriver } from "./fake-host.js";

/** The error that detection rejects with. */
async function refusal(detecting: Promise<unknown>): Promise<BatonError> {
  const error = await detecting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BatonError);
  return error as BatonError;
}

describe("detect", () => {
  test("resolves with a driver that createBackend takes, and its report", async () => {
    const driver = await detectOn(fakeHost(allPackages()), {});
    expect(driver.name).toBe("uring");
    expect(driver.report).toMatchObject({ schema: 1, chosen: "uring", choice: "EXPECTED", platform: "linux" });
    await using io = createBackend({ driver });
    await io.nop();
    expect(io.driver).toBe("uring");
  });

  test("works on this machine, with the packages there are", async () => {
    const { report } = await detect({ prefer: "libuv" });
    expect(report).toMatchObject({ chosen: "libuv", choice: "EXPECTED" });
    await using io = await openBackend({ prefer: "libuv", operationsMax: 16 });
    await io.nop();
    expect(io.driver).toBe("libuv");
  });

  test("falls back in the order of the list, and the report has a row for every driver", async () => {
    const host = fakeHost(allPackages({ "@baton-io/driver-uring": { uringDriver: () => blockedDriver("uring") } }));
    const { name, report } = await detectOn(host, {});
    expect(name).toBe("epoll");
    expect(report.choice).toBe("FALLBACK");
    expect(report.drivers.map((driver) => [driver.name, driver.available, driver.cause])).toEqual([
      ["uring", false, "SECCOMP_ERRNO"],
      ["epoll", true, "OK"],
      ["libuv", true, "OK"],
    ]);
    expect(driverRow(report, "uring")).toMatchObject({
      summary: "Blocked by a seccomp filter.",
      evidence: [{ name: "io_uring_setup", value: "EPERM" }],
      remedy: { command: "docker run …", anchor: "docs/CLOUD_SETUP.md#docker" },
      capabilities: null,
    });
    expect(driverRow(report, "epoll").capabilities?.operations.nop).toEqual({ kind: "native" });
  });

  test("the report is frozen in depth and survives JSON unchanged", async () => {
    const { report } = await detectOn(fakeHost(allPackages()), {});
    expect(Object.isFrozen(report)).toBe(true);
    expect(Object.isFrozen(report.drivers[0]?.capabilities?.operations.nop)).toBe(true);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test("a driver's answer is copied: what it changes later does not change the report", async () => {
    const evidence = [{ name: "ring", value: "1024 entries" }];
    const driver = {
      ...runningDriver("uring"),
      probe: () => ({ available: true, capabilities: abilities(), evidence }),
    };
    const packages = allPackages({ "@baton-io/driver-uring": { uringDriver: () => driver } });
    const { report } = await detectOn(fakeHost(packages), {});
    evidence[0]!.value = "changed";
    expect(driverRow(report, "uring").evidence).toEqual([{ name: "ring", value: "1024 entries" }]);
  });
});

describe("causes that detection finds by itself", () => {
  const causeOf = async (found: Parameters<typeof allPackages>[0]) =>
    driverRow((await detectOn(fakeHost(allPackages(found)), {})).report, "uring");

  test("NOT_INSTALLED: there is no such package; the remedy installs it", async () => {
    const row = await causeOf({
      "@baton-io/driver-uring": moduleNotFound("Cannot find package '@baton-io/driver-uring' imported from /x.js"),
    });
    expect(row).toMatchObject({
      available: false,
      cause: "NOT_INSTALLED",
      remedy: { command: "npm install @baton-io/driver-uring" },
    });
  });

  test("NOT_BUILT: the package is there, and the file its manifest names is not", async () => {
    const file = "/app/node_modules/@baton-io/driver-uring/dist/index.js";
    const row = await causeOf({
      "@baton-io/driver-uring": moduleNotFound(`Cannot find module '${file}' imported from /x.js`),
    });
    expect(row).toMatchObject({ cause: "NOT_BUILT", evidence: [{ name: "missing", value: file }] });
  });

  // mutant: installed-package-told-to-build
  test("NOT_BUILT: an installed package is installed again, and a clone's is built", async () => {
    for (const [directory, command] of [
      ["/app/node_modules/@baton-io/driver-uring", "npm install --force @baton-io/driver-uring"],
      ["/src/baton/packages/driver-uring", "npm run build"],
    ] as const) {
      const missing = moduleNotFound(`Cannot find module '${directory}/dist/index.js' imported from /x.js`);
      const row = await causeOf({ "@baton-io/driver-uring": missing });
      expect(row).toMatchObject({ cause: "NOT_BUILT", remedy: { command } });
    }
  });

  // mutant: missing-descriptors-taken-for-a-missing-package
  test("NOFILE: no descriptor is left to load the package with; the remedy is not to install it", async () => {
    const errors = [
      Object.assign(new Error("EMFILE: too many open files, open '/'"), { code: "EMFILE" }),
      Object.assign(new Error("ENFILE: file table overflow, open '/'"), { code: "ENFILE" }),
      // Deno, and Node 24 for a package's manifest.
      moduleNotFound("[ERR_INVALID_PACKAGE_CONFIG] Failed reading 'package.json': Too many open files (os error 24)"),
    ];
    for (const error of errors) {
      const row = await causeOf({ "@baton-io/driver-uring": error });
      expect(row).toMatchObject({ cause: "NOFILE", remedy: { anchor: "docs/CLOUD_SETUP.md#nofile" } });
      expect(row?.summary).toMatch(/descriptor/);
    }
  });

  // mutant: forbidden-reading-taken-for-a-broken-package
  test("RUNTIME_PERMISSION: the runtime may not read the package", async () => {
    const errors = [
      Object.assign(new Error("Access to this API has been restricted. Use --allow-fs-read."), {
        code: "ERR_ACCESS_DENIED",
      }),
      moduleNotFound('Requires read access to "/x.js", run again with the --allow-read flag'),
    ];
    for (const error of errors) {
      const row = await causeOf({ "@baton-io/driver-uring": error });
      expect(row).toMatchObject({
        cause: "RUNTIME_PERMISSION",
        remedy: { anchor: "docs/CLOUD_SETUP.md#runtime-permissions" },
      });
    }
  });

  test("NOT_BUILT from the driver's own probe is passed on as it is", async () => {
    const driver = blockedDriver("uring", { cause: "NOT_BUILT", summary: "No native binary." });
    const row = await causeOf({ "@baton-io/driver-uring": { uringDriver: () => driver } });
    expect(row).toMatchObject({ cause: "NOT_BUILT", summary: "No native binary." });
  });

  test("LOAD_FAILED: the package throws when it is loaded, lacks something of its own, or exports no driver", async () => {
    const found = [
      new Error("invalid ELF header\nsecond line"),
      moduleNotFound("Cannot find package '@baton-io/core' imported from /x.js"),
      {},
      { uringDriver: () => ({ name: "uring" }) },
      {
        uringDriver: () => {
          throw new Error("no");
        },
      },
    ];
    for (const one of found)
      expect(await causeOf({ "@baton-io/driver-uring": one })).toMatchObject({ cause: "LOAD_FAILED" });
    expect((await causeOf({ "@baton-io/driver-uring": found[0]! })).evidence).toEqual([
      { name: "error", value: "invalid ELF header" },
    ]);
  });

  test("PROBE_FAILED: a probe that throws is a finding, not a crash", async () => {
    const driver = {
      ...runningDriver("uring"),
      probe: () => {
        throw new Error("boom");
      },
    };
    const row = await causeOf({ "@baton-io/driver-uring": { uringDriver: () => driver } });
    expect(row).toMatchObject({ cause: "PROBE_FAILED", evidence: [{ name: "error", value: "boom" }] });
  });

  test("WRONG_PLATFORM: the package is not even imported", async () => {
    const host = fakeHost(allPackages(), { platform: "darwin" });
    const { name, report } = await detectOn(host, {});
    expect(name).toBe("libuv");
    expect(report.choice).toBe("EXPECTED");
    expect(report.drivers.map((driver) => driver.cause)).toEqual(["WRONG_PLATFORM", "WRONG_PLATFORM", "OK"]);
    expect(host.imported).toEqual(["@baton-io/driver-libuv"]);
  });

  test("LACKS_ABILITY: a driver without what is required is passed over and says so", async () => {
    const packages = allPackages({
      "@baton-io/driver-epoll": { epollDriver: () => runningDriver("epoll", abilities("directIo")) },
    });
    const { name, report } = await detectOn(fakeHost(packages), { require: ["nop", "directIo"] });
    expect(name).toBe("epoll");
    expect(driverRow(report, "uring")).toMatchObject({
      available: false,
      cause: "LACKS_ABILITY",
      evidence: [{ name: "directIo", value: "unsupported" }],
    });
  });
});

describe("forcing a driver", () => {
  const forced = (name: string, packages = allPackages()) => fakeHost(packages, { env: { BATON_DRIVER: name } });

  test("BATON_DRIVER goes before what the program prefers", async () => {
    const { name, report } = await detectOn(forced("epoll"), { prefer: "libuv" });
    expect(name).toBe("epoll");
    expect(report).toMatchObject({ choice: "FORCED", forcedBy: "BATON_DRIVER" });
  });

  test("auto and the empty string force nothing", async () => {
    for (const value of ["auto", ""]) {
      expect((await detectOn(forced(value), {})).report).toMatchObject({ chosen: "uring", forcedBy: null });
    }
  });

  test("a forced driver that cannot run is ERR_DRIVER_UNAVAILABLE with its cause, never a fallback", async () => {
    const packages = allPackages({ "@baton-io/driver-uring": { uringDriver: () => blockedDriver("uring") } });
    const error = await refusal(detectOn(forced("uring", packages), {}));
    expect(error.code).toBe("ERR_DRIVER_UNAVAILABLE");
    expect(error.driver).toBe("uring");
    expect(error.message).toContain("SECCOMP_ERRNO");
    expect(error.message).toContain("BATON_DRIVER");
    expect(error.message).toContain("Fix: docker run … (read docs/CLOUD_SETUP.md#docker)");
    const report = error.cause as DetectReport;
    expect(report).toMatchObject({ chosen: null, choice: "NONE", forcedBy: "BATON_DRIVER" });
  });

  test("a forced driver whose package is missing names the command that installs it", async () => {
    const error = await refusal(detectOn(forced("uring", {}), {}));
    expect(error.message).toContain("NOT_INSTALLED");
    expect(error.message).toContain("npm install @baton-io/driver-uring");
  });

  test("a name that no driver has is ERR_DRIVER_UNKNOWN, from the environment and from the options", async () => {
    expect(await refusal(detectOn(forced("iouring"), {}))).toMatchObject({ code: "ERR_DRIVER_UNKNOWN" });
    const prefer = "kqueue" as "uring";
    expect(await refusal(detectOn(fakeHost(allPackages()), { prefer }))).toMatchObject({ code: "ERR_DRIVER_UNKNOWN" });
  });

  test("allowFallback: false makes the expected driver the only one", async () => {
    const packages = allPackages({ "@baton-io/driver-uring": { uringDriver: () => blockedDriver("uring") } });
    const error = await refusal(detectOn(fakeHost(packages), { allowFallback: false }));
    expect(error).toMatchObject({ code: "ERR_DRIVER_UNAVAILABLE", driver: "uring" });
    const { name } = await detectOn(fakeHost(packages), { prefer: ["epoll", "uring"], allowFallback: false });
    expect(name).toBe("epoll");
  });

  test("when no driver can run at all, the error carries the whole report", async () => {
    const error = await refusal(detectOn(fakeHost({}), {}));
    expect(error.code).toBe("ERR_DRIVER_UNAVAILABLE");
    expect((error.cause as DetectReport).drivers.map((driver) => driver.cause)).toEqual(Array(3).fill("NOT_INSTALLED"));
  });
});

describe("options", () => {
  /** What no type allows. */
  const anything = (value: unknown) => value as DetectOptions;

  // mutant: openbackend-options-unchecked
  test("of any kind are refused with a code of ours, by detect and by openBackend", async () => {
    const nameless = Object.create(null) as unknown;
    for (const wrong of [
      ...[null, 1, "x", Symbol("x"), () => undefined, { nonsense: 1 }, { cache: "yes" }, { allowFallback: 0 }],
      ...[{ prefer: Symbol("x") }, { prefer: [nameless] }, { prefer: null }, { prefer: new Array(1) }],
      ...[{ require: [Symbol("x")] }, { require: [nameless] }, { require: new Set() }, { require: ["__proto__"] }],
    ]) {
      for (const call of [detect, openBackend]) {
        const error: unknown = await call(anything(wrong)).catch((thrown: unknown) => thrown);
        expect(error, `${call.name}`).toBeInstanceOf(BatonError);
      }
    }
  });

  // mutant: detect-options-read-twice
  test("are read once: a getter cannot change what was checked", async () => {
    let reads = 0;
    const options = {
      get prefer() {
        return reads++ === 0 ? "libuv" : "nonsense";
      },
    };
    const { report } = await detectOn(fakeHost(allPackages()), anything(options));
    expect({ chosen: report.chosen, reads }).toEqual({ chosen: "libuv", reads: 1 });
  });

  test("what is wrong with them is refused with its code", async () => {
    const host = fakeHost(allPackages());
    const tries: [unknown, string][] = [
      [{ preferred: "uring" }, "ERR_UNKNOWN_OPTION"],
      [{ require: ["teleport"] }, "ERR_INVALID_ARG_VALUE"],
      [{ require: "directIo" }, "ERR_INVALID_ARG_TYPE"],
      [{ allowFallback: "no" }, "ERR_INVALID_ARG_TYPE"],
      [null, "ERR_INVALID_ARG_TYPE"],
    ];
    for (const [options, code] of tries) expect((await refusal(detectOn(host, options as object))).code).toBe(code);
    expect(host.imported).toEqual([]);
  });
});
