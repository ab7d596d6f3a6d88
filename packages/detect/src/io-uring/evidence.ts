/**
 * Everything that is known about io_uring on this machine: what was seen, never a conclusion. Plain data, so that the
 * classifier is a pure function over it and a bug report can carry it whole. `null` stands for what could not be read.
 */

/** A limit of the system: a number, none, or not known. */
export type Limit = number | "unlimited" | null;

/** What the surroundings look like, and what makes them look so. Never proof. */
export interface Hint {
  readonly platform: Platform;
  /** `"Docker"` */
  readonly name: string;
  /** `"/.dockerenv"` */
  readonly marker: string;
}

/** Surroundings that have remedies of their own. */
export type Platform =
  | "docker"
  | "docker-desktop"
  | "podman"
  | "kubernetes"
  | "container"
  | "systemd"
  | "ecs"
  | "fargate"
  | "lambda"
  | "cloud-run"
  | "github-actions"
  | "wsl1"
  | "wsl2"
  | "orbstack"
  | "rhel"
  | "paas";

/** What can be read without asking the kernel for a ring. */
export interface Surroundings {
  readonly platform: string;
  readonly arch: string;
  /** Runtime and version: `Node 20.20.2`. */
  readonly runtime: string;
  /** Version of the libuv in the runtime. */
  readonly libuv: string | null;
  readonly kernel: {
    /** `/proc/sys/kernel/osrelease`: for wording only, distributions carry io_uring back and leave it out. */
    readonly release: string | null;
    /** Whether io_uring is compiled in, and by which marker that is known. */
    readonly compiledIn: { readonly yes: boolean; readonly marker: string } | null;
  };
  readonly seccomp: {
    /** 0 none, 1 strict, 2 a filter. */
    readonly mode: number | null;
    readonly filters: number | null;
  };
  readonly sysctl: {
    /** `kernel.io_uring_disabled`: 0 all, 1 a group, 2 nobody. */
    readonly disabled: number | null;
    /** `kernel.io_uring_group`. */
    readonly group: number | null;
    /** `kernel.apparmor_restrict_unprivileged_io_uring` */
    readonly apparmorRestrict: number | null;
  };
  readonly identity: {
    readonly uid: number | null;
    readonly gid: number | null;
    readonly groups: readonly number[];
    /** CapEff as `/proc/self/status` has it. */
    readonly capabilities: string | null;
    /** False in a user namespace: capabilities there do not count with the sysctl and the limits. */
    readonly initialUserNamespace: boolean;
    /**
     * Effective and supplementary groups by the numbers of the namespace around this one, which the host's sysctl
     * speaks of; those that are mapped to none are left out. In the first namespace: `gid` and `groups`.
     */
    readonly outerGroups: readonly number[];
  };
  readonly sandbox: {
    /** What shows that this is gVisor. */
    readonly gvisor: string | null;
    /** What shows that another processor is emulated. */
    readonly emulator: string | null;
    /** Process that traces this one and may answer its system calls; 0 for none. */
    readonly tracer: number | null;
  };
  readonly limits: {
    readonly memlockBytes: Limit;
    readonly openFiles: Limit;
    readonly addressSpaceBytes: Limit;
    /** Processes and threads of this user. */
    readonly processes: Limit;
  };
  readonly cgroup: {
    readonly memoryBytesMax: Limit;
    readonly memoryBytes: number | null;
    readonly pidsMax: Limit;
    readonly pids: number | null;
  };
  readonly lsm: {
    /** `/proc/self/attr/current` */
    readonly label: string | null;
    /** `/sys/kernel/security/lsm` */
    readonly modules: string | null;
  };
  readonly descriptors: {
    /** Open now. */
    readonly open: number | null;
    /** Of those, rings of io_uring: the runtime's own. */
    readonly rings: number | null;
  };
  readonly hints: readonly Hint[];
}

/** What the kernel answered. Errnos are positive; 0 stands for success. */
export interface KernelAnswers {
  /** `io_uring_setup` with the smallest ring that the driver would live with. */
  readonly setup: number;
  /** `io_uring_setup(0, NULL)` */
  readonly setupNull: number;
  /** `io_uring_enter(-1, …)` */
  readonly enter: number;
  /** `io_uring_register(-1, …)` */
  readonly register: number;
  /** Where the round trip of a no-op ended, and the errno there. */
  readonly step: ProbeStep;
  readonly roundTrip: number;
  /** Of the ring that was made; 0 when none was. */
  readonly entries: number;
  readonly features: number;
  /** What the question for operations was answered with, and the numbers of those there are. */
  readonly opcodeProbe: number;
  readonly opcodes: readonly number[];
  /** `prctl(PR_GET_SECCOMP)`, or a negative errno. */
  readonly seccompMode: number;
}

export type ProbeStep = "setup" | "map" | "enter" | "completion" | "done";

/** A call of the driver's that something in front of the kernel refuses because of an argument. */
export interface RefusedCall {
  /** `"io_uring_enter"`, `"io_uring_enter (flags: 8)"` */
  readonly call: string;
  readonly errno: number;
}

/** How asking the kernel went. */
export type ProbeOutcome =
  /** It answered, in this process or in a child; the child has tried the arguments of all the driver's calls too. */
  | {
      readonly kind: "answered";
      readonly where: "process" | "child";
      readonly answers: KernelAnswers;
      readonly refused: RefusedCall | null;
    }
  /** The child that asked was killed by this signal, in this call when it is known. */
  | { readonly kind: "killed"; readonly signal: string; readonly call: string | null }
  /** It was not safe to ask here, and asking in a child failed; `errno` when no child could be made. */
  | { readonly kind: "failed"; readonly why: string; readonly errno: number | null }
  /** The operator does not want it asked. */
  | { readonly kind: "switched-off"; readonly by: string }
  /** There was nothing to ask with, or no use in asking. */
  | { readonly kind: "not-asked"; readonly why: string };

/** A kernel that has io_uring and on which it is not used, because it is known to do harm. */
export interface DeniedKernel {
  readonly reason: string;
  readonly link: string;
}

/** All of it. */
export interface IoUringEvidence {
  readonly surroundings: Surroundings;
  readonly probe: ProbeOutcome;
  /** Entries that the driver's ring asks for. */
  readonly entriesWanted: number;
  readonly denied: DeniedKernel | null;
}
