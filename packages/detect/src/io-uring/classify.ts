/**
 * From evidence to cause: a pure function. The kernel's order of gates decides what may be concluded: seccomp (sits
 * before all three system calls), then the sysctl and the security modules (both in `io_uring_setup` alone), then
 * the arguments, then memory. So the errno of `io_uring_setup` says little, and which of the three calls answer says
 * much.
 */
import { ERRNO } from "@baton-io/core/driver";
import type { IoUringCause } from "./cause-table.js";
import type { IoUringEvidence, KernelAnswers, Surroundings } from "./evidence.js";
import { memlockNeededBytes, memoryCause } from "./memory.js";
import { CAPABILITY, hasCapability } from "./proc-files.js";
import { headroom } from "./surroundings.js";

export interface Classification {
  /** `"OK"`; `null` when the kernel was not asked, and nothing that was read decides it. */
  readonly cause: IoUringCause | "OK" | null;
  /** What would be the next obstacles once the cause is mended, most certain first. */
  readonly next: readonly IoUringCause[];
}

/**
 * Numbers of the operations (`IORING_OP_…`) that the driver cannot do without, all there from Linux 5.6 on, and of one that
 * stands for 5.7: before, the kernel gave each receive that waits a thread of its own, and the driver was never tried there.
 */
const opcodesNeeded: readonly number[] = [
  0, // NOP
  6, // POLL_ADD
  11, // TIMEOUT
  13, // ACCEPT
  14, // ASYNC_CANCEL
  16, // CONNECT
  18, // OPENAT
  19, // CLOSE
  21, // STATX
  22, // READ
  23, // WRITE
  26, // SEND
  27, // RECV
  30, // SPLICE
];

/** Room for a new descriptor or two, and some to spare. */
const DESCRIPTORS_NEEDED = 4;

/** Tells the cause, and what stands behind it. */
export function classify(evidence: IoUringEvidence): Classification {
  const cause = findCause(evidence);
  return { cause, next: findNext(evidence, cause) };
}

function findCause({ surroundings, probe, denied }: IoUringEvidence): Classification["cause"] {
  if (surroundings.sandbox.gvisor !== null) return "GVISOR";
  switch (probe.kind) {
    case "not-asked":
      return null;
    case "killed":
      return probe.signal === "SIGSYS" ? "SECCOMP_KILL" : "PROBE_UNSAFE";
    case "failed":
      // clone(2) answers so when a limit on processes is reached.
      return probe.errno === ERRNO.EAGAIN ? "PIDS" : "PROBE_UNSAFE";
    case "switched-off":
      return "PROBE_OFF";
    case "answered": {
      const { answers, refused } = probe;
      const ring = answers.setup === 0;
      const found = ring ? judgeRing(answers, surroundings) : judgeRefusal(answers, surroundings);
      const cause = ring && found === "OK" && refused !== null ? filterCause(answers, surroundings) : found;
      return cause === "OK" && denied !== null ? "DENYLISTED_KERNEL" : cause;
    }
  }
}

/** True when a filter sits before the system calls. */
function hasFilter({ seccomp }: Surroundings, { seccompMode }: KernelAnswers): boolean {
  return seccomp.mode === 2 || (seccomp.mode === null && seccompMode === 2);
}

/** Some calls are refused and others are not: only a filter is that particular. */
function filterCause(answers: KernelAnswers, seen: Surroundings): IoUringCause {
  return hasFilter(seen, answers) ? "SECCOMP_PARTIAL" : "UNKNOWN_ERRNO";
}

/** A ring was made: does it work? */
function judgeRing(answers: KernelAnswers, seen: Surroundings): IoUringCause | "OK" {
  const filtered = filterCause(answers, seen);
  // With descriptor -1 the kernel itself answers EBADF; register has answered EINVAL since Linux 6.13.
  if (answers.enter !== ERRNO.EBADF) return filtered;
  if (answers.register !== ERRNO.EBADF && answers.register !== ERRNO.EINVAL) return filtered;
  switch (answers.step) {
    case "setup":
    case "enter":
      return filtered;
    case "map":
      return judgeMapping(answers.roundTrip, seen);
    case "completion":
      return isRefusal(answers.roundTrip) ? "OPERATION_DENIED" : "UNKNOWN_ERRNO";
    case "done":
      return judgeOperations(answers);
  }
}

function isRefusal(errno: number): boolean {
  return errno === ERRNO.EPERM || errno === ERRNO.EACCES;
}

function judgeMapping(errno: number, seen: Surroundings): IoUringCause {
  // SELinux knows the ring's descriptor as an anonymous inode, and may refuse to map it.
  if (isRefusal(errno)) return "LSM";
  if (errno === ERRNO.ENOMEM && typeof seen.limits.addressSpaceBytes === "number") return "ADDRESS_SPACE";
  // After mlockall(2) a mapping counts as locked.
  return errno === ERRNO.EAGAIN || errno === ERRNO.ENOMEM ? memoryCause(seen) : "UNKNOWN_ERRNO";
}

function judgeOperations({ opcodeProbe, opcodes }: KernelAnswers): IoUringCause | "OK" {
  // IORING_REGISTER_PROBE came with Linux 5.6.
  if (opcodeProbe === ERRNO.EINVAL) return "KERNEL_TOO_OLD";
  if (isRefusal(opcodeProbe)) return "OPERATION_DENIED";
  if (opcodeProbe !== 0) return "UNKNOWN_ERRNO";
  return opcodesNeeded.every((opcode) => opcodes.includes(opcode)) ? "OK" : "KERNEL_TOO_OLD";
}

/** No ring was made: who refused? */
function judgeRefusal(answers: KernelAnswers, seen: Surroundings): IoUringCause {
  const { setup, setupNull, enter, register } = answers;
  const filter = hasFilter(seen, answers);
  if (setup === enter && setup === register && setup === setupNull) {
    if (setup === ERRNO.ENOSYS) return judgeMissing(seen, filter);
    return filter ? "SECCOMP_ERRNO" : "UNKNOWN_ERRNO";
  }
  // Enter does not reach the kernel either, but is answered otherwise: only a filter is that particular.
  if (enter !== ERRNO.EBADF) return filter ? "SECCOMP_ERRNO" : "UNKNOWN_ERRNO";
  switch (setup) {
    case ERRNO.EPERM:
      return sysctlCause(seen) ?? judgeSetupOnly(seen, filter, "EPERM");
    case ERRNO.EACCES:
      return judgeSetupOnly(seen, filter, "EACCES");
    case ERRNO.ENOMEM:
      return memoryCause(seen);
    case ERRNO.EMFILE:
    case ERRNO.ENFILE:
      return "NOFILE";
    case ERRNO.EAGAIN:
      return headroom(seen.cgroup.pidsMax, seen.cgroup.pids) < 1 ? "PIDS" : "UNKNOWN_ERRNO";
    default:
      return filter ? "SECCOMP_ERRNO" : "UNKNOWN_ERRNO";
  }
}

/** All calls answer ENOSYS: the kernel has no io_uring, or a filter or an emulator answers in its stead. */
function judgeMissing(seen: Surroundings, filter: boolean): IoUringCause {
  if (seen.sandbox.emulator !== null) return "EMULATED_CPU";
  if (!filter) return "KERNEL_MISSING";
  if (seen.kernel.compiledIn === null) return "UNKNOWN_ENOSYS";
  return seen.kernel.compiledIn.yes ? "SECCOMP_ERRNO" : "KERNEL_MISSING";
}

/** Only `io_uring_setup` is refused, and not by the sysctl: a filter for that call, or a security module. */
function judgeSetupOnly(seen: Surroundings, filter: boolean, errno: "EPERM" | "EACCES"): IoUringCause {
  const confined = isConfined(seen) || (errno === "EPERM" && seen.sysctl.apparmorRestrict === 1);
  // Security modules answer EACCES, filters EPERM, as a rule; where both are there the rule decides.
  if (filter) return confined && errno === "EACCES" ? "LSM" : "SECCOMP_ERRNO";
  if (confined || errno === "EACCES") return "LSM";
  // Of a namespace within a namespace only the next map can be read, so that a member may only look like one.
  return seen.sysctl.disabled === 1 && !seen.identity.initialUserNamespace ? "SYSCTL_GROUP" : "UNKNOWN_ERRNO";
}

/** True when a security module has put this process under a profile, or BPF programs may judge it. */
function isConfined({ lsm }: Surroundings): boolean {
  const confined = lsm.label !== null && !/^unconfined\b|:unconfined_t:/.test(lsm.label);
  return confined || /\bbpf\b/.test(lsm.modules ?? "");
}

/** What the sysctl does to this process, whatever else does. Source: `io_uring_allowed` in io_uring/io_uring.c. */
function sysctlCause({ sysctl, identity }: Surroundings): "SYSCTL_DISABLED" | "SYSCTL_GROUP" | undefined {
  if (sysctl.disabled === 2) return "SYSCTL_DISABLED";
  if (sysctl.disabled !== 1) return undefined;
  const admin = identity.initialUserNamespace && hasCapability(identity.capabilities, CAPABILITY.sysAdmin);
  const member = sysctl.group !== null && identity.outerGroups.includes(sysctl.group);
  return admin || member ? undefined : "SYSCTL_GROUP";
}

/** Causes that no change of the surroundings cures, so that nothing comes next. */
const finalCauses: ReadonlySet<Classification["cause"]> = new Set(["GVISOR", "KERNEL_MISSING", "EMULATED_CPU"]);

function findNext(evidence: IoUringEvidence, cause: Classification["cause"]): readonly IoUringCause[] {
  if (finalCauses.has(cause)) return [];
  const { surroundings: seen, probe, denied, entriesWanted } = evidence;
  const next: IoUringCause[] = [];
  const add = (found: IoUringCause | undefined) => {
    if (found !== undefined && found !== cause && !next.includes(found)) next.push(found);
  };
  const made = probe.kind === "answered" && probe.answers.setup === 0;
  if (cause === null) add(inferRefusal(seen));
  if (!made) add(sysctlCause(seen));
  if (!made && seen.sysctl.apparmorRestrict === 1) add("LSM");
  if (denied !== null) add("DENYLISTED_KERNEL");
  // The ring that was made for asking is smaller than the driver's.
  if (memlockNeededBytes(seen, entriesWanted) > 0) add("MEMLOCK");
  if (!made && headroom(seen.limits.openFiles, seen.descriptors.open) < DESCRIPTORS_NEEDED) add("NOFILE");
  return next;
}

/** Entries of the rings that libuv makes. */
const LIBUV_ENTRIES = 256;

/** The kernel was not asked. But a runtime that makes rings of its own at start-up, and has none, was refused them. */
function inferRefusal(seen: Surroundings): IoUringCause | undefined {
  if (!runtimeUsesRings(seen) || seen.descriptors.rings !== 0) return undefined;
  if (memlockNeededBytes(seen, LIBUV_ENTRIES) > 0) return undefined;
  return seen.seccomp.mode === 2 && sysctlCause(seen) === undefined ? "SECCOMP_ERRNO" : undefined;
}

/**
 * True when the runtime itself has tried to make rings before any program code ran: Node does, with libuv 1.50 and newer
 * on these architectures (libuv#4638, `uv__use_io_uring` in linux.c). Others report a version of libuv and use little
 * of it: Deno makes no ring.
 */
function runtimeUsesRings({ runtime, libuv, arch }: Surroundings): boolean {
  const [major = 0, minor = 0] = (libuv ?? "").split(".").map(Number);
  const recent = major > 1 || (major === 1 && minor >= 50);
  return runtime.startsWith("Node ") && recent && (arch === "x64" || arch === "arm64");
}
