/** What a profile does to io_uring in a given container: a pure function, rule by rule as the runtimes do it. */
import { describeErrno } from "@baton-io/core/driver";
import type { ActionWithErrno, SeccompAction, SeccompProfile } from "./profile.js";
import { isInForce, type Target } from "./target.js";

/** io_uring's system calls. They work together or not at all. */
export const ioUringCalls = ["io_uring_setup", "io_uring_enter", "io_uring_register"] as const;

export type IoUringCall = (typeof ioUringCalls)[number];

/** What becomes of one call. */
export interface CallJudgement {
  readonly call: string;
  readonly effect: /** It reaches the kernel. */
    | "allowed"
    /** It fails with `errno`. */
    | "refused"
    /** It ends the process, or the thread, with SIGSYS. */
    | "killed"
    /** Its arguments decide, or a supervisor outside the container; or it seems to work and is not made. */
    | "undecided";
  readonly action: SeccompAction;
  /** Of `"refused"`: `"EPERM"`. */
  readonly errno: string | null;
  /** Place in `syscalls` of the rule that decides; `null`: the default action. */
  readonly rule: number | null;
}

/** Permanent codes of what a profile does to io_uring as a whole. */
export const verdictTable = {
  ALLOWED: "All three calls reach the kernel.",
  BLOCKED: "No ring can be made; programs get an error and can use epoll instead.",
  PARTIAL: "A ring can be made and not used. This is worse than a block: Node 24 aborts at start-up with it.",
  KILLS: "A program that only looks whether io_uring is there is killed with SIGSYS.",
  UNDECIDED: "The profile alone does not tell: arguments or a supervisor decide, or calls only seem to work.",
} as const;

export type VerdictCode = keyof typeof verdictTable;

export interface Verdict {
  readonly verdict: VerdictCode;
  readonly summary: string;
  readonly calls: readonly CallJudgement[];
}

/** What the profile does to io_uring in this container. */
export function judgeProfile(profile: SeccompProfile, target: Target): Verdict {
  const calls = ioUringCalls.map((call) => judgeCall(profile, call, target));
  const verdict = verdictOf(calls);
  return { verdict, summary: verdictTable[verdict], calls };
}

function verdictOf(calls: readonly CallJudgement[]): VerdictCode {
  const effects = calls.map(({ effect }) => effect);
  if (effects.includes("killed")) return "KILLS";
  if (effects.includes("undecided")) return "UNDECIDED";
  if (effects.every((effect) => effect === "allowed")) return "ALLOWED";
  return effects[0] === "allowed" ? "PARTIAL" : "BLOCKED";
}

/**
 * What the profile does to one call. Runtimes hand the rules to libseccomp in their order, leaving out those that say
 * what the default says (runc `libcontainer/seccomp/seccomp_linux.go`). Of rules without conditions on arguments the
 * first holds, and it also displaces those with conditions (libseccomp `src/db.c`).
 */
export function judgeCall(profile: SeccompProfile, call: string, target: Target): CallJudgement {
  let undecided: CallJudgement | undefined;
  for (const [place, rule] of profile.rules.entries()) {
    if (!rule.names.includes(call) || !isInForce(rule, target) || isSameAction(rule, profile.byDefault)) continue;
    if (rule.args.length === 0) return judgement(call, rule, place);
    undecided ??= { ...judgement(call, rule, place), effect: "undecided", errno: null };
  }
  return undecided ?? judgement(call, profile.byDefault, null);
}

function judgement(call: string, given: ActionWithErrno, rule: number | null): CallJudgement {
  const { action } = given;
  const decided = (effect: CallJudgement["effect"]): CallJudgement => ({ call, effect, action, errno: null, rule });
  switch (action) {
    case "SCMP_ACT_ALLOW":
    case "SCMP_ACT_LOG":
      return decided("allowed");
    case "SCMP_ACT_ERRNO":
      // Errno 0: the call is not made, and seems to have worked.
      if (errnoOf(given) === 0) return decided("undecided");
      return { ...decided("refused"), errno: describeErrno(errnoOf(given)).code };
    case "SCMP_ACT_TRACE":
      // Without a tracer the kernel says that it has no such call; see seccomp(2), SECCOMP_RET_TRACE.
      return { ...decided("refused"), errno: "ENOSYS" };
    case "SCMP_ACT_NOTIFY":
      return decided("undecided");
    case "SCMP_ACT_TRAP":
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
    case "SCMP_ACT_KILL_PROCESS":
      return decided("killed");
  }
}

/** Runtimes refuse with EPERM when the profile names no errno. */
function errnoOf({ errno }: ActionWithErrno): number {
  return errno ?? 1;
}

function isSameAction(one: ActionWithErrno, other: ActionWithErrno): boolean {
  if (one.action !== other.action) return false;
  return one.action !== "SCMP_ACT_ERRNO" || errnoOf(one) === errnoOf(other);
}
