/** Judging, opening and flattening profiles: pure functions, on made-up profiles and on the real ones. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allowIoUring } from "../../src/seccomp/allow.js";
import { asContainerdReads, flattenProfile } from "../../src/seccomp/flatten.js";
import { ioUringCalls, judgeCall, judgeProfile } from "../../src/seccomp/judge.js";
import { parseProfile, readProfile } from "../../src/seccomp/parse.js";
import { dockerCapabilities } from "../../src/seccomp/target.js";
import {
  anyProfile,
  anyTarget,
  callNames,
  plainTarget,
  profileWith,
  realProfile,
  realProfileNames,
  smallProfile,
} from "./profiles.js";

const inDocker = { ...plainTarget, capabilities: dockerCapabilities };

/** A profile with only these rules about io_uring, refusing by default with EPERM. */
function rules(...syscalls: object[]) {
  return readProfile({ defaultAction: "SCMP_ACT_ERRNO", syscalls });
}

const [setup, enter, register] = ioUringCalls;
const ALLOW = "SCMP_ACT_ALLOW";

describe("a profile is judged", () => {
  test.each([
    ["ALLOWED", rules({ names: [...ioUringCalls], action: ALLOW })],
    ["ALLOWED", rules({ names: [setup, enter], action: ALLOW }, { names: [register], action: "SCMP_ACT_LOG" })],
    ["BLOCKED", rules()],
    ["BLOCKED", rules({ names: [enter, register], action: ALLOW })],
    ["PARTIAL", rules({ names: [setup], action: ALLOW })],
    ["PARTIAL", rules({ names: [setup, enter], action: ALLOW })],
    ["KILLS", rules({ names: [...ioUringCalls], action: "SCMP_ACT_KILL_PROCESS" })],
    ["KILLS", rules({ names: [setup], action: "SCMP_ACT_TRAP" }, { names: [enter, register], action: ALLOW })],
    ["UNDECIDED", rules({ names: [...ioUringCalls], action: "SCMP_ACT_NOTIFY" })],
    ["UNDECIDED", rules({ names: [...ioUringCalls], action: "SCMP_ACT_ERRNO", errnoRet: 0 })],
    [
      "UNDECIDED",
      rules(
        { names: [setup], action: ALLOW, args: [{ index: 0, value: 8, op: "SCMP_CMP_LT" }] },
        { names: [enter, register], action: ALLOW },
      ),
    ],
  ])("%s", (verdict, profile) => {
    expect(judgeProfile(profile, plainTarget).verdict).toBe(verdict);
  });

  test("with the errno that programs will get", () => {
    const errnoOf = (profile: ReturnType<typeof rules>) => judgeCall(profile, setup, plainTarget).errno;
    expect(errnoOf(rules())).toBe("EPERM");
    expect(errnoOf(readProfile({ ...profileWith({ defaultErrno: "ENOSYS" }) }))).toBe("ENOSYS");
    expect(errnoOf(rules({ names: [setup], action: "SCMP_ACT_ERRNO", errnoRet: 13 }))).toBe("EACCES");
    expect(errnoOf(rules({ names: [setup], action: "SCMP_ACT_TRACE" }))).toBe("ENOSYS");
    expect(errnoOf(rules({ names: [setup], action: ALLOW }))).toBeNull();
  });

  test("by the first of two rules for one call, and by the rule without arguments rather than one with", () => {
    const refuse = { names: [setup], action: "SCMP_ACT_ERRNO", errnoRet: 38 };
    const allow = { names: [setup], action: ALLOW };
    const allowSome = { ...allow, args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] };
    expect(judgeCall(rules(refuse, allow), setup, plainTarget)).toMatchObject({ errno: "ENOSYS", rule: 0 });
    expect(judgeCall(rules(allow, refuse), setup, plainTarget)).toMatchObject({ effect: "allowed", rule: 0 });
    expect(judgeCall(rules(allowSome, refuse), setup, plainTarget)).toMatchObject({ errno: "ENOSYS", rule: 1 });
    const refuseSome = { ...refuse, args: allowSome.args };
    expect(judgeCall(rules(allowSome, refuseSome), setup, plainTarget)).toMatchObject({ effect: "undecided", rule: 0 });
  });

  test("leaving out a rule that says what the default says", () => {
    const same = { names: [setup], action: "SCMP_ACT_ERRNO", errnoRet: 1 };
    expect(judgeCall(rules(same, { names: [setup], action: ALLOW }), setup, plainTarget).effect).toBe("allowed");
  });

  test("leaving out rules that the container's architecture, capabilities or kernel exclude", () => {
    const allowUnless = (excludes: object) => rules({ names: [setup], action: ALLOW, excludes });
    const effect = (excludes: object, target: object = {}) =>
      judgeCall(allowUnless(excludes), setup, { ...plainTarget, ...target }).effect;
    expect(effect({ arches: ["amd64"] })).toBe("refused");
    expect(effect({ arches: ["s390x"] })).toBe("allowed");
    expect(effect({ caps: ["CAP_BPF"] })).toBe("allowed");
    expect(effect({ caps: ["CAP_BPF", "CAP_CHOWN"] }, { capabilities: ["CAP_CHOWN"] })).toBe("refused");
    expect(effect({ minKernel: "6.1" })).toBe("refused");
    expect(effect({ minKernel: "6.2" })).toBe("allowed");
  });

  test("for the container it is meant for", () => {
    const profile = readProfile(smallProfile);
    const root = { ...plainTarget, capabilities: ["CAP_SYS_ADMIN"] };
    expect(judgeCall(profile, "mount", plainTarget).effect).toBe("refused");
    expect(judgeCall(profile, "mount", root).effect).toBe("allowed");
    expect(judgeCall(profile, "clone3", plainTarget).errno).toBe("ENOSYS");
    expect(judgeCall(profile, "clone3", root).errno).toBe("EPERM");
    expect(judgeCall(profile, "arch_prctl", { ...plainTarget, arch: "arm64" }).effect).toBe("refused");
    expect(judgeCall(profile, "ptrace", { ...plainTarget, kernel: { major: 4, minor: 4 } }).effect).toBe("refused");
    expect(judgeCall(profile, "ptrace", { ...plainTarget, kernel: { major: 4, minor: 8 } }).effect).toBe("allowed");
  });

  for (const [name, verdict, errno] of [
    ["docker-24.0", "ALLOWED", null],
    ["docker-29", "BLOCKED", "EPERM"],
    ["podman", "BLOCKED", "ENOSYS"],
  ] as const) {
    test(`as ${verdict} when it is the real one of ${name}`, (context) => {
      const judged = judgeProfile(parseProfile(realProfile(name, context.skip)), inDocker);
      expect(judged.verdict).toBe(verdict);
      expect(judged.calls.map((call) => call.errno)).toEqual([errno, errno, errno]);
    });
  }
});

describe("io_uring is allowed", () => {
  const added = { names: [...ioUringCalls], action: ALLOW };

  test("with one rule more, and everything else as it was", () => {
    const { json } = allowIoUring(readProfile(smallProfile));
    expect(json).toEqual({ ...smallProfile, syscalls: [...smallProfile.syscalls, added] });
  });

  test("without a change where it is allowed already", () => {
    const profile = rules({ names: ["read", ...ioUringCalls], action: ALLOW });
    expect(allowIoUring(profile)).toBe(profile);
  });

  test("by taking the three out of rules that would go before the new one", () => {
    const { json } = allowIoUring(
      rules(
        { names: ["bpf", setup], action: "SCMP_ACT_ERRNO", errnoRet: 1, comment: "kept" },
        { names: [enter, register], action: "SCMP_ACT_KILL" },
        { names: [setup], action: ALLOW, includes: { caps: ["CAP_SYS_ADMIN"] } },
      ),
    );
    expect(json["syscalls"]).toEqual([
      { names: ["bpf"], action: "SCMP_ACT_ERRNO", errnoRet: 1, comment: "kept" },
      added,
    ]);
  });

  test("by a rule without conditions in place of one on arguments, and of one for some containers", () => {
    const every = { names: [...ioUringCalls], action: ALLOW };
    const onArguments = { ...every, args: [{ index: 0, value: 8, op: "SCMP_CMP_LT" }] };
    expect(allowIoUring(rules(onArguments)).json["syscalls"]).toEqual([added]);
    expect(allowIoUring(rules({ ...every, excludes: { arches: ["arm64"] } })).json["syscalls"]).toEqual([added]);
  });

  test("by completing a profile that allows only one of the three", () => {
    const { json } = allowIoUring(rules({ names: ["read", setup], action: ALLOW }));
    expect(json["syscalls"]).toEqual([{ names: ["read"], action: ALLOW }, added]);
  });

  test.each(["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"])("never in a profile that confines nothing: %s", (defaultAction) => {
    expect(() => allowIoUring(readProfile(profileWith({ defaultAction })))).toThrow("confines nothing");
  });

  test("in any container, by any profile, and no other call is judged otherwise than before", () => {
    fc.assert(
      fc.property(anyProfile, anyTarget, (json, target) => {
        const before = readProfile(json);
        const after = allowIoUring(before);
        expect(judgeProfile(after, target).verdict).toBe("ALLOWED");
        for (const call of [...callNames, "uname"]) {
          if (ioUringCalls.some((own) => own === call)) continue;
          const { rule: _before, ...judged } = judgeCall(before, call, target);
          expect(judgeCall(after, call, target)).toMatchObject(judged);
        }
        // Once more changes nothing.
        expect(allowIoUring(after)).toBe(after);
      }),
    );
  });

  for (const name of realProfileNames) {
    test(`by the real profile of ${name} with exactly those three more`, (context) => {
      const before = parseProfile(realProfile(name, context.skip));
      const namesOf = (profile: typeof before) => new Set(profile.rules.flatMap((rule) => rule.names));
      const after = allowIoUring(before);
      expect(judgeProfile(after, inDocker).verdict).toBe("ALLOWED");
      const more = [...namesOf(after)].filter((call) => !namesOf(before).has(call));
      expect(more).toEqual(name === "docker-24.0" ? [] : [...ioUringCalls]);
      expect(after.rules.length - before.rules.length).toBe(name === "docker-24.0" ? 0 : 1);
    });
  }
});

describe("the plain form", () => {
  test("has the rules in force and nothing that only Docker understands", () => {
    const flat = flattenProfile(allowIoUring(readProfile(smallProfile)), plainTarget);
    expect(flat.json).toEqual({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      syscalls: [
        { names: ["read", "write", "close"], action: ALLOW },
        { names: ["ptrace"], action: ALLOW },
        { names: ["personality"], action: ALLOW, args: [{ index: 0, value: 4294967295, op: "SCMP_CMP_EQ" }] },
        { names: ["arch_prctl"], action: ALLOW },
        { names: ["clone"], action: ALLOW, args: [{ index: 0, value: 2114060288, op: "SCMP_CMP_MASKED_EQ" }] },
        { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
        { names: [...ioUringCalls], action: ALLOW },
      ],
    });
  });

  test("is another one for another architecture, other capabilities, another kernel", () => {
    const profile = readProfile(smallProfile);
    const names = (target: Parameters<typeof flattenProfile>[1]) =>
      flattenProfile(profile, target).rules.flatMap((rule) => rule.names);
    expect(names({ ...plainTarget, arch: "arm64" })).not.toContain("arch_prctl");
    expect(names({ ...plainTarget, capabilities: ["CAP_SYS_ADMIN"] })).toContain("mount");
    expect(names({ ...plainTarget, capabilities: ["CAP_SYS_ADMIN"] })).not.toContain("clone3");
    expect(names({ ...plainTarget, kernel: { major: 4, minor: 7 } })).not.toContain("ptrace");
    expect(flattenProfile(profile, { ...plainTarget, arch: "arm64" }).architectures).toEqual([
      "SCMP_ARCH_AARCH64",
      "SCMP_ARCH_ARM",
    ]);
  });

  test("is refused for an architecture that the profile is not made for", () => {
    const json = profileWith({ archMap: [{ architecture: "SCMP_ARCH_AARCH64", subArchitectures: [] }] });
    expect(() => flattenProfile(readProfile(json), plainTarget)).toThrow("not made for amd64");
  });

  test("is needed because containerd drops every condition, and a name of an errno", () => {
    const one = { names: [setup], action: "SCMP_ACT_ERRNO", errno: "EACCES", excludes: { caps: ["CAP_BPF"] } };
    const read = asContainerdReads(rules({ ...one, includes: { arches: ["s390x"] } }));
    expect(read.loss).toEqual({ rules: 1, archMap: false });
    expect(read.profile.json["syscalls"]).toEqual([{ names: [setup], action: "SCMP_ACT_ERRNO" }]);
    expect(flattenProfile(rules(one), plainTarget).rules[0]).toMatchObject({ errno: 13 });
  });

  test("of a plain profile is that profile", () => {
    const flat = flattenProfile(readProfile(smallProfile), plainTarget);
    expect(flattenProfile(flat, { ...plainTarget, capabilities: ["CAP_SYS_ADMIN"] }).json).toEqual(flat.json);
  });

  test("says the same as its source about every call in its container, to whoever reads it", () => {
    fc.assert(
      fc.property(anyProfile, anyTarget, anyTarget, (json, target, another) => {
        const profile = readProfile(json);
        const flat = flattenProfile(profile, target);
        const read = asContainerdReads(flat);
        expect(read.loss).toEqual({ rules: 0, archMap: false });
        for (const call of [...callNames, "uname"]) {
          const { effect, errno } = judgeCall(profile, call, target);
          const elsewhere = { ...another, arch: target.arch };
          expect(judgeCall(read.profile, call, elsewhere)).toMatchObject({ effect, errno });
        }
        expect(flat.json["flags"]).toEqual(profile.json["flags"]);
      }),
    );
  });

  for (const name of realProfileNames) {
    test(`of the real profile of ${name} allows io_uring on both architectures, and each is another one`, (context) => {
      const profile = allowIoUring(parseProfile(realProfile(name, context.skip)));
      const forArm = flattenProfile(profile, { ...plainTarget, arch: "arm64" });
      expect(forArm.architectures).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
      expect(judgeProfile(forArm, { ...plainTarget, arch: "arm64" }).verdict).toBe("ALLOWED");
      expect(() => flattenProfile(forArm, plainTarget)).toThrow("not made for amd64");
      expect(judgeCall(forArm, "arch_prctl", { ...plainTarget, arch: "arm64" }).effect).toBe("refused");
      expect(judgeCall(flattenProfile(profile, plainTarget), "arch_prctl", plainTarget).effect).toBe("allowed");
    });

    test(`of the real profile of ${name} widens nothing, which the file as it is does when containerd reads it`, (context) => {
      const profile = allowIoUring(parseProfile(realProfile(name, context.skip)));
      const allows = (one: typeof profile, call: string) => judgeCall(one, call, plainTarget).effect === "allowed";
      const calls = [...new Set(profile.rules.flatMap((rule) => rule.names))];
      const widened = (read: typeof profile) => calls.filter((call) => allows(read, call) && !allows(profile, call));
      expect(widened(asContainerdReads(flattenProfile(profile, plainTarget)).profile)).toEqual([]);
      const byAccident = widened(asContainerdReads(profile).profile);
      expect(byAccident).toContain("init_module");
      if (name.startsWith("docker")) expect(byAccident).toEqual(expect.arrayContaining(["mount", "bpf"]));
    });
  }
});
