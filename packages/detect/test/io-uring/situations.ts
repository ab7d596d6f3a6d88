/** The answers that were measured or read in the kernel's source, and what causes they are. */
import { ERRNO } from "@baton-io/core/driver";
import type { Classification } from "../../src/io-uring/classify.js";
import type { IoUringEvidence } from "../../src/io-uring/evidence.js";
import { answered, type Changes, evidence, hint, refused } from "./fixtures.js";

const { EPERM, ENOSYS, EACCES, ENOMEM, EMFILE, ENFILE, EAGAIN, EINVAL, EBADF, EFAULT, ENOTSUP: EOPNOTSUPP } = ERRNO;

/** Changes to the surroundings. */
export const filter = { seccomp: { mode: 2, filters: 1 } } satisfies Changes;
export const noMarker = { kernel: { compiledIn: null } } satisfies Changes;
export const noSysctl = { sysctl: { disabled: null, group: null } } satisfies Changes;
export const sysctl = (disabled: number, group = -1): Changes => ({ sysctl: { disabled, group } });
export const root: NonNullable<Changes["identity"]> = { uid: 0, gid: 0, groups: [], capabilities: "000001ffffffffff" };
export const killed = { kind: "killed", signal: "SIGSYS", call: "io_uring_setup" } as const;
export const notAsked = { kind: "not-asked", why: "it was not built" } as const;

/** What a refusal by errno looks like when a filter answers all calls, and when only setup is refused. */
export const allRefused = (errno: number) => refused(errno, errno, errno);
export const setupRefused = (errno: number, setupNull: number = errno) => refused(errno, EBADF, EINVAL, setupNull);

/** A situation, what was seen of it, the cause that it has, and what would bite next. */
export type Row = readonly [
  situation: string,
  found: IoUringEvidence,
  cause: Classification["cause"],
  next?: readonly string[],
];

/** The answers that were measured, or read in the kernel's source, for each situation. */
export const situations: readonly Row[] = [
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
    "memlock too small for the driver's ring: a smaller one will run, and the limit is told",
    evidence(answered(), { limits: { memlockBytes: 65_536 } }),
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
