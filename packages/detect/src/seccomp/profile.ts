/**
 * A seccomp profile as container runtimes read it. Two formats share one JSON vocabulary: Docker's and Podman's, whose
 * rules may have conditions (`includes`, `excludes`) and whose architectures are a map (`archMap`), and the plain one
 * of the OCI runtime specification, which has neither. Sources: github.com/moby/profiles `seccomp/seccomp.go`,
 * github.com/containers/common `pkg/seccomp/types.go`, opencontainers/runtime-spec `config-linux.md#seccomp`.
 */

/** A JSON object as it was read; what this module does not know of is kept. */
export type JsonObject = { readonly [key: string]: unknown };

/** Permanent names of seccomp's actions; `SCMP_ACT_KILL` is the older name of `SCMP_ACT_KILL_THREAD`. */
export const seccompActions = [
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_NOTIFY",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_KILL_PROCESS",
] as const;

export type SeccompAction = (typeof seccompActions)[number];

/** What happens to a system call: the action, and for `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE` its number. */
export interface ActionWithErrno {
  readonly action: SeccompAction;
  /** Positive Linux errno; `undefined` when the profile leaves it to the runtime. */
  readonly errno: number | undefined;
}

/** When a rule of a conditional profile is in force. */
export interface RuleFilter {
  /** Go's names of architectures: `amd64`, `arm64`. */
  readonly arches: readonly string[];
  readonly caps: readonly string[];
  readonly minKernel: KernelVersion | undefined;
}

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
}

/** One rule. */
export interface SyscallRule extends ActionWithErrno {
  readonly names: readonly string[];
  /** Conditions on the call's arguments, kept as they are. */
  readonly args: readonly JsonObject[];
  readonly includes: RuleFilter;
  readonly excludes: RuleFilter;
}

/** An architecture with those whose calls the same kernel takes. */
export interface ArchitectureGroup {
  readonly architecture: string;
  readonly subArchitectures: readonly string[];
}

/** A profile that was read and found to make sense. */
export interface SeccompProfile {
  /** The file's own content; rules stand at the same places as in `rules`. */
  readonly json: JsonObject;
  readonly byDefault: ActionWithErrno;
  readonly architectures: readonly string[];
  readonly archMap: readonly ArchitectureGroup[];
  readonly rules: readonly SyscallRule[];
}

/** True for a rule that is not always in force. */
export function isConditional({ includes, excludes }: SyscallRule): boolean {
  return [includes, excludes].some(
    ({ arches, caps, minKernel }) => arches.length > 0 || caps.length > 0 || minKernel !== undefined,
  );
}

/** True when the profile uses what only Docker and Podman understand, and containerd's Localhost loader drops. */
export function isDockerFormat(profile: SeccompProfile): boolean {
  return profile.archMap.length > 0 || profile.rules.some(isConditional);
}
