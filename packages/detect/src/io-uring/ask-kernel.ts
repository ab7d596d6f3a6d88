/**
 * Asks the kernel, and first of all whether asking is safe: a seccomp filter may kill whoever calls `io_uring_setup`.
 * Where that is possible, a child process is sent ahead.
 */
import type { KernelAnswers, ProbeOutcome, ProbeStep, Surroundings } from "./evidence.js";

/** What the driver's package offers for asking. */
export interface KernelHook {
  /** The addon that asks; a child loads it by this absolute path. */
  readonly addon: string;
  readonly entries: number;
  ask(): unknown;
}

/** Sends a child process ahead, to ask with the addon at that path. */
export type SendChild = (addon: string, entries: number) => Promise<ChildEnd>;

/** How the child ended. */
export type ChildEnd =
  | { readonly kind: "exited"; readonly code: number; readonly stdout: string }
  | { readonly kind: "signal"; readonly signal: string }
  /** The thread that asked died, and the others live on. */
  | { readonly kind: "thread-died" }
  /** It could not be started; `denied` when the runtime forbids it. */
  | { readonly kind: "not-started"; readonly why: string; readonly denied: boolean }
  | { readonly kind: "timeout"; readonly afterMs: number };

/** Asks, in this process when that is safe, else in a child. */
export async function askKernel(seen: Surroundings, hook: KernelHook, sendChild: SendChild): Promise<ProbeOutcome> {
  if (isSafeToAsk(seen)) return readAnswers(hook.ask(), "process");
  return readChildEnd(await sendChild(hook.addon, hook.entries));
}

/**
 * True when no filter can kill this process for asking. Without a filter none can. With one, the runtime may have tried
 * already: libuv makes rings at start-up from 1.50 on (libuv#4638, `uv__use_io_uring` in linux.c), on these
 * architectures, and it lives.
 */
export function isSafeToAsk({ seccomp, libuv, arch }: Surroundings): boolean {
  if (seccomp.mode === 0) return true;
  return runtimeUsesRings({ libuv, arch });
}

/** True when the runtime itself has tried to make rings before any program code ran. */
export function runtimeUsesRings({ libuv, arch }: Pick<Surroundings, "libuv" | "arch">): boolean {
  const [major = 0, minor = 0] = (libuv ?? "").split(".").map(Number);
  return (major > 1 || (major === 1 && minor >= 50)) && (arch === "x64" || arch === "arm64");
}

function readChildEnd(end: ChildEnd): ProbeOutcome {
  switch (end.kind) {
    case "signal":
      return { kind: "killed", signal: end.signal };
    case "thread-died":
      return { kind: "killed", signal: "SIGSYS" };
    case "not-started":
      return { kind: "failed", why: `no child process could be started: ${end.why}`, denied: end.denied };
    case "timeout":
      return { kind: "failed", why: `the child process did not end within ${end.afterMs} ms`, denied: false };
    case "exited":
      if (end.code !== 0) {
        return { kind: "failed", why: `the child process ended with exit code ${end.code}`, denied: false };
      }
      return readAnswers(parse(end.stdout), "child");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const steps: readonly ProbeStep[] = ["setup", "map", "enter", "completion", "done"];
const numbers = [
  "setup",
  "setupNull",
  "enter",
  "register",
  "firstSize",
  "roundTrip",
  "entries",
  "features",
  "opcodeProbe",
  "seccompMode",
] as const;

/** The border to the driver's package, which may be of another version: its answers are looked at, not believed. */
function readAnswers(value: unknown, where: "process" | "child"): ProbeOutcome {
  if (!isAnswers(value)) return { kind: "failed", why: "the addon's answers have another shape", denied: false };
  return { kind: "answered", where, answers: value };
}

function isAnswers(value: unknown): value is KernelAnswers {
  if (typeof value !== "object" || value === null) return false;
  const answers = value as Readonly<Record<string, unknown>>;
  return (
    numbers.every((name) => Number.isInteger(answers[name])) &&
    steps.some((step) => step === answers["step"]) &&
    Array.isArray(answers["opcodes"]) &&
    answers["opcodes"].every((opcode) => Number.isInteger(opcode))
  );
}
