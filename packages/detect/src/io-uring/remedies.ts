/**
 * What to do about a cause, for the surroundings it was found in: one sentence, one command where there is one, one
 * place to read on. Only ever the runtime's default profile and the three system calls; never a container without
 * protection. What weakens the machine's protection says where the risk is described.
 */
import type { Remedy } from "@baton-io/core";
import type { IoUringCause } from "./cause-table.js";
import type { IoUringEvidence, Platform, Surroundings } from "./evidence.js";
import { memlockNeededBytes, ringBytes } from "./memory.js";

/** A remedy, and where its risk is described when it has one. */
export interface WeighedRemedy extends Remedy {
  readonly risk?: string;
}

/** The page every anchor is on. */
const PAGE = "docs/CLOUD_SETUP.md";
const RISK = `${PAGE}#security`;
/** Locked memory that serves many rings, in bytes; bounded, because a daemon may not be allowed to lift the limit. */
const MEMLOCK_ADVISED_BYTES = 67_108_864;
/** A release of Docker's own profile: https://github.com/moby/profiles. */
const DOCKER_PROFILE = "https://raw.githubusercontent.com/moby/profiles/seccomp/v0.2.3/seccomp/default.json";
/** Where Podman keeps its profile. */
const PODMAN_PROFILE = "/usr/share/containers/seccomp.json";
const OWN_PROFILE = "seccomp-io_uring.json";

const NOTHING_TO_DO = "This platform does not let you change it. Another driver is used, and nothing is wrong.";

/** What to do about a cause. */
export function findRemedy(cause: IoUringCause, evidence: IoUringEvidence): WeighedRemedy | undefined {
  const { surroundings: seen } = evidence;
  switch (cause) {
    case "SECCOMP_ERRNO":
    case "SECCOMP_PARTIAL":
    case "SECCOMP_KILL":
    case "UNKNOWN_ENOSYS":
      return seccompRemedy(evidence, cause);
    case "SYSCTL_DISABLED":
    case "SYSCTL_GROUP":
      return sysctlRemedy(cause, seen);
    case "LSM":
      return {
        text: "Let the security module's policy allow io_uring to this process; its audit log names the rule.",
        command: "sudo ausearch -m avc -ts recent || sudo journalctl -k -g 'apparmor=.DENIED'",
        anchor: `${PAGE}#lsm`,
        risk: RISK,
      };
    case "MEMLOCK":
      return memlockRemedy(evidence);
    case "MEMCG":
      return { text: "Give the memory cgroup more room, or ask for fewer entries.", anchor: `${PAGE}#cgroup` };
    case "ADDRESS_SPACE":
      return {
        text: "Raise the limit on address space (ulimit -v), or ask for fewer entries.",
        anchor: `${PAGE}#cgroup`,
      };
    case "NOFILE":
      return {
        text: "Raise the limit on open files before the program starts.",
        command: "ulimit -n 65536",
        anchor: `${PAGE}#nofile`,
      };
    case "PIDS":
      return {
        text: "Raise the limit on processes: pids.max of the cgroup (docker run --pids-limit, TasksMax= of a unit) or ulimit -u.",
        anchor: `${PAGE}#cgroup`,
      };
    case "KERNEL_MISSING":
      return missingRemedy(seen);
    case "DENYLISTED_KERNEL":
      return {
        text: "Use a newer kernel. Where the distribution has mended this one, ask for the driver by name.",
        command: "export BATON_DRIVER=uring",
        anchor: `${PAGE}#kernel`,
      };
    case "KERNEL_TOO_OLD":
      return { text: "Use a newer kernel: 5.7 is the least, 6.1 or newer the best.", anchor: `${PAGE}#kernel` };
    case "GVISOR":
      return gvisorRemedy(seen);
    case "EMULATED_CPU":
      return {
        text: "Run an image made for this machine's own processor.",
        ...(isContainer(seen) ? { command: `docker run --platform linux/${otherArch(seen)} IMAGE` } : {}),
        anchor: `${PAGE}#emulated-cpu`,
      };
    case "OPERATION_DENIED":
      return {
        text: "Ask whoever set the restriction on this task's rings to allow the operations.",
        anchor: `${PAGE}#lsm`,
      };
    case "PROBE_OFF":
      return {
        text: "Take BATON_PROBE=off away; a seccomp filter that kills then kills a child process that asks, never the program.",
        command: "unset BATON_PROBE",
        anchor: `${PAGE}#asking`,
      };
    case "PROBE_UNSAFE":
      return {
        text: "Allow the program to make a process for this: a copy of its own (clone), which executes nothing.",
        anchor: `${PAGE}#seccomp`,
      };
    case "UNKNOWN_ERRNO":
      return { text: "Please report it, with the output of this command.", command: "npx baton doctor --json" };
  }
}

/** Where a recipe for seccomp exists, in the order in which surroundings are believed. */
function seccompRemedy({ surroundings: seen, entriesWanted }: IoUringEvidence, cause: IoUringCause): WeighedRemedy {
  const all = "these three calls, all of them: io_uring_setup, io_uring_enter and io_uring_register";
  // The same command removes the next obstacle.
  const short = memlockNeededBytes(seen, entriesWanted) > 0;
  const memlock = short ? ` --ulimit memlock=${MEMLOCK_ADVISED_BYTES}:${MEMLOCK_ADVISED_BYTES}` : "";
  const run = (tool: "docker" | "podman", profile: string) =>
    `npx baton seccomp --from ${profile} --out ${OWN_PROFILE} && ${tool} run --security-opt seccomp=${OWN_PROFILE}${memlock} IMAGE`;
  const fetch = `curl -fsSLo default.json ${DOCKER_PROFILE}`;
  const weighed = (text: string, command: string | undefined, anchor: string): WeighedRemedy => ({
    text,
    ...(command === undefined ? {} : { command }),
    anchor: `${PAGE}#${anchor}`,
    risk: RISK,
  });
  for (const { platform } of seen.hints) {
    switch (platform) {
      case "fargate":
      case "lambda":
      case "paas":
        return { text: NOTHING_TO_DO, anchor: `${PAGE}#${platform === "fargate" ? "fargate" : "no-remedy"}` };
      case "kubernetes":
        return weighed(
          `Put a Localhost profile on the nodes: the default one with ${all}.`,
          `${fetch} && npx baton seccomp --from default.json --kubernetes --out io_uring.json`,
          "kubernetes",
        );
      case "ecs":
        return weighed(`The daemon of the container instance must load a profile with ${all}.`, undefined, "ecs");
      case "podman":
        return weighed(
          `Run the container with Podman's own profile and ${all}.`,
          run("podman", PODMAN_PROFILE),
          "podman",
        );
      case "docker":
      case "docker-desktop":
        return weighed(
          `Run the container with Docker's own profile and ${all}.`,
          `${fetch} && ${run("docker", "default.json")}`,
          platform,
        );
      case "systemd":
        return weighed(
          `Allow ${all}, and let the filter answer with an error instead of killing.`,
          "systemctl edit UNIT   # [Service] SystemCallFilter=@aio  SystemCallErrorNumber=EPERM",
          "systemd",
        );
      default:
        break;
    }
  }
  return weighed(
    cause === "SECCOMP_KILL"
      ? `Whoever set the filter must allow ${all}, or answer with an error instead of killing.`
      : `Whoever set the filter must allow ${all}.`,
    undefined,
    "seccomp",
  );
}

function sysctlRemedy(cause: "SYSCTL_DISABLED" | "SYSCTL_GROUP", { sysctl }: Surroundings): WeighedRemedy {
  const group = cause === "SYSCTL_GROUP" && sysctl.group !== null && sysctl.group >= 0;
  return group
    ? {
        text: "Start the program as a member of that group (the number is the host's, in a container too).",
        command: `setpriv --groups ${sysctl.group} --reuid UID --regid GID PROGRAM`,
        anchor: `${PAGE}#sysctl`,
        risk: RISK,
      }
    : {
        text: "On the host, as root: switch io_uring on. It cannot be set from inside a container.",
        command: "sysctl -w kernel.io_uring_disabled=0",
        anchor: `${PAGE}#sysctl`,
        risk: RISK,
      };
}

function memlockRemedy({ surroundings: seen, entriesWanted }: IoUringEvidence): WeighedRemedy {
  const kib = Math.ceil(Math.max(MEMLOCK_ADVISED_BYTES, ringBytes(entriesWanted)) / 1024);
  const anchor = `${PAGE}#memlock`;
  const looksLike = (platform: Platform) => seen.hints.some((hint) => hint.platform === platform);
  const text = "Raise the limit on locked memory, to a number rather than to no limit.";
  if (looksLike("kubernetes")) {
    return { text: "Set LimitMEMLOCK on the nodes' container runtime, or use smaller rings.", anchor };
  }
  if (looksLike("podman")) return { text, command: `podman run --ulimit memlock=${kib * 1024} IMAGE`, anchor };
  if (isContainer(seen)) {
    return { text, command: `docker run --ulimit memlock=${kib * 1024}:${kib * 1024} IMAGE`, anchor };
  }
  if (looksLike("systemd")) {
    return { text, command: `systemctl edit UNIT   # [Service] LimitMEMLOCK=${kib}K`, anchor };
  }
  return { text, command: `sudo prlimit --memlock=${kib * 1024}:${kib * 1024} --pid $$`, anchor };
}

function missingRemedy(seen: Surroundings): WeighedRemedy {
  const platform = seen.hints.find((hint) => hint.platform === "wsl1" || hint.platform === "wsl2")?.platform;
  if (platform === "wsl1") {
    return {
      text: "Turn this distribution into WSL 2.",
      command: "wsl --set-version DISTRIBUTION 2",
      anchor: `${PAGE}#wsl2`,
    };
  }
  if (platform === "wsl2")
    return { text: "Update the kernel of WSL.", command: "wsl --update", anchor: `${PAGE}#wsl2` };
  if (seen.kernel.compiledIn?.yes === true) {
    return {
      text: "Run the program without what stands between it and the kernel (a tracer or an emulator).",
      anchor: `${PAGE}#kernel`,
    };
  }
  return { text: "Use a kernel that has io_uring (CONFIG_IO_URING=y), best 6.1 or newer.", anchor: `${PAGE}#kernel` };
}

function gvisorRemedy(seen: Surroundings): WeighedRemedy {
  const cloudRun = seen.hints.some((hint) => hint.platform === "cloud-run");
  return cloudRun
    ? {
        text: "The second generation of Cloud Run's execution environment is a virtual machine. io_uring there is not verified.",
        command: "gcloud run services update SERVICE --execution-environment=gen2",
        anchor: `${PAGE}#cloud-run`,
      }
    : { text: NOTHING_TO_DO, anchor: `${PAGE}#gvisor` };
}

const containerPlatforms: ReadonlySet<Platform> = new Set([
  "docker",
  "docker-desktop",
  "podman",
  "kubernetes",
  "container",
  "ecs",
  "orbstack",
]);

function isContainer(seen: Surroundings): boolean {
  return seen.hints.some((hint) => containerPlatforms.has(hint.platform));
}

/** The processor that is really there, by the name container images have for it. */
function otherArch(seen: Surroundings): string {
  return seen.arch === "x64" ? "arm64" : "amd64";
}
