/** Evidence made up: a machine on which io_uring works, and changes to it. */
import { ERRNO } from "@baton-io/core/driver";
import type {
  Hint,
  IoUringEvidence,
  KernelAnswers,
  Platform,
  ProbeOutcome,
  Surroundings,
} from "../../src/io-uring/evidence.js";

/** Parts of the surroundings that differ, one level deep. */
export type Changes = {
  readonly [Part in keyof Surroundings]?: Surroundings[Part] extends readonly unknown[] | string | null
    ? Surroundings[Part]
    : Partial<Surroundings[Part]>;
};

/** A Linux machine with nothing in the way: kernel 6.18, an ordinary user, no container. */
const plain: Surroundings = {
  platform: "linux",
  arch: "x64",
  runtime: "Node 20.20.2",
  libuv: "1.46.0",
  kernel: { release: "6.18.44", compiledIn: { yes: true, marker: "kernel.io_uring_disabled" } },
  seccomp: { mode: 0, filters: 0 },
  sysctl: { disabled: 0, group: -1, apparmorRestrict: null },
  identity: {
    uid: 1000,
    gid: 1000,
    groups: [1000],
    capabilities: "0000000000000000",
    initialUserNamespace: true,
    outerGroups: [1000],
  },
  sandbox: { gvisor: null, emulator: null, tracer: 0 },
  limits: { memlockBytes: 8 * 1024 * 1024, openFiles: 1024, addressSpaceBytes: "unlimited", processes: 30_000 },
  cgroup: { memoryBytesMax: "unlimited", memoryBytes: 50_000_000, pidsMax: "unlimited", pids: 20 },
  lsm: { label: null, modules: null },
  descriptors: { open: 20, rings: 0 },
  hints: [],
};

/** Linux 6.18 at its best. */
const working: KernelAnswers = {
  setup: 0,
  setupNull: ERRNO.EFAULT,
  enter: ERRNO.EBADF,
  register: ERRNO.EINVAL,
  step: "done",
  roundTrip: 0,
  entries: 8,
  features: 0x3ffff,
  opcodeProbe: 0,
  opcodes: Array.from({ length: 63 }, (_, opcode) => opcode),
  seccompMode: 0,
};

export function surroundings(changes: Changes = {}): Surroundings {
  const changed: Record<string, unknown> = { ...plain };
  for (const [part, change] of Object.entries(changes)) {
    const before = changed[part];
    const mergeable = typeof before === "object" && before !== null && !Array.isArray(before);
    changed[part] = mergeable ? { ...before, ...(change as object) } : change;
  }
  const { gid, groups } = changed["identity"] as Surroundings["identity"];
  // Outside a user namespace they are the same.
  if (changes.identity?.outerGroups === undefined) {
    changed["identity"] = { ...(changed["identity"] as object), outerGroups: [gid, ...groups] };
  }
  return changed as unknown as Surroundings;
}

export function answered(
  answers: Partial<KernelAnswers> = {},
  where: "process" | "child" = "process",
): Extract<ProbeOutcome, { kind: "answered" }> {
  return { kind: "answered", where, answers: { ...working, ...answers }, refused: null };
}

/** No ring: the errnos of setup, enter and register; setup(0, NULL) as setup unless the kernel got as far as looking. */
export function refused(
  setup: number,
  enter: number,
  register: number,
  setupNull: number = setup,
): Extract<ProbeOutcome, { kind: "answered" }> {
  const none = { step: "setup", roundTrip: setup, entries: 0, features: 0, opcodes: [] } as const;
  return answered({ ...none, setup, setupNull, enter, register });
}

export function evidence(probe: ProbeOutcome, changes: Changes = {}): IoUringEvidence {
  return { surroundings: surroundings(changes), probe, entriesWanted: 1024, denied: null };
}

export function hint(platform: Platform, name: string = platform, marker: string = "a marker"): Hint {
  return { platform, name, marker };
}
