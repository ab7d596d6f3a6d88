/**
 * The plain form of a profile for one kind of container. containerd reads the file of a Localhost profile straight into
 * the OCI structure (containerd `contrib/seccomp/seccomp.go`, `WithProfile`): conditions and `archMap` are not in it
 * and are dropped without a word, so that rules meant for privileged containers hold for all. CRI-O understands both
 * forms.
 */
import { judgeCall } from "./judge.js";
import { ProfileError, readProfile } from "./parse.js";
import { type ActionWithErrno, isConditional, type JsonObject, type SeccompProfile } from "./profile.js";
import { architecturesFor, isInForce, type Target } from "./target.js";

/** Fields of the OCI structure that are taken over as they are. */
const KEPT_FIELDS = ["flags", "listenerPath", "listenerMetadata"] as const;

/** The profile for this container alone: conditions resolved, architectures listed. Throws `ProfileError`. */
export function flattenProfile(profile: SeccompProfile, target: Target): SeccompProfile {
  const architectures = architecturesFor(profile, target);
  if (architectures.length === 0) {
    throw new ProfileError(`it is not made for ${target.arch}: its architectures do not name it`);
  }
  const kept = KEPT_FIELDS.filter((name) => name in profile.json).map((name) => [name, profile.json[name]] as const);
  const flat = readProfile({
    defaultAction: profile.byDefault.action,
    ...errnoField("defaultErrnoRet", profile.byDefault),
    architectures: [...architectures],
    ...Object.fromEntries(kept),
    syscalls: profile.rules
      .filter((rule) => isInForce(rule, target))
      .map((rule) => ({
        names: [...rule.names],
        action: rule.action,
        ...errnoField("errnoRet", rule),
        ...(rule.args.length === 0 ? {} : { args: rule.args.map(plainArg) }),
      })),
  });
  prove(profile, flat, target);
  return flat;
}

function errnoField(name: string, { errno }: ActionWithErrno): JsonObject {
  return errno === undefined ? {} : { [name]: errno };
}

function plainArg({ index, value, valueTwo, op }: JsonObject): JsonObject {
  return {
    index: index ?? 0,
    value: value ?? 0,
    ...(valueTwo === undefined || valueTwo === 0 ? {} : { valueTwo }),
    op,
  };
}

/** For every call that either of them names, and for one that none does, both say the same in this container. */
function prove(profile: SeccompProfile, flat: SeccompProfile, target: Target): void {
  const names = new Set([...profile.rules, ...flat.rules].flatMap((rule) => rule.names));
  for (const name of [...names, "a call that no rule names"]) {
    const before = judgeCall(profile, name, target);
    const after = judgeCall(flat, name, target);
    if (before.effect !== after.effect || before.errno !== after.errno) {
      throw new Error(`The plain profile says otherwise about ${name}: this is a bug, nothing is written.`);
    }
  }
}

/** What is lost when containerd reads the profile as it is: how many rules their conditions, and whether the map. */
export interface Loss {
  readonly rules: number;
  readonly archMap: boolean;
}

/** The profile as containerd takes it from the file of a Localhost profile, and what is lost on the way. */
export function asContainerdReads(profile: SeccompProfile): { readonly profile: SeccompProfile; readonly loss: Loss } {
  const { archMap: _archMap, defaultErrno: _defaultErrno, ...json } = profile.json;
  const syscalls = (json["syscalls"] as readonly JsonObject[]).map(
    ({ includes: _includes, excludes: _excludes, errno: _errno, ...rule }) => rule,
  );
  return {
    profile: readProfile({ ...json, syscalls }),
    loss: { rules: profile.rules.filter(isConditional).length, archMap: profile.archMap.length > 0 },
  };
}
