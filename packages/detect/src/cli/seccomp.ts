/**
 * `baton seccomp`: makes the smallest seccomp profile that lets io_uring through, or tells what a profile does to it.
 */
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { resolve } from "node:path";
import { allowIoUring, alreadyAllows } from "../seccomp/allow.js";
import { asContainerdReads, flattenProfile, type Loss } from "../seccomp/flatten.js";
import { judgeProfile, type Verdict, type VerdictCode } from "../seccomp/judge.js";
import { ProfileError, parseProfile } from "../seccomp/parse.js";
import { isDockerFormat, type JsonObject, type KernelVersion, type SeccompProfile } from "../seccomp/profile.js";
import { type Architecture, dockerCapabilities, type Target, targetFor } from "../seccomp/target.js";
import { CommandFailure } from "./failure.js";

export interface SeccompOptions {
  /** Profile to start from; `-` is stdin. */
  readonly from: string | undefined;
  /** Profile to judge; `-` is stdin. */
  readonly check: string | undefined;
  /** Where the profile is written; stdout when it is not given. */
  readonly out: string | undefined;
  /** The plain form that every container runtime reads; with `check`, the file as containerd reads it. */
  readonly kubernetes: boolean;
  readonly arch: Architecture | undefined;
  readonly caps: readonly string[] | undefined;
  readonly kernel: KernelVersion | undefined;
  readonly json: boolean;
}

/** What `baton seccomp --check` exits with. */
export const CHECK_EXIT: { readonly [Code in VerdictCode]: number } = {
  ALLOWED: 0,
  BLOCKED: 3,
  PARTIAL: 4,
  KILLS: 4,
  UNDECIDED: 4,
};

const SECURITY_ANCHOR = "docs/CLOUD_SETUP.md#security";

/** Makes or checks a profile; returns the exit code. Throws `CommandFailure` and errors of the system. */
export function seccomp(options: SeccompOptions): number {
  const { from, check } = options;
  if ((from === undefined) === (check === undefined)) {
    throw new CommandFailure("give either --from PROFILE, to make a profile, or --check PROFILE, to judge one");
  }
  if (check !== undefined) return checkProfile(check, options);
  if (options.json) throw new CommandFailure("--json goes with --check; a profile is JSON anyway");
  return makeProfile(from!, options);
}

function makeProfile(from: string, options: SeccompOptions): number {
  const { text, profile } = readProfileFile(from);
  const target = targetOf(options);
  const made = about(from, () => {
    const allowed = allowIoUring(profile);
    return options.kubernetes ? flattenProfile(allowed, target) : allowed;
  });
  // What is written is judged, not what was meant: the text goes through the reader once more.
  const output = `${JSON.stringify(made.json, null, indentOf(text))}\n`;
  const { verdict } = judgeProfile(parseProfile(output), target);
  if (verdict !== "ALLOWED")
    throw new Error(`The profile that was made is ${verdict}: this is a bug, nothing is written.`);
  if (options.out === undefined) {
    process.stdout.write(output);
  } else {
    writeAtOnce(options.out, output);
    process.stderr.write(`${madeLines(from, options.out, profile, made, options, target).join("\n")}\n`);
  }
  return 0;
}

function madeLines(
  from: string,
  out: string,
  before: SeccompProfile,
  made: SeccompProfile,
  { kubernetes }: SeccompOptions,
  target: Target,
): string[] {
  const what = alreadyAllows(before)
    ? `the ${count(made.rules.length, "rule")} of ${from}, which allow io_uring already`
    : `the rules of ${from}, and io_uring's three calls`;
  const next = kubernetes
    ? `flattened for ${targetText(target)}; put it on every node, below /var/lib/kubelet/seccomp/`
    : `docker run --security-opt seccomp=${out} …  (podman: the same)`;
  return [`${out}: ${what}`, `next: ${next}`, `read first, whether you should: ${SECURITY_ANCHOR}`];
}

function checkProfile(path: string, options: SeccompOptions): number {
  if (options.out !== undefined) throw new CommandFailure("--out goes with --from; --check writes no profile");
  const given = readProfileFile(path).profile;
  const target = targetOf(options);
  const { profile, loss } = options.kubernetes
    ? about(path, () => asContainerdReads(given))
    : { profile: given, loss: undefined };
  const verdict = judgeProfile(profile, target);
  if (options.json) {
    const format = isDockerFormat(given) ? "docker" : "oci";
    const result = { profile: path, format, target: targetJson(target), ...verdict, lost: loss ?? null };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else {
    process.stdout.write(`${checkLines(path, verdict, given, target, loss).join("\n")}\n`);
  }
  return CHECK_EXIT[verdict.verdict];
}

function checkLines(
  path: string,
  { verdict, summary, calls }: Verdict,
  profile: SeccompProfile,
  target: Target,
  loss: Loss | undefined,
): string[] {
  const format = isDockerFormat(profile) ? "Docker's format" : "plain OCI format";
  const lines = [`${path}: ${format}, ${count(profile.rules.length, "rule")}, judged for ${targetText(target)}`];
  for (const { call, effect, action, errno, rule } of calls) {
    const by = rule === null ? "by default" : `by syscalls[${rule}]`;
    lines.push(`  ${call.padEnd(19)}${effect.padEnd(11)}${errno === null ? action : `${action} ${errno}`}, ${by}`);
  }
  lines.push(`${verdict}: ${summary}`);
  if (loss !== undefined && (loss.rules > 0 || loss.archMap)) lines.push(lossLine(loss));
  if (verdict !== "ALLOWED") {
    const from = path === "-" ? "PROFILE" : path;
    lines.push(`To allow the three calls and nothing else: baton seccomp --from ${from} --out FILE`);
    lines.push(`Read first, whether you should: ${SECURITY_ANCHOR}`);
  }
  return lines;
}

function lossLine({ rules, archMap }: Loss): string {
  const parts = [
    ...(rules > 0 ? [`the conditions of ${count(rules, "rule")}, which then hold for every container`] : []),
    ...(archMap ? ["archMap"] : []),
  ];
  return `WARNING: containerd drops from a Localhost profile, without a word: ${parts.join(", and ")}. Use baton seccomp --kubernetes.`;
}

function readProfileFile(path: string): { readonly text: string; readonly profile: SeccompProfile } {
  const text = readFileSync(path === "-" ? process.stdin.fd : path, "utf8");
  return { text, profile: about(path, () => parseProfile(text)) };
}

/** What is wrong with a profile is told with the profile's name. */
function about<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ProfileError) throw new CommandFailure(`${path === "-" ? "stdin" : path}: ${error.message}`);
    throw error;
  }
}

function targetOf(options: SeccompOptions): Target {
  const target = targetFor(options, { arch: process.arch, platform: process.platform, release: release() });
  if (target === undefined) throw new CommandFailure(`give --arch: profiles are not made for ${process.arch}`);
  return target;
}

function targetText({ arch, capabilities, kernel }: Target): string {
  const held =
    capabilities.length === 0
      ? "no capabilities"
      : capabilities === dockerCapabilities
        ? "Docker's capabilities"
        : capabilities.join(" ");
  return `${arch}, Linux ${kernel.major}.${kernel.minor}, ${held}`;
}

function targetJson({ arch, capabilities, kernel }: Target): JsonObject {
  return { arch, capabilities, kernel: `${kernel.major}.${kernel.minor}` };
}

/** The indentation of a JSON text, so that the profile made from it differs where it differs and nowhere else. */
function indentOf(text: string): string | number {
  return /^\s*\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? 2;
}

/**
 * A profile that is half written would keep containers from starting. What is no ordinary file is written to as it is.
 */
function writeAtOnce(path: string, text: string): void {
  const target = resolve(path);
  const before = lstatSync(target, { throwIfNoEntry: false });
  if (before !== undefined && !before.isFile()) return writeFileSync(target, text);
  const unfinished = `${target}.${process.pid}.tmp`;
  try {
    writeFileSync(unfinished, text);
    renameSync(unfinished, target);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
