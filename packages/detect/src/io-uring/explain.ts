/** Makes of a cause and the evidence what a person reads: a sentence, what was seen, what to do. */
import { describeErrno, ERRNO, type Evidence, type Unavailable } from "@baton-io/core/driver";
import type { IoUringCause } from "./cause-table.js";
import type { Classification } from "./classify.js";
import type { IoUringEvidence, KernelAnswers, Limit, Surroundings } from "./evidence.js";
import { ringBytes } from "./memory.js";
import { findRemedy, type WeighedRemedy } from "./remedies.js";

/** A cause with its remedy's risk. */
export interface Explained extends Unavailable {
  readonly cause: IoUringCause;
  readonly remedy?: WeighedRemedy;
}

/** Hints that are named; more of them only confuse. */
const HINTS_MAX = 3;

/** Explains why io_uring cannot be used, and what would be the next obstacle. */
export function explainUnavailable(
  { next }: Classification,
  cause: IoUringCause,
  evidence: IoUringEvidence,
): Explained {
  return {
    ...explainCause(cause, evidence),
    evidence: describeEvidence(evidence),
    next: explainNext(next, evidence),
  };
}

/** What would be the next obstacles. */
export function explainNext(next: readonly IoUringCause[], evidence: IoUringEvidence): readonly Explained[] {
  return next.map((cause) => explainCause(cause, evidence));
}

function explainCause(cause: IoUringCause, evidence: IoUringEvidence): Explained {
  const remedy = findRemedy(cause, evidence);
  return {
    available: false,
    cause,
    summary: summarise(cause, evidence),
    evidence: [],
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function summarise(cause: IoUringCause, evidence: IoUringEvidence): string {
  const { surroundings: seen, entriesWanted, denied } = evidence;
  const { kernel, sysctl, identity, limits, sandbox } = seen;
  switch (cause) {
    case "SECCOMP_ERRNO":
      return `Blocked by a seccomp filter (${[...refusals(evidence), ...kernelFacts(seen)].join("; ")}).`;
    case "SECCOMP_PARTIAL":
      return `Blocked by a seccomp filter that allows only a part (${[...refusals(evidence), ...kernelFacts(seen)].join("; ")}).`;
    case "SECCOMP_KILL":
      return `A seccomp filter kills whoever calls ${killingCall(evidence)}: the child process that asked died of SIGSYS.`;
    case "SYSCTL_DISABLED":
      return "The host has switched io_uring off for everybody, root included: kernel.io_uring_disabled is 2.";
    case "SYSCTL_GROUP":
      return `The host lets only CAP_SYS_ADMIN and one group use io_uring: kernel.io_uring_disabled is 1, the group is ${groupText(sysctl.group)}, this process is in ${groupsText(identity)}.`;
    case "LSM":
      return `A security module refuses the ring${seen.lsm.label === null ? "" : ` (this process is ${seen.lsm.label})`}.`;
    case "MEMLOCK":
      return `Locked memory is too small: the limit is ${sizeText(limits.memlockBytes)} for all processes of this user, a ring of ${entriesWanted} entries takes ${sizeText(ringBytes(entriesWanted))} on kernels up to 5.11 and from 6.14 on.`;
    case "MEMCG":
      return `The memory cgroup has no room for a ring: ${sizeText(seen.cgroup.memoryBytes)} of ${sizeText(seen.cgroup.memoryBytesMax)} are in use.`;
    case "ADDRESS_SPACE":
      return `The ring cannot be mapped: address space is limited to ${sizeText(limits.addressSpaceBytes)}.`;
    case "NOFILE":
      return `No file descriptor is left for a ring${descriptorText(seen)}.`;
    case "PIDS":
      return `A limit on processes leaves no room for ${evidence.probe.kind === "failed" ? "the process that asks the kernel" : "the ring's kernel thread"}: ${processText(seen)}.`;
    case "KERNEL_MISSING":
      return missingText(seen);
    case "KERNEL_TOO_OLD":
      return `The io_uring of kernel ${kernel.release ?? "(unknown)"} lacks operations that the driver is made of.`;
    case "GVISOR":
      return `This is gVisor (${sandbox.gvisor ?? "?"}), which has no io_uring.`;
    case "EMULATED_CPU":
      return `The processor is emulated (${sandbox.emulator ?? "?"}), and the emulator has no io_uring.`;
    case "DENYLISTED_KERNEL":
      return `Kernel ${kernel.release ?? "(unknown)"} is known for harm with io_uring: ${denied?.reason ?? "see the list"}.`;
    case "OPERATION_DENIED":
      return `A ring can be made, but its operations are refused (${roundTripText(evidence)}).`;
    case "UNKNOWN_ENOSYS":
      return "io_uring's system calls answer ENOSYS; a seccomp filter is active, and nothing readable here tells whether the filter or the kernel says so.";
    case "UNKNOWN_ERRNO":
      return `io_uring is refused and nothing that was seen explains it (${[...refusals(evidence), ...kernelFacts(seen)].join("; ")}).`;
    case "PROBE_OFF":
      return `io_uring is left alone, because asking for it is switched off: ${failureText(evidence)}.`;
    case "PROBE_UNSAFE":
      return `It was not safe to ask the kernel in this process, and asking in another failed: ${failureText(evidence)}.`;
  }
}

/** `EPERM`, by the name Linux has for it. */
function errnoName(errno: number): string {
  return errno === ERRNO.ENOTSUP ? "EOPNOTSUPP" : describeErrno(errno).code;
}

/** Who answers what: `"io_uring_setup, _enter and _register all answer EPERM"`. */
function refusals({ probe }: IoUringEvidence): readonly string[] {
  if (probe.kind !== "answered") return ["the kernel was not asked"];
  const { answers, refused } = probe;
  const { setup, enter, register } = answers;
  if (setup !== 0 && setup === enter && setup === register) {
    return [`io_uring_setup, _enter and _register all answer ${errnoName(setup)}`];
  }
  if (setup === 0 && answers.step !== "done") return [`io_uring_setup works`, roundTripText({ probe })];
  // The whole call tells more than one of its arguments.
  if (refused !== null && isFromKernel(enter) && isFromKernel(register)) {
    return [`${refused.call} answers ${errnoName(refused.errno)}`];
  }
  return [callText("io_uring_setup", setup), callText("_enter", enter), callText("_register", register)];
}

/** With descriptor -1 the kernel itself answers so. */
function isFromKernel(errno: number): boolean {
  return errno === ERRNO.EBADF || errno === ERRNO.EINVAL;
}

/** Answers that come from the kernel itself are no refusals. */
function callText(call: string, errno: number): string {
  if (errno === 0) return `${call} works`;
  const reaches = call !== "io_uring_setup" && isFromKernel(errno);
  return reaches ? `${call} reaches the kernel` : `${call} answers ${errnoName(errno)}`;
}

function roundTripText({ probe }: Pick<IoUringEvidence, "probe">): string {
  if (probe.kind !== "answered") return "not asked";
  const { step, roundTrip, opcodeProbe } = probe.answers;
  if (step === "done")
    return opcodeProbe === 0 ? "a no-op went through" : `_register answers ${errnoName(opcodeProbe)}`;
  const names = { setup: "io_uring_setup", map: "mmap of the ring", enter: "io_uring_enter", completion: "a no-op" };
  return `${names[step]} answers ${errnoName(roundTrip)}`;
}

/** Facts that rule the other suspects out: the filter, the kernel, the sysctl. */
function kernelFacts({ seccomp, kernel, sysctl }: Surroundings): readonly string[] {
  const facts: string[] = [];
  if (seccomp.mode !== null) facts.push(`Seccomp: ${seccomp.mode}`);
  const release = /^\d+\.\d+/.exec(kernel.release ?? "")?.[0];
  const disabled = sysctl.disabled === null ? "" : ` and kernel.io_uring_disabled=${sysctl.disabled}`;
  if (kernel.compiledIn?.yes === true) facts.push(`kernel ${release ?? "(unknown)"} has io_uring${disabled}`);
  return facts;
}

function missingText(seen: Surroundings): string {
  const { kernel, sandbox } = seen;
  const release = kernel.release ?? "(unknown)";
  if (kernel.compiledIn?.yes !== true)
    return `Kernel ${release} has no io_uring (all three system calls answer ENOSYS).`;
  const between = (sandbox.tracer ?? 0) > 0 ? `process ${sandbox.tracer} traces this one` : "an emulator or a sandbox";
  return `All three system calls answer ENOSYS without a filter, although kernel ${release} has io_uring (${kernel.compiledIn.marker}): something stands between (${between}).`;
}

function failureText({ probe }: IoUringEvidence): string {
  switch (probe.kind) {
    case "failed":
    case "not-asked":
      return probe.why;
    case "switched-off":
      return probe.by;
    case "killed":
      return `the child process was killed by ${probe.signal}`;
    case "answered":
      return "the kernel answered";
  }
}

/** Empty when not even /proc could be opened. */
function descriptorText({ descriptors, limits }: Surroundings): string {
  return descriptors.open === null || limits.openFiles === null
    ? ""
    : `: ${descriptors.open} of ${limits.openFiles} are open`;
}

function killingCall({ probe }: IoUringEvidence): string {
  return (probe.kind === "killed" ? probe.call : null) ?? "io_uring";
}

/** Which limits on processes there are, and how far they are used. */
function processText({ cgroup, limits }: Surroundings): string {
  const { pids, pidsMax } = cgroup;
  const group = typeof pidsMax === "number" ? [`${pids ?? "?"} of ${pidsMax} in the pids cgroup`] : [];
  const user = typeof limits.processes === "number" ? [`at most ${limits.processes} for this user (ulimit -u)`] : [];
  return [...group, ...user].join("; ") || "none that can be read here";
}

function groupText(group: number | null): string {
  return group === null || group < 0 ? "not set (-1)" : String(group);
}

/** By the numbers that the sysctl speaks of. */
function groupsText({ outerGroups, initialUserNamespace }: Surroundings["identity"]): string {
  const groups = outerGroups.join(", ") || "none";
  return initialUserNamespace ? groups : `${groups} outside its user namespace`;
}

/** `64 KiB`, `unlimited`. */
function sizeText(bytes: Limit): string {
  if (typeof bytes !== "number") return bytes ?? "unknown";
  const mib = 1024 * 1024;
  return bytes >= mib ? `${Math.round((bytes / mib) * 10) / 10} MiB` : `${Math.ceil(bytes / 1024)} KiB`;
}

/** What was seen, line by line; no conclusions. */
export function describeEvidence(evidence: IoUringEvidence): readonly Evidence[] {
  const { surroundings: seen, probe } = evidence;
  const lines: Evidence[] = [{ name: "probe", value: probeText(evidence) }];
  const add = (name: string, value: string | number | null) => {
    if (value !== null) lines.push({ name, value: String(value) });
  };
  add("Seccomp", seccompText(seen, probe.kind === "answered" ? probe.answers : null));
  add("kernel", kernelText(seen));
  add("kernel.io_uring_disabled", seen.sysctl.disabled);
  if (seen.sysctl.disabled === 1) add("kernel.io_uring_group", groupText(seen.sysctl.group));
  add("memlock limit", seen.limits.memlockBytes === null ? null : sizeText(seen.limits.memlockBytes));
  add("security label", seen.lsm.label);
  for (const { name, marker } of seen.hints.slice(0, HINTS_MAX)) add("looks like", `${name} (${marker})`);
  if (evidence.denied !== null) add("known harm", `${evidence.denied.reason} (${evidence.denied.link})`);
  const habit = knownHabit(evidence);
  if (habit !== undefined) add("known", habit);
  return lines;
}

function probeText({ probe }: IoUringEvidence): string {
  if (probe.kind === "killed") {
    const where = probe.call === null ? "" : ` in ${probe.call}`;
    return `a child process that asked was killed by ${probe.signal}${where}`;
  }
  if (probe.kind === "switched-off") return `not asked: ${probe.by}`;
  if (probe.kind !== "answered") return probe.why;
  const { answers, refused } = probe;
  const { setup, enter, register, entries } = answers;
  const calls = [callText("io_uring_setup", setup), callText("_enter", enter), callText("_register", register)];
  const argument = refused === null ? [] : [`${refused.call} answers ${errnoName(refused.errno)}`];
  return [...calls, ...(entries === 0 ? [] : [roundTripText({ probe })]), ...argument].join(", ");
}

function seccompText({ seccomp }: Surroundings, answers: KernelAnswers | null): string | null {
  const mode = seccomp.mode ?? (answers === null || answers.seccompMode < 0 ? null : answers.seccompMode);
  if (mode === null) return null;
  const names = ["none", "strict", "a filter"];
  return `${mode} (${names[mode] ?? "?"}${(seccomp.filters ?? 0) > 1 ? `, ${seccomp.filters} of them` : ""})`;
}

function kernelText({ kernel }: Surroundings): string | null {
  if (kernel.release === null) return null;
  if (kernel.compiledIn === null) return kernel.release;
  return `${kernel.release}, ${kernel.compiledIn.yes ? "has" : "has no"} io_uring (${kernel.compiledIn.marker})`;
}

/** What is known of runtimes that answer like this. Sources: docs/CLOUD_SETUP.md. */
function knownHabit({ surroundings: { hints, seccomp }, probe }: IoUringEvidence): string | undefined {
  if (probe.kind !== "answered" || seccomp.mode !== 2) return undefined;
  const { setup, enter } = probe.answers;
  if (setup !== enter) return undefined;
  const kubernetes = hints.some((hint) => hint.platform === "kubernetes");
  if (setup === ERRNO.ENOSYS) return "the default profiles of Podman, Buildah and CRI-O answer ENOSYS";
  if (setup !== ERRNO.EPERM) return undefined;
  return kubernetes
    ? "containerd 2.0 and newer block io_uring under RuntimeDefault"
    : "Docker 25 and newer, and containerd 2.0 and newer, block io_uring by default";
}
