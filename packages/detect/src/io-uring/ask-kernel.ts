/**
 * Asks the kernel, and first of all whether asking is safe: a seccomp filter may kill whoever calls io_uring. Where that
 * is possible, a child process asks first.
 */
import { constants } from "node:os";
import { describeErrno } from "@baton-io/core/driver";
import type { KernelAnswers, ProbeOutcome, ProbeStep, RefusedCall, Surroundings } from "./evidence.js";

/** What the driver's package offers for asking. What it answers is looked at, not believed. */
export interface KernelHook {
  /** Entries that the driver's ring asks for. */
  readonly entries: number;
  /** Asks in this process. */
  ask(): unknown;
  /** Asks in a child process, which makes every call that the driver makes. */
  askInChild(): Promise<unknown>;
}

/** What the operator says about asking, with `BATON_PROBE`. */
export type ProbeSetting =
  /** In this process where no filter can kill it, else in a child. */
  | "auto"
  /** In a child always. */
  | "child"
  /** Not at all: io_uring is left alone. */
  | "off";

/** Asks, in this process when that is safe, else in a child. */
export async function askKernel(seen: Surroundings, hook: KernelHook, setting: ProbeSetting): Promise<ProbeOutcome> {
  if (setting === "off") return { kind: "switched-off", by: "BATON_PROBE=off" };
  if (setting === "auto" && isSafeToAsk(seen)) return readAnswers(hook.ask(), "process", null);
  return readChildEnd(await hook.askInChild());
}

/**
 * True when no filter can kill this process for asking: there is none. That the runtime itself lives under the filter
 * says nothing, whatever libuv is in it: Deno's makes no ring, Node's makes rings and registers nothing with them, and a
 * filter looks at each call and at its arguments.
 */
function isSafeToAsk({ seccomp }: Surroundings): boolean {
  return seccomp.mode === 0;
}

function readChildEnd(end: unknown): ProbeOutcome {
  const { kind, errno, afterMs, signal, diedOf, refused, refusedErrno, answers } = fieldsOf(end);
  if (kind === "not-started" && typeof errno === "number") {
    return { kind: "failed", why: `no process could be made to ask: ${describeErrno(errno).code}`, errno };
  }
  if (kind === "timeout") {
    return { kind: "failed", why: `the child process did not end within ${afterMs} ms`, errno: null };
  }
  if (kind !== "ended" || typeof signal !== "number") return otherShape;
  if (signal !== 0) return { kind: "killed", signal: signalName(signal), call: callText(diedOf) };
  if (answers === undefined) {
    return { kind: "failed", why: "the child process ended without an answer", errno: null };
  }
  const call = callText(refused);
  return readAnswers(answers, "child", call === null ? null : { call, errno: Number(refusedErrno) });
}

const otherShape: ProbeOutcome = { kind: "failed", why: "the addon's answers have another shape", errno: null };

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** What the argument of each call is, and the one that is tried first: there the argument is not to blame. */
const callArguments: Readonly<Record<string, readonly [what: string, first: number]>> = {
  io_uring_setup: ["entries", 0],
  io_uring_enter: ["flags", 0],
  // IORING_REGISTER_PROBE
  io_uring_register: ["operation", 8],
};

/** `"io_uring_setup"`, `"io_uring_register (operation: 11)"` */
function callText(call: unknown): string | null {
  const { name, argument } = fieldsOf(call);
  if (typeof name !== "string" || typeof argument !== "number") return null;
  const [what, first] = callArguments[name] ?? ["argument", -1];
  return argument === first ? name : `${name} (${what}: ${argument})`;
}

function signalName(signal: number): string {
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}

const steps: readonly ProbeStep[] = ["setup", "map", "enter", "completion", "done"];
const numbers = [
  "setup",
  "setupNull",
  "enter",
  "register",
  "roundTrip",
  "entries",
  "features",
  "opcodeProbe",
  "seccompMode",
] as const;

/** The border to the driver's package, which may be of another version. */
function readAnswers(value: unknown, where: "process" | "child", refused: RefusedCall | null): ProbeOutcome {
  return isAnswers(value) ? { kind: "answered", where, answers: value, refused } : otherShape;
}

function isAnswers(value: unknown): value is KernelAnswers {
  const answers = fieldsOf(value);
  return (
    numbers.every((name) => Number.isInteger(answers[name])) &&
    steps.some((step) => step === answers["step"]) &&
    Array.isArray(answers["opcodes"]) &&
    answers["opcodes"].every((opcode) => Number.isInteger(opcode))
  );
}
