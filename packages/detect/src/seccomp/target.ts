/** The container a profile is meant for: conditional rules are in force or not by what it has. */
import { parseKernelVersion } from "./parse.js";
import type { KernelVersion, RuleFilter, SeccompProfile, SyscallRule } from "./profile.js";

/** Architectures that profiles can be made for, by Go's name, with libseccomp's. */
export const architectures = { amd64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" } as const;

export type Architecture = keyof typeof architectures;

export const architectureNames: readonly Architecture[] = ["amd64", "arm64"];

export interface Target {
  readonly arch: Architecture;
  /** The bounding set of the container, `CAP_…`. */
  readonly capabilities: readonly string[];
  readonly kernel: KernelVersion;
}

/**
 * What a container of Docker has unless it is told otherwise: moby `oci/caps/defaults.go`. Podman's default set is
 * smaller; a rule for the difference is then judged too generously, and none of them is about io_uring.
 */
export const dockerCapabilities: readonly string[] = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** What was said about the container; the rest is taken from the machine. */
export interface GivenTarget {
  readonly arch: Architecture | undefined;
  readonly caps: readonly string[] | undefined;
  readonly kernel: KernelVersion | undefined;
  /** True for a pod, which by the level `restricted` has no capabilities. */
  readonly kubernetes: boolean;
}

/** The machine this runs on, as Node names it. */
export interface Machine {
  readonly arch: string;
  readonly platform: string;
  readonly release: string;
}

/**
 * Taken where this is no Linux: containers then run in a virtual machine, and no default profile tells it from newer.
 */
const KERNEL_ELSEWHERE: KernelVersion = { major: 6, minor: 1 };

/** The container that is meant; `undefined` on a machine of an architecture that profiles cannot be made for. */
export function targetFor(given: GivenTarget, machine: Machine): Target | undefined {
  const arch = given.arch ?? nativeArchitecture(machine.arch);
  if (arch === undefined) return undefined;
  const native = machine.platform === "linux" ? parseKernelVersion(machine.release) : undefined;
  return {
    arch,
    capabilities: given.caps ?? (given.kubernetes ? [] : dockerCapabilities),
    kernel: given.kernel ?? native ?? KERNEL_ELSEWHERE,
  };
}

function nativeArchitecture(arch: string): Architecture | undefined {
  if (arch === "x64") return "amd64";
  return arch === "arm64" ? "arm64" : undefined;
}

/** `none`, `docker`, or names with or without `CAP_`, between commas; `undefined` for anything else. */
export function parseCapabilities(text: string): readonly string[] | undefined {
  if (text === "none") return [];
  if (text === "docker") return dockerCapabilities;
  const names = text.split(",").map((name) => name.trim().toUpperCase());
  if (!names.every((name) => /^(?:CAP_)?[A-Z][A-Z0-9_]+$/.test(name))) return undefined;
  return names.map((name) => (name.startsWith("CAP_") ? name : `CAP_${name}`));
}

/** True when the rule is in force in the container: all that it includes is there, nothing that it excludes. */
export function isInForce({ includes, excludes }: SyscallRule, target: Target): boolean {
  return includedBy(includes, target) && !excludedBy(excludes, target);
}

function includedBy({ arches, caps, minKernel }: RuleFilter, target: Target): boolean {
  if (arches.length > 0 && !arches.includes(target.arch)) return false;
  if (!caps.every((name) => target.capabilities.includes(name))) return false;
  return minKernel === undefined || isAtLeast(target.kernel, minKernel);
}

function excludedBy({ arches, caps, minKernel }: RuleFilter, target: Target): boolean {
  if (arches.includes(target.arch)) return true;
  if (caps.some((name) => target.capabilities.includes(name))) return true;
  return minKernel !== undefined && isAtLeast(target.kernel, minKernel);
}

function isAtLeast(kernel: KernelVersion, wanted: KernelVersion): boolean {
  return kernel.major > wanted.major || (kernel.major === wanted.major && kernel.minor >= wanted.minor);
}

/** Architectures whose calls the filter judges in this container; empty when the profile is not for it. */
export function architecturesFor(profile: SeccompProfile, target: Target): readonly string[] {
  const native = architectures[target.arch];
  const group = profile.archMap.find(({ architecture }) => architecture === native);
  if (group !== undefined) return [native, ...group.subArchitectures];
  if (profile.archMap.length > 0) return [];
  // Without a list the filter is for the native one.
  if (profile.architectures.length === 0) return [native];
  return profile.architectures.includes(native) ? profile.architectures : [];
}
