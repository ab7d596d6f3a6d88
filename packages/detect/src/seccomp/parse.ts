/** Reads a profile and refuses what it cannot understand: a rule that is silently lost is a hole or an outage. */
import { errnoFromCode } from "@baton-io/core/driver";
import {
  type ArchitectureGroup,
  type JsonObject,
  type KernelVersion,
  type RuleFilter,
  type SeccompAction,
  type SeccompProfile,
  type SyscallRule,
  seccompActions,
} from "./profile.js";

/** What is wrong with a profile, and where: one sentence for the person who gave it. */
export class ProfileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProfileError";
  }
}

const FILTER_KEYS: readonly string[] = ["arches", "caps", "minKernel"];
const NO_FILTER: RuleFilter = { arches: [], caps: [], minKernel: undefined };

/** Reads the text of a profile. Throws `ProfileError`. */
export function parseProfile(text: string): SeccompProfile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ProfileError(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return readProfile(json);
}

/** Reads a profile that was parsed already. Throws `ProfileError`. */
export function readProfile(json: unknown): SeccompProfile {
  if (!isObject(json)) throw new ProfileError("not a seccomp profile: an object is needed at the top");
  refuseOtherFiles(json);
  if (!Array.isArray(json["syscalls"])) throw new ProfileError("not a seccomp profile: `syscalls` must be a list");
  const architectures = readStrings(json["architectures"], "architectures");
  const archMap = readArchMap(json["archMap"]);
  if (architectures.length > 0 && archMap.length > 0) {
    throw new ProfileError("`architectures` and `archMap` exclude each other; runtimes refuse such a profile");
  }
  return {
    json,
    byDefault: {
      action: readAction(json["defaultAction"], "defaultAction"),
      errno: readErrno(json["defaultErrno"], json["defaultErrnoRet"], "defaultErrno"),
    },
    architectures,
    archMap,
    rules: json["syscalls"].map(readRule),
  };
}

/** Files that hold a profile, or are taken for one. */
function refuseOtherFiles(json: JsonObject): void {
  if (isObject(json["linux"]) && "ociVersion" in json) {
    throw new ProfileError("this is the configuration of an OCI container; give what stands in it at `linux.seccomp`");
  }
  if ("kind" in json && "apiVersion" in json) {
    throw new ProfileError(`this is a Kubernetes object of kind ${String(json["kind"])}; give the profile it names`);
  }
  if (!("defaultAction" in json)) throw new ProfileError("not a seccomp profile: it has no `defaultAction`");
}

function readRule(rule: unknown, index: number): SyscallRule {
  const where = `syscalls[${index}]`;
  if (!isObject(rule)) throw new ProfileError(`${where} must be an object`);
  if ("name" in rule && "names" in rule) throw new ProfileError(`${where}: \`name\` and \`names\` exclude each other`);
  const names = readStrings("name" in rule ? [rule["name"]] : rule["names"], `${where}.names`);
  if (names.length === 0) throw new ProfileError(`${where} names no system call`);
  return {
    names,
    action: readAction(rule["action"], `${where}.action`),
    errno: readErrno(rule["errno"], rule["errnoRet"], `${where}.errno`),
    args: readArgs(rule["args"], `${where}.args`),
    includes: readFilter(rule["includes"], `${where}.includes`),
    excludes: readFilter(rule["excludes"], `${where}.excludes`),
  };
}

function readAction(value: unknown, where: string): SeccompAction {
  const known = seccompActions.find((action) => action === value);
  if (known === undefined) throw new ProfileError(`${where}: ${JSON.stringify(value)} is no action of seccomp`);
  return known;
}

/** Podman's format has the errno by name beside the number, and the name goes first. */
function readErrno(name: unknown, number: unknown, where: string): number | undefined {
  if (typeof name === "string" && name !== "") {
    const found = /^\d+$/.test(name) ? Number(name) : errnoFromCode(name);
    if (found === undefined) throw new ProfileError(`${where}: ${JSON.stringify(name)} is no errno of Linux`);
    return found;
  }
  if (name !== undefined && name !== null && name !== "") throw new ProfileError(`${where} must be a name`);
  if (number === undefined || number === null) return undefined;
  // The kernel keeps 16 bits, and no errno is above 4095; see seccomp(2), SECCOMP_RET_DATA.
  if (!Number.isInteger(number) || Number(number) < 0 || Number(number) > 4095) {
    throw new ProfileError(`${where}Ret: ${JSON.stringify(number)} is no errno`);
  }
  return Number(number);
}

function readArgs(value: unknown, where: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new ProfileError(`${where} must be a list`);
  return value.map((arg: unknown, index) => {
    if (!isObject(arg)) throw new ProfileError(`${where}[${index}] must be an object`);
    for (const key of ["index", "value", "valueTwo"]) {
      const number = arg[key] ?? 0;
      // Written out again it would be another number, and the rule another rule.
      if (!Number.isSafeInteger(number)) {
        throw new ProfileError(`${where}[${index}].${key}: ${String(number)} cannot be kept exactly`);
      }
    }
    if (typeof arg["op"] !== "string") throw new ProfileError(`${where}[${index}].op must be a name`);
    return arg;
  });
}

function readFilter(value: unknown, where: string): RuleFilter {
  if (value === undefined || value === null) return NO_FILTER;
  if (!isObject(value)) throw new ProfileError(`${where} must be an object`);
  for (const key of Object.keys(value)) {
    if (!FILTER_KEYS.includes(key)) throw new ProfileError(`${where}: the condition ${key} is not known`);
  }
  const { arches, caps, minKernel } = value;
  return {
    arches: readStrings(arches, `${where}.arches`),
    caps: readStrings(caps, `${where}.caps`),
    minKernel: readMinKernel(minKernel, `${where}.minKernel`),
  };
}

function readMinKernel(value: unknown, where: string): KernelVersion | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const version = typeof value === "string" ? parseKernelVersion(value) : undefined;
  if (version === undefined) throw new ProfileError(`${where}: ${JSON.stringify(value)} is no version of Linux`);
  return version;
}

/** `6.1`, or what `uname -r` prints; `undefined` for anything else. */
export function parseKernelVersion(text: string): KernelVersion | undefined {
  const match = /^(\d+)\.(\d+)(?:[.\-+].*)?$/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

function readArchMap(value: unknown): readonly ArchitectureGroup[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new ProfileError("`archMap` must be a list");
  return value.map((group: unknown, index) => {
    const where = `archMap[${index}]`;
    if (!isObject(group)) throw new ProfileError(`${where} must be an object`);
    const { architecture, subArchitectures } = group;
    if (typeof architecture !== "string") throw new ProfileError(`${where}.architecture must be a name`);
    return { architecture, subArchitectures: readStrings(subArchitectures, `${where}.subArchitectures`) };
  });
}

function readStrings(value: unknown, where: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new ProfileError(`${where} must be a list of names`);
  }
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
