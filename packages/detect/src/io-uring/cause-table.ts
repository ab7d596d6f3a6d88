/** Permanent codes of what keeps io_uring from being used, and what each means. Programs compare them. */

export const ioUringCauses = {
  SECCOMP_ERRNO: "A seccomp filter answers io_uring's system calls with an error.",
  SECCOMP_PARTIAL: "A seccomp filter allows some of io_uring's three system calls and not the others.",
  SECCOMP_KILL: "A seccomp filter kills whoever calls io_uring.",
  SYSCTL_DISABLED: "The host has switched io_uring off (kernel.io_uring_disabled=2).",
  SYSCTL_GROUP: "The host allows io_uring to one group only (kernel.io_uring_disabled=1).",
  LSM: "A security module (SELinux, AppArmor, Smack, BPF) refuses io_uring.",
  MEMLOCK: "The limit on locked memory is too small for a ring.",
  MEMCG: "The memory cgroup has no room for a ring.",
  ADDRESS_SPACE: "The limit on address space leaves no room to map a ring.",
  NOFILE: "No file descriptor is left: for a ring, or to load a driver with.",
  PIDS: "A limit on processes leaves no room: for the ring's kernel thread, or for the process that asks.",
  KERNEL_MISSING: "What answers this program's system calls has no io_uring.",
  KERNEL_TOO_OLD: "The kernel's io_uring lacks operations that the driver is made of.",
  GVISOR: "gVisor stands in for the kernel, and has no io_uring.",
  EMULATED_CPU: "The processor is emulated, and the emulator has no io_uring.",
  DENYLISTED_KERNEL: "The kernel's io_uring is known to do harm.",
  OPERATION_DENIED: "A ring can be made, but operations on it are refused.",
  UNKNOWN_ENOSYS: "io_uring is not there, and nothing tells whether the kernel or a filter says so.",
  UNKNOWN_ERRNO: "io_uring is refused, and nothing that was seen explains it.",
  PROBE_OFF: "The operator has switched asking off (BATON_PROBE=off), so io_uring is left alone.",
  PROBE_UNSAFE: "It was not safe to ask the kernel in this process, and asking in another failed.",
} as const;

/** Permanent code of a cause. */
export type IoUringCause = keyof typeof ioUringCauses;
