/** Several things at once, and answers that point the wrong way at first sight. */
import { ERRNO } from "@baton-io/core/driver";
import type { ProbeOutcome } from "../../src/io-uring/evidence.js";
import { answered, evidence, refused } from "./fixtures.js";
import {
  allRefused,
  filter,
  killed,
  noMarker,
  noSysctl,
  notAsked,
  type Row,
  root,
  setupRefused,
  sysctl,
} from "./situations.js";

const { EPERM, ENOSYS, EACCES, ENOMEM, EAGAIN, EINVAL, EFAULT, EIO } = ERRNO;

const argumentRefused: ProbeOutcome = {
  ...answered({}, "child"),
  refused: { call: "io_uring_enter (flags: 8)", errno: EPERM },
};

/** What the table does not have: combinations, and answers that point the wrong way at first sight. */
export const combinations: readonly Row[] = [
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
  [
    "the child died of something else",
    evidence({ kind: "killed", signal: "SIGKILL", call: null }, filter),
    "PROBE_UNSAFE",
  ],
  ["no child could be made", evidence({ kind: "failed", why: "EPERM", errno: EPERM }, filter), "PROBE_UNSAFE"],
  ["no child for a limit on processes", evidence({ kind: "failed", why: "EAGAIN", errno: EAGAIN }, filter), "PIDS"],
  ["the operator does not want it asked", evidence({ kind: "switched-off", by: "BATON_PROBE=off" }), "PROBE_OFF"],
  [
    "a filter that looks at arguments: a ring works, and a call of the driver's does not",
    evidence(argumentRefused, filter),
    "SECCOMP_PARTIAL",
  ],
  [
    "in a user namespace: the number of the own group is that of the host's group, and is another group there",
    evidence(setupRefused(EPERM), {
      ...sysctl(1, 1000),
      identity: { gid: 1000, groups: [1000], outerGroups: [101_000], initialUserNamespace: false },
    }),
    "SYSCTL_GROUP",
  ],
  [
    "in a user namespace within another: the next map makes a member of what is none",
    evidence(setupRefused(EPERM), {
      ...sysctl(1, 1000),
      identity: { gid: 0, groups: [], outerGroups: [1000], initialUserNamespace: false },
    }),
    "SYSCTL_GROUP",
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
    "the operations are those of Linux 5.6",
    evidence(answered({ opcodes: Array.from({ length: 30 }, (_, opcode) => opcode) })),
    "KERNEL_TOO_OLD",
  ],
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
  [
    "different errnos for each call, with a filter and the sysctl: a call that the sysctl does not gate was refused too",
    evidence(refused(EPERM, ENOSYS, EPERM), { ...filter, ...sysctl(2) }),
    "SECCOMP_ERRNO",
    ["SYSCTL_DISABLED"],
  ],
  [
    "no locked memory at all, in a cgroup that is full as well",
    evidence(setupRefused(ENOMEM, EFAULT), {
      limits: { memlockBytes: 0 },
      cgroup: { memoryBytesMax: 1_500_000, memoryBytes: 1_490_000 },
    }),
    "MEMLOCK",
  ],
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
