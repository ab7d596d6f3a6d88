import { ERRNO } from "@baton-io/core";
import { describe, expect, test } from "vitest";
import { ioUringCauses } from "../../src/io-uring/cause-table.js";
import { type Classification, classify } from "../../src/io-uring/classify.js";
import type { IoUringEvidence } from "../../src/io-uring/evidence.js";
import { describeEvidence, explainNext, explainUnavailable } from "../../src/io-uring/explain.js";
import { answered, type Changes, evidence, hint, refused } from "./fixtures.js";

const {
  EPERM,
  ENOSYS,
  EACCES,
  ENOMEM,
  EMFILE,
  ENFILE,
  EAGAIN,
  EINVAL,
  EBADF,
  EFAULT,
  EIO,
  ENOTSUP: EOPNOTSUPP,
} = ERRNO;

const filter = { seccomp: { mode: 2, filters: 1 } } satisfies Changes;
const noMarker = { kernel: { compiledIn: null } } satisfies Changes;
const noSysctl = { sysctl: { disabled: null, group: null } } satisfies Changes;
const sysctl = (disabled: number, group = -1): Changes => ({ sysctl: { disabled, group } });
const root: Changes["identity"] = { uid: 0, gid: 0, groups: [], capabilities: "000001ffffffffff" };
const killed = { kind: "killed", signal: "SIGSYS" } as const;
const notAsked = { kind: "not-asked", why: "it was not built" } as const;

/** What a refusal by errno looks like when a filter answers all calls, and when only setup is refused. */
const allRefused = (errno: number) => refused(errno, errno, errno);
const setupRefused = (errno: number, setupNull: number = errno) => refused(errno, EBADF, EINVAL, setupNull);

type Row = readonly [
  situation: string,
  found: IoUringEvidence,
  cause: Classification["cause"],
  next?: readonly string[],
];

/** The answers that were measured, or read in the kernel's source, for each situation. */
const situations: readonly Row[] = [
  ["works, Linux 6.18", evidence(answered()), "OK"],
  ["works, before Linux 6.13: register(-1) is EBADF", evidence(answered({ register: EBADF })), "OK"],
  ["kernel.io_uring_disabled=2", evidence(setupRefused(EPERM), sysctl(2)), "SYSCTL_DISABLED"],
  [
    "kernel.io_uring_disabled=2, as root with every capability",
    evidence(setupRefused(EPERM), { ...sysctl(2), identity: root }),
    "SYSCTL_DISABLED",
  ],
  [
    "kernel.io_uring_disabled=1, neither CAP_SYS_ADMIN nor the group",
    evidence(setupRefused(EPERM), sysctl(1, 4000)),
    "SYSCTL_GROUP",
  ],
  [
    "kernel.io_uring_disabled=1, root of a user namespace only",
    evidence(setupRefused(EPERM), { ...sysctl(1), identity: { ...root, initialUserNamespace: false } }),
    "SYSCTL_GROUP",
  ],
  ["kernel.io_uring_disabled=1, member of the group", evidence(answered(), sysctl(1, 1000)), "OK"],
  [
    "Docker 25 and newer: EPERM three times",
    evidence(allRefused(EPERM), { ...filter, hints: [hint("docker")] }),
    "SECCOMP_ERRNO",
  ],
  ["Docker 20.10 to 24: a filter that lets io_uring pass", evidence(answered({}, "child"), filter), "OK"],
  ["Podman and CRI-O: ENOSYS three times", evidence(allRefused(ENOSYS), filter), "SECCOMP_ERRNO"],
  ["a filter on io_uring_setup alone, EPERM", evidence(setupRefused(EPERM), filter), "SECCOMP_ERRNO"],
  ["a filter on io_uring_setup alone, ENOSYS", evidence(setupRefused(ENOSYS), filter), "SECCOMP_ERRNO"],
  [
    "a filter that allows io_uring_setup alone",
    evidence(answered({ enter: EPERM, register: EPERM, step: "enter", roundTrip: EPERM }, "child"), filter),
    "SECCOMP_PARTIAL",
  ],
  ["SECCOMP_RET_TRACE without a tracer", evidence(setupRefused(ENOSYS), filter), "SECCOMP_ERRNO"],
  ["SECCOMP_RET_KILL_PROCESS, _KILL_THREAD or _TRAP", evidence(killed, filter), "SECCOMP_KILL"],
  ["a runtime that answers EOPNOTSUPP, with a filter", evidence(allRefused(EOPNOTSUPP), filter), "SECCOMP_ERRNO"],
  [
    "a runtime that answers EOPNOTSUPP, /proc unreadable",
    evidence(allRefused(EOPNOTSUPP), { seccomp: { mode: null } }),
    "UNKNOWN_ERRNO",
  ],
  [
    "memlock too small for any ring",
    evidence(setupRefused(ENOMEM, EFAULT), { limits: { memlockBytes: 0 } }),
    "MEMLOCK",
  ],
  [
    "memlock too small for the whole ring: a smaller one runs, and the limit is told",
    evidence(answered({ firstSize: ENOMEM, entries: 64 }), { limits: { memlockBytes: 65_536 } }),
    "OK",
    ["MEMLOCK"],
  ],
  [
    "the memory cgroup too small for the ring",
    evidence(setupRefused(ENOMEM, EFAULT), { cgroup: { memoryBytesMax: 1_500_000, memoryBytes: 1_400_000 } }),
    "MEMCG",
  ],
  [
    "the memory cgroup too small, exempt from memlock",
    evidence(setupRefused(ENOMEM, EFAULT), { identity: root, cgroup: { memoryBytesMax: 1_500_000 } }),
    "MEMCG",
  ],
  [
    "RLIMIT_NOFILE",
    evidence(setupRefused(EMFILE, EFAULT), { descriptors: { open: 24 }, limits: { openFiles: 24 } }),
    "NOFILE",
  ],
  ["the system's table of files full", evidence(setupRefused(ENFILE, EFAULT)), "NOFILE"],
  [
    "the pids cgroup full, with a polling thread",
    evidence(setupRefused(EAGAIN, EFAULT), { cgroup: { pidsMax: 1, pids: 1 } }),
    "PIDS",
  ],
  // The driver leaves out flags that a kernel does not know; a plain ring is what is asked about here.
  ["an unknown flag: the plain ring works", evidence(answered({ features: 0x3f })), "OK"],
  [
    "a kernel without io_uring",
    evidence(allRefused(ENOSYS), { kernel: { release: "4.18.0", compiledIn: null }, ...noSysctl }),
    "KERNEL_MISSING",
  ],
  [
    "CONFIG_IO_URING=n",
    evidence(allRefused(ENOSYS), {
      kernel: { compiledIn: { yes: false, marker: "/proc/config.gz" } },
      ...noSysctl,
    }),
    "KERNEL_MISSING",
  ],
  [
    "gVisor",
    evidence({ kind: "not-asked", why: "gVisor" }, { sandbox: { gvisor: "/proc/version" }, ...noMarker }),
    "GVISOR",
  ],
  [
    "SELinux refuses the ring",
    evidence(setupRefused(EACCES), { lsm: { label: "system_u:system_r:container_t:s0:c1,c2" } }),
    "LSM",
  ],
  [
    "kernel.io_uring_disabled=2 behind a filter that answers ENOSYS",
    evidence(allRefused(ENOSYS), { ...filter, ...sysctl(2) }),
    "SECCOMP_ERRNO",
    ["SYSCTL_DISABLED"],
  ],
];

/** What the table does not have: combinations, and answers that point the wrong way at first sight. */
const combinations: readonly Row[] = [
  [
    "EPERM three times behind the sysctl: fixing one alone does not help",
    evidence(allRefused(EPERM), { ...filter, ...sysctl(2) }),
    "SECCOMP_ERRNO",
    ["SYSCTL_DISABLED"],
  ],
  [
    "a filter, and a sysctl that would let only a group in",
    evidence(allRefused(EPERM), { ...filter, ...sysctl(1, 4000) }),
    "SECCOMP_ERRNO",
    ["SYSCTL_GROUP"],
  ],
  [
    "a filter, and a sysctl for a group this process is in",
    evidence(allRefused(EPERM), { ...filter, ...sysctl(1, 1000) }),
    "SECCOMP_ERRNO",
    [],
  ],
  [
    "a filter, and too little locked memory behind it",
    evidence(allRefused(EPERM), { ...filter, limits: { memlockBytes: 65_536 } }),
    "SECCOMP_ERRNO",
    ["MEMLOCK"],
  ],
  [
    "a filter, the sysctl and too little locked memory: all three are told",
    evidence(allRefused(EPERM), { ...filter, ...sysctl(2), limits: { memlockBytes: 65_536 } }),
    "SECCOMP_ERRNO",
    ["SYSCTL_DISABLED", "MEMLOCK"],
  ],
  [
    "little locked memory, on a kernel that does not charge rings to it",
    evidence(allRefused(EPERM), {
      ...filter,
      limits: { memlockBytes: 65_536 },
      kernel: { release: "6.8.0-45-generic" },
    }),
    "SECCOMP_ERRNO",
    [],
  ],
  [
    "little locked memory, with CAP_IPC_LOCK",
    evidence(allRefused(EPERM), { ...filter, limits: { memlockBytes: 65_536 }, identity: root }),
    "SECCOMP_ERRNO",
    [],
  ],
  [
    "little locked memory, with CAP_IPC_LOCK of a user namespace, which does not count",
    evidence(allRefused(EPERM), {
      ...filter,
      limits: { memlockBytes: 65_536 },
      identity: { ...root, initialUserNamespace: false },
    }),
    "SECCOMP_ERRNO",
    ["MEMLOCK"],
  ],
  [
    "a filter that kills, before the sysctl",
    evidence(killed, { ...filter, ...sysctl(2) }),
    "SECCOMP_KILL",
    ["SYSCTL_DISABLED"],
  ],
  ["the child died of something else", evidence({ kind: "killed", signal: "SIGKILL" }, filter), "PROBE_UNSAFE"],
  ["no child could be sent", evidence({ kind: "failed", why: "ENOENT", denied: false }, filter), "PROBE_UNSAFE"],
  [
    "the runtime forbids children",
    evidence({ kind: "failed", why: "ERR_ACCESS_DENIED", denied: true }, filter),
    "RUNTIME_PERMISSION",
  ],
  [
    "the sysctl lets only a group in, and there is no filter: members of another one are refused",
    evidence(setupRefused(EPERM), { ...sysctl(1, 4000), identity: { groups: [1000, 27] } }),
    "SYSCTL_GROUP",
  ],
  [
    "the sysctl is 1 and this is root: then it was not the sysctl but the filter",
    evidence(setupRefused(EPERM), { ...filter, ...sysctl(1), identity: root }),
    "SECCOMP_ERRNO",
  ],
  [
    "EPERM for setup alone, the sysctl is 0, no filter, no module: nothing is blamed",
    evidence(setupRefused(EPERM)),
    "UNKNOWN_ERRNO",
  ],
  [
    "EPERM for setup alone, and Ubuntu's AppArmor switch is on",
    evidence(setupRefused(EPERM), { sysctl: { apparmorRestrict: 1 } }),
    "LSM",
  ],
  [
    "EPERM for setup alone, and BPF programs judge",
    evidence(setupRefused(EPERM), { lsm: { modules: "lockdown,bpf" } }),
    "LSM",
  ],
  [
    "EACCES for setup alone by a filter, without any security module",
    evidence(setupRefused(EACCES), filter),
    "SECCOMP_ERRNO",
  ],
  [
    "EACCES for setup alone, with a filter and under SELinux",
    evidence(setupRefused(EACCES), { ...filter, lsm: { label: "system_u:system_r:container_t:s0" } }),
    "LSM",
  ],
  [
    "EPERM for setup alone in a container under AppArmor: the filter is likelier",
    evidence(setupRefused(EPERM), { ...filter, lsm: { label: "docker-default (enforce)" } }),
    "SECCOMP_ERRNO",
  ],
  ["EACCES three times by a filter", evidence(allRefused(EACCES), filter), "SECCOMP_ERRNO"],
  ["EPERM three times without a filter: a tracer, BPF, an emulator", evidence(allRefused(EPERM)), "UNKNOWN_ERRNO"],
  [
    "ENOSYS three times, a filter, and nothing tells whether the kernel has io_uring",
    evidence(allRefused(ENOSYS), { ...filter, ...noMarker, ...noSysctl }),
    "UNKNOWN_ENOSYS",
  ],
  [
    "ENOSYS three times, a filter, and the kernel's configuration says no",
    evidence(allRefused(ENOSYS), {
      ...filter,
      kernel: { compiledIn: { yes: false, marker: "/proc/config.gz" } },
    }),
    "KERNEL_MISSING",
  ],
  [
    "ENOSYS three times from an emulator on a kernel that has io_uring",
    evidence(allRefused(ENOSYS), { sandbox: { emulator: "/proc/cpuinfo: an Arm processor" } }),
    "EMULATED_CPU",
  ],
  [
    "ENOSYS three times from an emulator in a container with a filter",
    evidence(allRefused(ENOSYS), { ...filter, sandbox: { emulator: "Rosetta" } }),
    "EMULATED_CPU",
  ],
  [
    "gVisor with io_uring switched on: still nothing to use",
    evidence(answered(), { sandbox: { gvisor: "/proc/gvisor" } }),
    "GVISOR",
  ],
  [
    "setup and enter work, register is refused",
    evidence(answered({ register: EPERM, opcodeProbe: EPERM }), filter),
    "SECCOMP_PARTIAL",
  ],
  [
    "enter with a real ring is refused, with -1 it is not",
    evidence(answered({ step: "enter", roundTrip: EPERM }), filter),
    "SECCOMP_PARTIAL",
  ],
  [
    "enter is refused and there is no filter",
    evidence(answered({ enter: EPERM, step: "enter", roundTrip: EPERM })),
    "UNKNOWN_ERRNO",
  ],
  ["SELinux lets the ring be made and not be mapped", evidence(answered({ step: "map", roundTrip: EACCES })), "LSM"],
  [
    "the ring cannot be mapped under a limit on address space",
    evidence(answered({ step: "map", roundTrip: ENOMEM }), { limits: { addressSpaceBytes: 4e9 } }),
    "ADDRESS_SPACE",
  ],
  ["the ring cannot be mapped after mlockall", evidence(answered({ step: "map", roundTrip: EAGAIN })), "MEMLOCK"],
  [
    "a no-op is refused in its completion (Linux 7.0 can)",
    evidence(answered({ step: "completion", roundTrip: EACCES })),
    "OPERATION_DENIED",
  ],
  ["a no-op never completes", evidence(answered({ step: "completion", roundTrip: EIO })), "UNKNOWN_ERRNO"],
  [
    "the operations cannot be asked for (before Linux 5.6)",
    evidence(answered({ opcodeProbe: EINVAL, opcodes: [] })),
    "KERNEL_TOO_OLD",
  ],
  ["operations are missing", evidence(answered({ opcodes: [0, 1, 2, 3, 4, 5] })), "KERNEL_TOO_OLD"],
  [
    "a kernel known for harm",
    { ...evidence(answered()), denied: { reason: "tasks hang", link: "https://example.org" } },
    "DENYLISTED_KERNEL",
  ],
  [
    "a kernel known for harm, behind a filter",
    { ...evidence(allRefused(EPERM), filter), denied: { reason: "tasks hang", link: "https://example.org" } },
    "SECCOMP_ERRNO",
    ["DENYLISTED_KERNEL"],
  ],
  [
    "no memory, and no limit that explains it",
    evidence(setupRefused(ENOMEM, EFAULT), { limits: { memlockBytes: "unlimited" } }),
    "UNKNOWN_ERRNO",
  ],
  [
    "memlock large enough by itself, but used up by others of this user",
    evidence(setupRefused(ENOMEM, EFAULT)),
    "MEMLOCK",
  ],
  ["EAGAIN, and room for processes", evidence(setupRefused(EAGAIN, EFAULT)), "UNKNOWN_ERRNO"],
  ["EINVAL for a plain ring", evidence(setupRefused(EINVAL)), "UNKNOWN_ERRNO"],
  ["different errnos for each call, with a filter", evidence(refused(EPERM, ENOSYS, EPERM), filter), "SECCOMP_ERRNO"],
  ["nobody could ask, and nothing is known to be in the way", evidence(notAsked), null, []],
  ["nobody could ask, and the sysctl would refuse", evidence(notAsked, sysctl(2)), null, ["SYSCTL_DISABLED"]],
  [
    "nobody could ask, but the runtime's own rings were refused under a filter",
    evidence(notAsked, { ...filter, libuv: "1.52.1" }),
    null,
    ["SECCOMP_ERRNO"],
  ],
  [
    "nobody could ask, and the runtime has rings",
    evidence(notAsked, { ...filter, libuv: "1.52.1", descriptors: { rings: 3 } }),
    null,
    [],
  ],
  [
    "the last descriptors are needed behind a filter",
    evidence(allRefused(EPERM), { ...filter, descriptors: { open: 62 }, limits: { openFiles: 64 } }),
    "SECCOMP_ERRNO",
    ["NOFILE"],
  ],
];

const rows: readonly Row[] = [...situations, ...combinations];

describe("the cause, from what was seen", () => {
  for (const [situation, found, cause, next = []] of situations) {
    test(situation, () => {
      expect(classify(found)).toEqual({ cause, next });
    });
  }
});

describe("the cause, from combinations", () => {
  test("there are at least thirty", () => {
    expect(combinations.length).toBeGreaterThanOrEqual(30);
  });

  for (const [situation, found, cause, next] of combinations) {
    test(situation, () => {
      const { cause: foundCause, next: foundNext } = classify(found);
      expect(foundCause).toBe(cause);
      if (next !== undefined) expect(foundNext).toEqual(next);
    });
  }
});

describe("every cause", () => {
  test("of the table is found by some row, and no row finds another", () => {
    const found = new Set(rows.flatMap(([, seen]) => classify(seen).cause ?? []));
    found.delete("OK");
    expect([...found].sort()).toEqual(Object.keys(ioUringCauses).sort());
  });

  test("is explained in one line, with evidence, and with a remedy that protects", () => {
    for (const [situation, found] of rows) {
      const { cause, next } = classify(found);
      if (cause === null || cause === "OK") {
        for (const one of explainNext(next, found)) expect(one.summary, situation).toMatch(/^[A-Z].*\.$/);
        continue;
      }
      const explained = explainUnavailable({ cause, next }, cause, found);
      expect(explained.summary, situation).toMatch(/^(io_uring|[A-Z]).*\.$/);
      expect(explained.summary).not.toMatch(/undefined|null|NaN|\n/);
      expect(explained.remedy?.text, situation).toMatch(/\S/);
      expect(explained.next?.map((one) => one.cause)).toEqual(next);
      const text = JSON.stringify([explained, describeEvidence(found)]);
      expect(text).not.toMatch(/privileged|unconfined|seccomp=unconfined/i);
      for (const { value } of explained.evidence) expect(value).not.toMatch(/undefined|NaN|\n/);
    }
  });
});

describe("any errno", () => {
  const errnos = Array.from({ length: 133 }, (_, index) => index + 1);
  const places: readonly Changes[] = [
    {},
    filter,
    { ...filter, ...noMarker, ...noSysctl },
    sysctl(1),
    { seccomp: { mode: null } },
  ];

  test("from all three calls, from setup alone, and at every step is a cause and never a crash", () => {
    for (const errno of errnos) {
      for (const changes of places) {
        const probes = [
          allRefused(errno),
          setupRefused(errno),
          refused(EPERM, errno, errno),
          answered({ enter: errno }),
          answered({ register: errno }),
          answered({ opcodeProbe: errno }),
          answered({ firstSize: errno }),
          ...(["map", "enter", "completion"] as const).map((step) => answered({ step, roundTrip: errno })),
        ];
        for (const probe of probes) {
          const found = evidence(probe, changes);
          const { cause, next } = classify(found);
          expect(cause).not.toBeNull();
          if (cause !== "OK" && cause !== null) explainUnavailable({ cause, next }, cause, found);
        }
      }
    }
  });

  test("is blamed on the filter when all three calls answer it and there is one", () => {
    for (const errno of errnos) expect(classify(evidence(allRefused(errno), filter)).cause).toBe("SECCOMP_ERRNO");
  });

  test("is never blamed on the sysctl when the sysctl lets everybody in", () => {
    for (const errno of errnos) {
      for (const probe of [allRefused(errno), setupRefused(errno)]) {
        for (const changes of [{}, filter]) {
          const { cause, next } = classify(evidence(probe, changes));
          expect([cause, ...next].filter((one) => one?.startsWith("SYSCTL"))).toEqual([]);
        }
      }
    }
  });

  test("makes no ring, whatever it is: a ring that was refused is never OK", () => {
    for (const errno of errnos) expect(classify(evidence(setupRefused(errno))).cause).not.toBe("OK");
  });
});
