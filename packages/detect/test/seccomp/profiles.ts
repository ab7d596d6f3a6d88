/** Profiles for the tests: small ones made here, and the real default profiles of container runtimes where they are. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";

/** Real default profiles: Docker 24 (allows io_uring), Docker 29 (EPERM), Podman (ENOSYS). */
export const realProfileNames = ["docker-24.0", "docker-29", "podman"] as const;

export type RealProfileName = (typeof realProfileNames)[number];

/** Beside the checkout, unless the environment names another place. */
const directory =
  process.env["BATON_TEST_PROFILES"] ?? fileURLToPath(new URL("../../../../../shared/data/seccomp", import.meta.url));

/** The text of a real profile; `skip` is called with the reason where it is not. */
export function realProfile(name: RealProfileName, skip: (reason: string) => never): string {
  const path = realProfilePath(name);
  return existsSync(path) ? readFileSync(path, "utf8") : skip(missingReason(name));
}

export function realProfilePath(name: RealProfileName): string {
  return join(directory, `${name}.json`);
}

export function missingReason(name: RealProfileName): string {
  return `needs the default profile ${name}.json in the directory that BATON_TEST_PROFILES names`;
}

/** A default profile in small: Docker's format with every kind of condition in it. */
export const smallProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 1,
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    { architecture: "SCMP_ARCH_RISCV64", subArchitectures: null },
  ],
  syscalls: [
    { names: ["read", "write", "close"], action: "SCMP_ACT_ALLOW" },
    { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8" } },
    { names: ["personality"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 4294967295, op: "SCMP_CMP_EQ" }] },
    { names: ["arch_prctl"], action: "SCMP_ACT_ALLOW", includes: { arches: ["amd64", "x32"] } },
    { names: ["mount", "bpf"], action: "SCMP_ACT_ALLOW", comment: "for root", includes: { caps: ["CAP_SYS_ADMIN"] } },
    {
      names: ["clone"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      excludes: { caps: ["CAP_SYS_ADMIN"], arches: ["s390", "s390x"] },
    },
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38, excludes: { caps: ["CAP_SYS_ADMIN"] } },
    { names: ["chroot"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_CHROOT"] } },
  ],
};

/** A copy of the small profile with other rules, or other fields. */
export function profileWith(changes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...structuredClone(smallProfile), ...changes };
}

const callNames = ["read", "mount", "clone", "io_uring_setup", "io_uring_enter", "io_uring_register"];
const actions = [
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_LOG",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_NOTIFY",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
];
const capNames = ["CAP_SYS_ADMIN", "CAP_CHOWN", "CAP_BPF"];

const filter = fc.record(
  {
    arches: fc.subarray(["amd64", "arm64", "s390x"]),
    caps: fc.subarray(capNames),
    minKernel: fc.constantFrom("4.8", "6.1", "7.0"),
  },
  { requiredKeys: [] },
);

const rule = fc.record(
  {
    names: fc.subarray(callNames, { minLength: 1 }),
    action: fc.constantFrom(...actions),
    errnoRet: fc.constantFrom(1, 13, 38),
    args: fc.constantFrom([], [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }]),
    includes: filter,
    excludes: filter,
    comment: fc.constantFrom("", "why"),
  },
  { requiredKeys: ["names", "action"] },
);

/** Any profile that confines something. */
export const anyProfile = fc.record(
  {
    defaultAction: fc.constantFrom("SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"),
    defaultErrnoRet: fc.constantFrom(1, 38),
    archMap: fc.constant(smallProfile.archMap),
    flags: fc.constant(["SECCOMP_FILTER_FLAG_LOG"]),
    syscalls: fc.array(rule, { maxLength: 8 }),
  },
  { requiredKeys: ["defaultAction", "syscalls"] },
);

/** Any container. */
export const anyTarget = fc.record({
  arch: fc.constantFrom("amd64" as const, "arm64" as const),
  capabilities: fc.subarray(capNames),
  kernel: fc.constantFrom({ major: 4, minor: 4 }, { major: 6, minor: 1 }, { major: 7, minor: 3 }),
});

/** A container of no account. */
export const plainTarget = { arch: "amd64", capabilities: [], kernel: { major: 6, minor: 1 } } as const;

export { callNames };
