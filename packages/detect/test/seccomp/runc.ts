/**
 * Containers without a daemon: a bundle of the OCI made here, run by runc with a seccomp profile as Docker, Podman and
 * containerd would hand it over. The container sees this system's `/usr`, Node and the checkout, all read-only, has
 * namespaces of its own, and nobody's network but its loopback.
 */
import { execFile, execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { dockerCapabilities } from "../../src/seccomp/target.js";

type Json = { readonly [key: string]: unknown };

/** The checkout; it has the same path inside. */
export const root: string = fileURLToPath(new URL("../../../../", import.meta.url)).replace(/\/$/, "");
const CONTAINER_LIMIT_MS = 18_000;

export interface ContainerOptions {
  /** `linux.seccomp` of the bundle; none: no filter. */
  readonly seccomp?: Json;
  /** Default: those of a container of Docker. */
  readonly capabilities?: readonly string[];
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Empty files that are there, by absolute path: what a runtime leaves for programs to recognise it by. */
  readonly markers?: readonly string[];
}

export interface ContainerResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let whyNot: string | undefined | null = null;

/** Why no container can be run here; `undefined` when one can. Asked once. */
export function runcMissing(): string | undefined {
  if (whyNot === null) whyNot = findOut();
  return whyNot;
}

function findOut(): string | undefined {
  if (process.platform !== "linux") return "runc is of Linux";
  if (!["x64", "arm64"].includes(process.arch)) return "profiles are made for amd64 and arm64";
  if (process.getuid?.() !== 0) return "needs root, for runc";
  try {
    execFileSync("runc", ["--version"], { stdio: "pipe" });
  } catch {
    return "needs runc";
  }
  const bundle = makeBundle(["/bin/true"], {});
  try {
    execFileSync("runc", ["run", "--bundle", bundle, containerId()], { stdio: "pipe", timeout: CONTAINER_LIMIT_MS });
    return undefined;
  } catch (error) {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    return `runc cannot run a container here: ${output.trim().split("\n").at(-1)}`;
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

/** Runs a command in a new container to its end. */
export async function runContainer(command: readonly string[], options: ContainerOptions): Promise<ContainerResult> {
  const bundle = makeBundle(command, options);
  const id = containerId();
  try {
    return await run(bundle, id);
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

function run(bundle: string, id: string): Promise<ContainerResult> {
  const limits = { timeout: CONTAINER_LIMIT_MS, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024 } as const;
  return new Promise((resolve) => {
    execFile("runc", ["run", "--bundle", bundle, id], limits, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      const finish = () => resolve({ code, stdout, stderr });
      // What was cut short leaves its container running.
      if (error?.killed === true) execFile("runc", ["delete", "--force", id], finish);
      else finish();
    });
  });
}

function containerId(): string {
  return `baton-test-${randomUUID()}`;
}

function makeBundle(command: readonly string[], options: ContainerOptions): string {
  const bundle = mkdtempSync(join(tmpdir(), "baton-bundle-"));
  const rootfs = join(bundle, "rootfs");
  for (const name of ["proc", "dev", "tmp", "sys"]) mkdirSync(join(rootfs, name), { recursive: true });
  // A tmpfs takes the mode of where it is mounted.
  chmodSync(join(rootfs, "tmp"), 0o1777);
  const shared = ["/usr", "/bin", "/lib", "/lib64", dirname(process.execPath), root];
  const mounted: string[] = [];
  for (const path of shared) {
    if (!existsSync(path) || mounted.some((above) => path === above || path.startsWith(`${above}/`))) continue;
    const link = lstatSync(path).isSymbolicLink();
    if (link) symlinkSync(readlinkSync(path), join(rootfs, path));
    else mkdirSync(join(rootfs, path), { recursive: true });
    if (!link) mounted.push(path);
  }
  for (const path of options.markers ?? []) {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    writeFileSync(join(rootfs, path), "");
  }
  writeFileSync(join(bundle, "config.json"), JSON.stringify(ociConfig(command, options, mounted)));
  return bundle;
}

function ociConfig(command: readonly string[], options: ContainerOptions, shared: readonly string[]): Json {
  const { seccomp, uid = 0, capabilities = dockerCapabilities, env = {} } = options;
  const held = { bounding: capabilities, effective: capabilities, permitted: capabilities };
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid, gid: uid },
      args: command,
      env: [
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "HOME=/tmp",
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ],
      cwd: "/",
      capabilities: held,
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "baton-test",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "ro"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=1777", "size=65536k"] },
      ...shared.map((path) => ({ destination: path, type: "none", source: path, options: ["rbind", "ro"] })),
    ],
    linux: {
      namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  };
}

/**
 * What dockerd and Podman hand to runc for a profile in their format: another reader of conditions than the one under
 * test, so that a mistake of the one shows by the other.
 */
export function asDockerHandsOver(profile: Json, capabilities: readonly string[] = dockerCapabilities): Json {
  const [goArch, scmpArch] = process.arch === "arm64" ? ["arm64", "SCMP_ARCH_AARCH64"] : ["amd64", "SCMP_ARCH_X86_64"];
  const groups = (profile["archMap"] ?? []) as { architecture: string; subArchitectures: string[] | null }[];
  const group = groups.find(({ architecture }) => architecture === scmpArch);
  const syscalls = (profile["syscalls"] as DockerRule[]).filter(({ includes, excludes }) => {
    if (includes?.arches?.length && !includes.arches.includes(goArch!)) return false;
    if (includes?.caps?.some((name) => !capabilities.includes(name))) return false;
    if (includes?.minKernel && Number.parseFloat(includes.minKernel) > Number.parseFloat(release())) return false;
    return !excludes?.arches?.includes(goArch!) && !excludes?.caps?.some((name) => capabilities.includes(name));
  });
  return {
    defaultAction: profile["defaultAction"],
    defaultErrnoRet: profile["defaultErrnoRet"],
    architectures: group === undefined ? [scmpArch] : [scmpArch, ...(group.subArchitectures ?? [])],
    syscalls: syscalls.map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...(args?.length ? { args } : {}),
      ...(errnoRet === undefined || errnoRet === null ? {} : { errnoRet }),
    })),
  };
}

interface DockerFilter {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  readonly minKernel?: string;
}

interface DockerRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly object[] | null;
  readonly errnoRet?: number | null;
  readonly includes?: DockerFilter | null;
  readonly excludes?: DockerFilter | null;
}
