/** The smallest change of a profile that lets io_uring through: its three calls, all of them or none. */
import { isDeepStrictEqual } from "node:util";
import { type IoUringCall, ioUringCalls } from "./judge.js";
import { ProfileError, readProfile } from "./parse.js";
import { isConditional, type JsonObject, type SeccompProfile } from "./profile.js";

/**
 * A copy of the profile in which io_uring's three calls are allowed and nothing else is different. Rules that refuse
 * them lose their names first, because of two rules for one call the first would hold. Throws `ProfileError` for a
 * profile that confines nothing.
 */
export function allowIoUring(profile: SeccompProfile): SeccompProfile {
  refuseUnconfined(profile);
  if (alreadyAllows(profile)) return profile;
  const rules = [...rulesWithout(profile), { names: [...ioUringCalls], action: "SCMP_ACT_ALLOW" }];
  const allowed = readProfile({ ...profile.json, syscalls: rules });
  prove(profile, allowed);
  return allowed;
}

/** What allows everything that it does not name is no confinement, and nothing to add to. */
function refuseUnconfined({ byDefault: { action } }: SeccompProfile): void {
  if (action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG") {
    throw new ProfileError(
      `its default action is ${action}: it confines nothing but what it names; start from the default profile of your container runtime`,
    );
  }
}

/** True when every rule about the three allows them, whatever the container, and each of them has one. */
export function alreadyAllows({ rules }: SeccompProfile): boolean {
  return ioUringCalls.every((call) => {
    const about = rules.filter(({ names }) => names.includes(call));
    return about.length > 0 && about.every((rule) => rule.action === "SCMP_ACT_ALLOW" && isUnconditional(rule));
  });
}

function isUnconditional(rule: SeccompProfile["rules"][number]): boolean {
  return !isConditional(rule) && rule.args.length === 0;
}

/** The rules as the file has them, without the three names; a rule about nothing else goes away. */
function rulesWithout({ json, rules }: SeccompProfile): readonly JsonObject[] {
  const source = json["syscalls"] as readonly JsonObject[];
  return source.flatMap((rule, place) => {
    const names = rules[place]!.names;
    const others = names.filter((name) => !isIoUringCall(name));
    if (others.length === names.length) return [rule];
    return others.length === 0 ? [] : [{ ...rule, names: others }];
  });
}

function isIoUringCall(name: string): name is IoUringCall {
  return ioUringCalls.some((call) => call === name);
}

/**
 * The change is what it is said to be, or there is no change: everything else is as it was, and the three are allowed.
 */
function prove(before: SeccompProfile, after: SeccompProfile): void {
  const rest = (profile: SeccompProfile) => ({ ...profile.json, syscalls: rulesWithout(profile) });
  if (!isDeepStrictEqual(rest(before), rest(after)) || !alreadyAllows(after)) {
    throw new Error(
      "The profile that was made is not the given one and three calls: this is a bug, nothing is written.",
    );
  }
}
