import { opcodeNames } from "@baton-io/core/driver";
import { describe, expect, test } from "vitest";
import { detectOn } from "../src/detect.js";
import { formatReport } from "../src/index.js";
import { abilities, allPackages, blockedDriver, fakeHost, runningDriver } from "./fake-host.js";

async function reportOf() {
  const driver = blockedDriver("uring", {
    next: [{ available: false, cause: "MEMLOCK", summary: "Then memlock is too small.", evidence: [] }],
  });
  const packages = allPackages({
    "@baton-io/driver-uring": { uringDriver: () => driver },
    "@baton-io/driver-epoll": { epollDriver: () => runningDriver("epoll", abilities("directIo")) },
  });
  return (await detectOn(fakeHost(packages, { env: { BATON_LOG: "silent" } }), {})).report;
}

describe("a report as text", () => {
  const abilityCount = opcodeNames.length;

  test("names what is used and why, then each driver's mark, cause, evidence, remedy and what would bite next", async () => {
    expect(formatReport(await reportOf())).toBe(
      [
        "Using epoll. Fallen back from uring, which cannot run: SECCOMP_ERRNO.",
        "Node 20.0.0 on linux x64",
        "",
        "✗ uring   SECCOMP_ERRNO  Blocked by a seccomp filter.",
        "    evidence  io_uring_setup: EPERM",
        "    next      MEMLOCK  Then memlock is too small.",
        "    fix       Allow the three calls.",
        "              $ docker run …",
        "              docs/CLOUD_SETUP.md#docker",
        "",
        `✓ epoll   OK  2 of ${abilityCount} operations native, ${abilityCount - 2} unsupported`,
        "",
        `✓ libuv   OK  2 of ${abilityCount} operations native, ${abilityCount - 2} unsupported`,
        "",
      ].join("\n"),
    );
  });

  test("with explain it adds every operation and feature of every driver", async () => {
    const text = formatReport(await reportOf(), { explain: true });
    expect(text).toContain("  nop\n    uring   –\n    epoll   native\n    libuv   native\n");
    expect(text).toContain("  directIo\n    uring   –\n    epoll   native\n    libuv   unsupported: a fake driver\n");
  });
});
