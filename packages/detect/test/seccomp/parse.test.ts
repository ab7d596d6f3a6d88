import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProfileError, parseKernelVersion, parseProfile, readProfile } from "../../src/seccomp/parse.js";
import { isDockerFormat } from "../../src/seccomp/profile.js";
import { dockerCapabilities, parseCapabilities, targetFor } from "../../src/seccomp/target.js";
import { missingReason, profileWith, realProfile, realProfileNames, smallProfile } from "./profiles.js";

/** What the reader says of a profile. */
function complaint(json: unknown): string {
  try {
    readProfile(json);
  } catch (error) {
    if (error instanceof ProfileError) return error.message;
    throw error;
  }
  return "";
}

const ruleWith = (rule: object) => profileWith({ syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", ...rule }] });

describe("a profile is read", () => {
  test("with its rules, their conditions and the errnos", () => {
    const profile = parseProfile(JSON.stringify(smallProfile));
    expect(profile.byDefault).toEqual({ action: "SCMP_ACT_ERRNO", errno: 1 });
    expect(profile.rules).toHaveLength(smallProfile.syscalls.length);
    expect(profile.rules[1]?.includes.minKernel).toEqual({ major: 4, minor: 8 });
    expect(profile.rules[5]?.excludes).toMatchObject({ caps: ["CAP_SYS_ADMIN"], arches: ["s390", "s390x"] });
    expect(profile.rules[6]?.errno).toBe(38);
    expect(profile.archMap[2]).toEqual({ architecture: "SCMP_ARCH_RISCV64", subArchitectures: [] });
    expect(isDockerFormat(profile)).toBe(true);
  });

  test("with errnos by name, as Podman writes them, and the name before the number", () => {
    const profile = readProfile(profileWith({ defaultErrno: "ENOSYS", defaultErrnoRet: 1 }));
    expect(profile.byDefault.errno).toBe(38);
    expect(readProfile(ruleWith({ errno: "EOPNOTSUPP", errnoRet: null })).rules[0]?.errno).toBe(95);
    expect(readProfile(ruleWith({ errno: "38" })).rules[0]?.errno).toBe(38);
  });

  test("with the old form of one name a rule", () => {
    const json = profileWith({ syscalls: [{ name: "read", action: "SCMP_ACT_ALLOW", args: null }] });
    expect(readProfile(json).rules[0]?.names).toEqual(["read"]);
  });

  for (const name of realProfileNames) {
    test(`when it is the real one of ${name}`, (context) => {
      const profile = parseProfile(realProfile(name, context.skip));
      expect(profile.rules.length).toBeGreaterThan(20);
      expect(isDockerFormat(profile)).toBe(true);
    });
  }
});

describe("what is no profile is refused with the place and the reason", () => {
  test.each([
    ["[]", "an object is needed"],
    ["null", "an object is needed"],
    ["{", "not JSON"],
    ["", "not JSON"],
    ["{}", "no `defaultAction`"],
    ['{"defaultAction":"SCMP_ACT_ERRNO"}', "`syscalls` must be a list"],
    ['{"ociVersion":"1.0.2","linux":{"seccomp":{}}}', "`linux.seccomp`"],
    ['{"apiVersion":"v1","kind":"Pod"}', "kind Pod"],
  ])("%s", (text, reason) => {
    expect(() => parseProfile(text)).toThrow(ProfileError);
    expect(() => parseProfile(text)).toThrow(reason);
  });

  test.each<[string, object, string]>([
    ["an action that there is not", { action: "ALLOW" }, 'syscalls[0].action: "ALLOW"'],
    ["no names", { names: [] }, "syscalls[0] names no system call"],
    ["names that are none", { names: [1] }, "syscalls[0].names"],
    ["both forms of names", { name: "read" }, "exclude each other"],
    ["an errno that there is not", { errno: "EFOO" }, '"EFOO" is no errno'],
    ["an errno that is too large", { errnoRet: 4096 }, "4096 is no errno"],
    ["a negative errno", { errnoRet: -1 }, "-1 is no errno"],
    ["a condition that is not known", { includes: { maxKernel: "5.0" } }, "the condition maxKernel is not known"],
    ["a kernel that is none", { excludes: { minKernel: "new" } }, '"new" is no version'],
    ["an argument without operator", { args: [{ index: 0, value: 1 }] }, "args[0].op"],
    ["a number that JSON cannot keep", { args: [{ index: 0, value: 2 ** 60, op: "SCMP_CMP_EQ" }] }, "kept exactly"],
  ])("%s", (_what, rule, reason) => expect(complaint(ruleWith(rule))).toContain(reason));

  test("both lists of architectures", () => {
    expect(complaint(profileWith({ architectures: ["SCMP_ARCH_X86_64"] }))).toContain("exclude each other");
  });

  test("whatever it is: no other error ever comes out", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          parseProfile(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ProfileError);
        }
      }),
    );
    const field = fc.constantFrom(
      "defaultAction",
      "defaultErrnoRet",
      "defaultErrno",
      "architectures",
      "archMap",
      "syscalls",
    );
    fc.assert(fc.property(field, fc.jsonValue(), (name, value) => void complaint(profileWith({ [name]: value }))));
    const part = fc.constantFrom("names", "name", "action", "errnoRet", "errno", "args", "includes", "excludes");
    fc.assert(fc.property(part, fc.jsonValue(), (name, value) => void complaint(ruleWith({ [name]: value }))));
  });
});

test("kernel versions are read from a number and from what uname prints", () => {
  expect(parseKernelVersion("6.1")).toEqual({ major: 6, minor: 1 });
  expect(parseKernelVersion("5.15.0-1053-aws")).toEqual({ major: 5, minor: 15 });
  expect(parseKernelVersion("4.19-gvisor")).toEqual({ major: 4, minor: 19 });
  for (const text of ["", "6", "six.one", "6.1 or so", "-6.1"]) expect(parseKernelVersion(text)).toBeUndefined();
});

test("capabilities are read as names, with or without their prefix", () => {
  expect(parseCapabilities("none")).toEqual([]);
  expect(parseCapabilities("docker")).toHaveLength(14);
  expect(parseCapabilities("sys_admin, CAP_CHOWN")).toEqual(["CAP_SYS_ADMIN", "CAP_CHOWN"]);
  for (const text of ["", "CAP_CHOWN,", "ALL CAPS", "1"]) expect(parseCapabilities(text)).toBeUndefined();
});

describe("the container that is meant", () => {
  const nothing = { arch: undefined, caps: undefined, kernel: undefined, kubernetes: false };
  const linux = { arch: "x64", platform: "linux", release: "6.8.0-45-generic" };

  test("is like this machine, with what its runtime gives it", () => {
    const target = { arch: "amd64", capabilities: dockerCapabilities, kernel: { major: 6, minor: 8 } };
    expect(targetFor(nothing, linux)).toEqual(target);
    expect(targetFor({ ...nothing, kubernetes: true }, linux)).toEqual({ ...target, capabilities: [] });
  });

  test("runs in a virtual machine where this is no Linux, whatever this one's version is", () => {
    const mac = { arch: "arm64", platform: "darwin", release: "24.6.0" };
    expect(targetFor(nothing, mac)).toMatchObject({ arch: "arm64", kernel: { major: 6, minor: 1 } });
  });

  test("is what was said, before anything else", () => {
    const given = { arch: "arm64", caps: ["CAP_KILL"], kernel: { major: 5, minor: 15 }, kubernetes: true } as const;
    expect(targetFor(given, linux)).toEqual({ arch: "arm64", capabilities: ["CAP_KILL"], kernel: given.kernel });
  });

  test("must be named on a machine that profiles are not made for", () => {
    expect(targetFor(nothing, { ...linux, arch: "s390x" })).toBeUndefined();
    expect(targetFor({ ...nothing, arch: "amd64" }, { ...linux, arch: "s390x" })?.arch).toBe("amd64");
  });
});

test("a missing real profile is named in the reason for the skip", () => {
  expect(missingReason("podman")).toContain("podman.json");
});
