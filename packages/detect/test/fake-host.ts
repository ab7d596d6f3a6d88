/** Surroundings for detection, made up: which packages there are, what they export, what the environment says. */
import { type Capabilities, type Driver, defineCapabilities, native, type Unavailable } from "@baton-io/core/driver";
import { nullDriver } from "@baton-io/core/testing";
import type { DetectHost } from "../src/host.js";
import type { IoUringEvidence } from "../src/io-uring/evidence.js";
import { answered, evidence } from "./io-uring/fixtures.js";

export interface FakeHost extends DetectHost {
  readonly lines: string[];
  readonly imported: string[];
}

/** A package: its exports, or the error that importing it throws. */
export type FakePackage = Readonly<Record<string, unknown>> | Error;

export function fakeHost(
  packages: Readonly<Record<string, FakePackage>>,
  rest: {
    readonly platform?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly evidence?: IoUringEvidence;
  } = {},
): FakeHost {
  const lines: string[] = [];
  const imported: string[] = [];
  return {
    platform: rest.platform ?? "linux",
    arch: "x64",
    runtime: "Node 20.0.0",
    env: rest.env ?? {},
    lines,
    imported,
    importModule: async (specifier) => {
      imported.push(specifier);
      const found = packages[specifier];
      if (found === undefined) throw moduleNotFound(`Cannot find package '${specifier}' imported from /app/index.js`);
      if (found instanceof Error) throw found;
      return found;
    },
    writeLine: (line) => {
      lines.push(line);
    },
    nowMs: () => 0,
    gatherEvidence: async (hook) =>
      rest.evidence ?? evidence(typeof hook === "string" ? { kind: "not-asked", why: hook } : answered()),
    surveys: { kept: undefined },
  };
}

/** What Node, Bun and Deno throw for a module that is not there. */
export function moduleNotFound(message: string): Error {
  return Object.assign(new Error(message), { code: "ERR_MODULE_NOT_FOUND" });
}

/** The abilities of the fake drivers: nop and cancel, and what is named. */
export function abilities(...features: readonly (keyof Capabilities["features"])[]): Capabilities {
  return defineCapabilities(
    {
      operations: { nop: native(), cancel: native() },
      features: Object.fromEntries(features.map((name) => [name, native()])),
    },
    "a fake driver",
  );
}

/** A driver that runs: the null driver under another name. */
export function runningDriver(name: string, capabilities: Capabilities = abilities()): Driver {
  return { ...nullDriver(), name, probe: () => ({ available: true, capabilities, evidence: [] }) };
}

/** A driver that says it cannot run. */
export function blockedDriver(name: string, unavailable: Partial<Unavailable> = {}): Driver {
  return {
    ...nullDriver(),
    name,
    probe: () => ({
      available: false,
      cause: "SECCOMP_ERRNO",
      summary: "Blocked by a seccomp filter.",
      evidence: [{ name: "io_uring_setup", value: "EPERM" }],
      remedy: { text: "Allow the three calls.", command: "docker run …", anchor: "docs/CLOUD_SETUP.md#docker" },
      ...unavailable,
    }),
  };
}

/** All three packages, with drivers that run; each can be replaced. */
export function allPackages(replaced: Readonly<Record<string, FakePackage>> = {}): Record<string, FakePackage> {
  return {
    "@baton-io/driver-uring": { uringDriver: () => runningDriver("uring") },
    "@baton-io/driver-epoll": { epollDriver: () => runningDriver("epoll") },
    "@baton-io/driver-libuv": { libuvDriver: () => runningDriver("libuv") },
    ...replaced,
  };
}
