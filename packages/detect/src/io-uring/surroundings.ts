/**
 * Gathers what can be read without asking the kernel for a ring: a dozen small files, well under a millisecond each.
 */
import { gunzipSync } from "node:zlib";
import type { Limit, Surroundings } from "./evidence.js";
import { readHints } from "./hints.js";
import {
  isInitialIdMap,
  mapIds,
  parseCgroupLimit,
  parseCgroupPath,
  parseInteger,
  parseSoftLimit,
  parseStatus,
} from "./proc-files.js";
import type { EvidenceSources } from "./sources.js";

/** gVisor's `/proc/version` has had this date since 2018, whatever release it claims to be. */
const GVISOR_BUILD_DATE = "Sun Jan 10 15:06:54 PST 2016";

/** Gathers it all. */
export function readSurroundings(sources: EvidenceSources): Surroundings {
  const status = parseStatus(sources.readText("/proc/self/status") ?? "");
  // A filter may be of one thread alone, and a worker's is not that of the process's first thread.
  const own = parseStatus(sources.readText("/proc/thread-self/status") ?? "");
  const ofThread = (field: string) => parseInteger(own.get(field) ?? status.get(field));
  const release = sources.readText("/proc/sys/kernel/osrelease")?.trim() ?? null;
  const sysctl = (name: string) => parseInteger(sources.readText(`/proc/sys/kernel/${name}`));
  const limits = sources.readText("/proc/self/limits");
  const capabilities = status.get("CapEff") ?? null;
  const links = sources.readLinks("/proc/self/fd");
  return {
    platform: sources.platform,
    arch: sources.arch,
    runtime: sources.runtime,
    libuv: sources.versions["uv"] ?? null,
    kernel: { release, compiledIn: readCompiledIn(sources) },
    seccomp: { mode: ofThread("Seccomp"), filters: ofThread("Seccomp_filters") },
    sysctl: {
      disabled: sysctl("io_uring_disabled"),
      group: sysctl("io_uring_group"),
      apparmorRestrict: sysctl("apparmor_restrict_unprivileged_io_uring"),
    },
    identity: readIdentity(sources, status),
    sandbox: { gvisor: readGvisor(sources, release), emulator: null, tracer: parseInteger(status.get("TracerPid")) },
    limits: {
      memlockBytes: parseSoftLimit(limits, "Max locked memory"),
      openFiles: parseSoftLimit(limits, "Max open files"),
      addressSpaceBytes: parseSoftLimit(limits, "Max address space"),
      processes: parseSoftLimit(limits, "Max processes"),
    },
    cgroup: readCgroup(sources),
    lsm: {
      label: readLabel(sources),
      modules: sources.readText("/sys/kernel/security/lsm")?.trim() ?? null,
    },
    descriptors: {
      open: links?.length ?? null,
      rings: links?.filter((link) => link === "anon_inode:[io_uring]").length ?? null,
    },
    hints: readHints(sources, release ?? "", capabilities),
  };
}

function readIdentity(sources: EvidenceSources, status: ReadonlyMap<string, string>): Surroundings["identity"] {
  // Real, effective, saved, file system: what counts with the sysctl is the effective one.
  const gid = parseInteger(status.get("Gid")?.split(/\s+/)[1]);
  const groups = (status.get("Groups") ?? "").split(/\s+/).flatMap((group) => parseInteger(group) ?? []);
  const all = gid === null ? groups : [gid, ...groups];
  const initialUserNamespace = isInitialIdMap(sources.readText("/proc/self/uid_map"));
  return {
    uid: parseInteger(status.get("Uid")?.split(/\s+/)[1]),
    gid,
    groups,
    capabilities: status.get("CapEff") ?? null,
    initialUserNamespace,
    outerGroups: [...new Set(mapIds(all, initialUserNamespace ? undefined : sources.readText("/proc/self/gid_map")))],
  };
}

/** Markers that cost nothing to look for. */
function readCompiledIn(sources: EvidenceSources): Surroundings["kernel"]["compiledIn"] {
  if (sources.exists("/proc/sys/kernel/io_uring_disabled")) return { yes: true, marker: "kernel.io_uring_disabled" };
  if (sources.exists("/sys/kernel/slab/io_kiocb")) return { yes: true, marker: "/sys/kernel/slab/io_kiocb" };
  return null;
}

/** How far a question may go. */
export type Depth =
  /** Within 20 ms: when a program starts. */
  | "quick"
  /** A person asked: `/proc/kallsyms` is read too, which takes up to 90 ms. */
  | "thorough";

/** Looks further, when the kernel says that there is no io_uring and it matters who says so. */
export function lookFurther(sources: EvidenceSources, seen: Surroundings, depth: Depth): Surroundings {
  return {
    ...seen,
    kernel: { ...seen.kernel, compiledIn: seen.kernel.compiledIn ?? lookForKernel(sources, depth) },
    // Not at first sight: on a large machine this file alone takes milliseconds.
    sandbox: { ...seen.sandbox, emulator: readEmulator(sources) },
  };
}

function lookForKernel(sources: EvidenceSources, depth: Depth): Surroundings["kernel"]["compiledIn"] {
  const cheap = readKernelConfig(sources);
  if (cheap !== null || depth === "quick") return cheap;
  // Addresses are zeroed for ordinary users, names are not. Not `__x64_sys_io_uring_setup`: that may be a stub.
  const symbols = sources.readText("/proc/kallsyms");
  if (symbols === undefined || symbols === "") return null;
  return { yes: /\sio_uring_setup$/m.test(symbols), marker: "/proc/kallsyms" };
}

function readKernelConfig(sources: EvidenceSources): Surroundings["kernel"]["compiledIn"] {
  const packed = sources.readBytes("/proc/config.gz");
  if (packed === undefined) return null;
  try {
    const config = gunzipSync(packed).toString("latin1");
    return { yes: /^CONFIG_IO_URING=y$/m.test(config), marker: "/proc/config.gz" };
  } catch {
    return null;
  }
}

function readGvisor(sources: EvidenceSources, release: string | null): string | null {
  const version = sources.readText("/proc/version");
  if (version?.includes(GVISOR_BUILD_DATE)) return `/proc/version: ${version.trim()}`;
  if (release !== null && /gvisor/i.test(release)) return `kernel ${release}`;
  return sources.exists("/proc/gvisor") ? "/proc/gvisor" : null;
}

/** A processor of another make than the program is for: qemu-user or Rosetta run it, and answer system calls. */
function readEmulator(sources: EvidenceSources): string | null {
  const processor = sources.readText("/proc/cpuinfo") ?? "";
  if (sources.arch === "x64" && /VirtualApple/.test(processor)) return "/proc/cpuinfo: VirtualApple (Rosetta)";
  if (sources.arch === "x64" && /^CPU implementer/m.test(processor)) return "/proc/cpuinfo: an Arm processor";
  if (sources.arch === "arm64" && /^vendor_id/m.test(processor)) return "/proc/cpuinfo: an x86 processor";
  return null;
}

function readLabel(sources: EvidenceSources): string | null {
  // Ends with a zero byte under SELinux.
  const label = sources.readText("/proc/self/attr/current")?.replaceAll("\0", "").trim();
  return label === undefined || label === "" ? null : label;
}

/** Names of the files with the limit and with the use. */
type FilePair = readonly [string, string];

/** The tightest limit on the way from this process's group up to the root, and the use of that group. */
function readCgroup(sources: EvidenceSources): Surroundings["cgroup"] {
  const groups = sources.readText("/proc/self/cgroup");
  const controller = (name: string, files: { readonly v1: FilePair; readonly v2: FilePair }) => {
    const v1 = parseCgroupPath(groups, name);
    return v1 === null
      ? tightest(sources, "/sys/fs/cgroup", parseCgroupPath(groups, "") ?? "/", files.v2)
      : tightest(sources, `/sys/fs/cgroup/${name}`, v1, files.v1);
  };
  const memory = controller("memory", {
    v1: ["memory.limit_in_bytes", "memory.usage_in_bytes"],
    v2: ["memory.max", "memory.current"],
  });
  const pids = controller("pids", { v1: ["pids.max", "pids.current"], v2: ["pids.max", "pids.current"] });
  return { memoryBytesMax: memory.max, memoryBytes: memory.current, pidsMax: pids.max, pids: pids.current };
}

function tightest(
  sources: EvidenceSources,
  mount: string,
  path: string,
  [maxFile, currentFile]: FilePair,
): { readonly max: Limit; readonly current: number | null } {
  let found: { readonly max: Limit; readonly current: number | null } = { max: null, current: null };
  // In a container the own group is mounted at the root, and the path may lead nowhere.
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  for (let depth = parts.length; depth >= 0; depth--) {
    const directory = [mount, ...parts.slice(0, depth)].join("/");
    const max = parseCgroupLimit(sources.readText(`${directory}/${maxFile}`));
    if (max === null) continue;
    const current = parseInteger(sources.readText(`${directory}/${currentFile}`));
    if (found.max === null || headroom(max, current) < headroom(found.max, found.current)) found = { max, current };
  }
  return found;
}

/** What is left under a limit; infinite where there is none. */
export function headroom(max: Limit, current: number | null): number {
  return typeof max === "number" ? max - (current ?? 0) : Number.POSITIVE_INFINITY;
}
