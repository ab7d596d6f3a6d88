import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Surroundings } from "../../src/io-uring/evidence.js";
import { lookFurther, readSurroundings } from "../../src/io-uring/surroundings.js";
import { limitsText, procTree, statusText } from "./proc-tree.js";

function read(...tree: Parameters<typeof procTree>): Surroundings {
  using made = procTree(...tree);
  return readSurroundings(made.sources);
}

function readFurther(depth: "quick" | "thorough", ...tree: Parameters<typeof procTree>): Surroundings {
  using made = procTree(...tree);
  return lookFurther(made.sources, readSurroundings(made.sources), depth);
}

const platforms = (seen: Surroundings) => seen.hints.map((hint) => `${hint.platform}: ${hint.marker}`);

describe("what is read of the surroundings", () => {
  test("on a plain machine", () => {
    expect(read()).toEqual({
      platform: "linux",
      arch: "x64",
      runtime: "Node 20.20.2",
      libuv: "1.46.0",
      kernel: { release: "6.12.0-1-amd64", compiledIn: { yes: true, marker: "kernel.io_uring_disabled" } },
      seccomp: { mode: 0, filters: 0 },
      sysctl: { disabled: 0, group: -1, apparmorRestrict: null },
      identity: {
        uid: 1000,
        gid: 1000,
        groups: [4, 27, 1000],
        capabilities: "0000000000000000",
        initialUserNamespace: true,
        outerGroups: [1000, 4, 27],
      },
      sandbox: { gvisor: null, emulator: null, tracer: 0 },
      limits: { memlockBytes: 8_388_608, openFiles: 1024, addressSpaceBytes: "unlimited", processes: 30_000 },
      cgroup: { memoryBytesMax: null, memoryBytes: null, pidsMax: null, pids: null },
      lsm: { label: null, modules: null },
      descriptors: { open: 3, rings: 0 },
      hints: [],
    } satisfies Surroundings);
  });

  test("where nothing can be read, nothing is known and nothing throws", () => {
    const none = Object.fromEntries(
      [
        "proc/self/status",
        "proc/self/limits",
        "proc/self/uid_map",
        "proc/self/cgroup",
        "proc/self/mountinfo",
        "proc/sys/kernel/osrelease",
        "proc/sys/kernel/io_uring_disabled",
        "proc/sys/kernel/io_uring_group",
        "proc/version",
      ].map((path) => [path, null]),
    );
    const seen = read(none);
    expect(seen.kernel).toEqual({ release: null, compiledIn: null });
    expect(seen.seccomp).toEqual({ mode: null, filters: null });
    expect(seen.limits).toEqual({ memlockBytes: null, openFiles: null, addressSpaceBytes: null, processes: null });
    expect(seen.hints).toEqual([]);
  });

  test("the effective user and group count, not the real ones", () => {
    const { identity } = read({ "proc/self/status": statusText({ Uid: "0\t7\t0\t7", Gid: "0\t8\t0\t8", Groups: "" }) });
    expect(identity).toMatchObject({ uid: 7, gid: 8, groups: [] });
  });

  test("a user namespace shows in its map", () => {
    expect(read({ "proc/self/uid_map": "0 100000 65536\n" }).identity.initialUserNamespace).toBe(false);
  });

  // mutant: own-group-compared-with-the-hosts
  test("groups of a user namespace have the numbers of the one around it, as far as they are mapped", () => {
    const { identity } = read({
      "proc/self/status": statusText({ Gid: "0\t0\t0\t0", Groups: "0 4 4000 65534" }),
      "proc/self/uid_map": "0 100000 65536\n",
      "proc/self/gid_map": "         0     100000       1000\n      4000       7000          1\n",
    });
    expect(identity).toMatchObject({ gid: 0, groups: [0, 4, 4000, 65_534], outerGroups: [100_000, 100_004, 7000] });
  });

  test("the soft limits, also without limit", () => {
    const { limits } = read({
      "proc/self/limits": limitsText.replace(
        "Max locked memory         8388608 ",
        "Max locked memory         unlimited ",
      ),
    });
    expect(limits.memlockBytes).toBe("unlimited");
  });

  test("the rings that the runtime made for itself", () => {
    const seen = read({}, { descriptors: ["/dev/null", "anon_inode:[io_uring]", "anon_inode:[io_uring]"] });
    expect(seen.descriptors).toEqual({ open: 3, rings: 2 });
  });

  test("a security module's label, with the zero byte that SELinux ends it with", () => {
    expect(read({ "proc/self/attr/current": "system_u:system_r:container_t:s0\0" }).lsm.label).toBe(
      "system_u:system_r:container_t:s0",
    );
    expect(read({ "proc/self/attr/current": "docker-default (enforce)\n" }).lsm.label).toBe("docker-default (enforce)");
  });
});

describe("a cgroup's limits", () => {
  test("v2: the tightest on the way up counts", () => {
    const { cgroup } = read({
      "sys/fs/cgroup/user.slice/session-1.scope/memory.max": "max\n",
      "sys/fs/cgroup/user.slice/session-1.scope/memory.current": "5000\n",
      "sys/fs/cgroup/user.slice/memory.max": "1000000\n",
      "sys/fs/cgroup/user.slice/memory.current": "900000\n",
      "sys/fs/cgroup/user.slice/session-1.scope/pids.max": "64\n",
      "sys/fs/cgroup/user.slice/session-1.scope/pids.current": "60\n",
    });
    expect(cgroup).toEqual({ memoryBytesMax: 1_000_000, memoryBytes: 900_000, pidsMax: 64, pids: 60 });
  });

  test("v1: the controller has its own hierarchy, and its largest number is no limit", () => {
    const { cgroup } = read({
      "proc/self/cgroup": "4:memory:/job\n3:cpu,pids:/\n0::/\n",
      "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1536000\n",
      "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "1000\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    });
    expect(cgroup).toMatchObject({ memoryBytesMax: 1_536_000, memoryBytes: 1000 });
  });

  test("in a container, where the path leads nowhere, its own group is at the root", () => {
    const { cgroup } = read({
      "proc/self/cgroup": "0::/../../kubepods/pod1\n",
      "sys/fs/cgroup/memory.max": "33554432\n",
      "sys/fs/cgroup/memory.current": "20000000\n",
    });
    expect(cgroup).toMatchObject({ memoryBytesMax: 33_554_432, memoryBytes: 20_000_000 });
  });
});

describe("who stands in for the kernel", () => {
  const old = "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n";

  test("gVisor shows in its version, whatever release it claims, or in its release, or in its directory", () => {
    expect(read({ "proc/version": old }).sandbox.gvisor).toContain("Sun Jan 10 15:06:54 PST 2016");
    expect(read({ "proc/sys/kernel/osrelease": "4.19.0-gvisor\n" }).sandbox.gvisor).toBe("kernel 4.19.0-gvisor");
    expect(read({ "proc/gvisor/kernel_is_gvisor": "" }).sandbox.gvisor).toBe("/proc/gvisor");
    expect(read().sandbox.gvisor).toBeNull();
  });

  test("a tracer shows in the status", () => {
    expect(read({ "proc/self/status": statusText({ TracerPid: "42" }) }).sandbox.tracer).toBe(42);
  });

  test("an emulated processor shows in /proc/cpuinfo, on the second look", () => {
    const arm = { "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x61\n" };
    const intel = { "proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\n" };
    const apple = { "proc/cpuinfo": "processor\t: 0\nvendor_id\t: VirtualApple\n" };
    expect(read(arm).sandbox.emulator).toBeNull();
    expect(readFurther("quick", arm).sandbox.emulator).toContain("Arm");
    expect(readFurther("quick", arm, { arch: "arm64" }).sandbox.emulator).toBeNull();
    expect(readFurther("quick", intel).sandbox.emulator).toBeNull();
    expect(readFurther("quick", intel, { arch: "arm64" }).sandbox.emulator).toContain("x86");
    expect(readFurther("quick", apple).sandbox.emulator).toContain("Rosetta");
  });
});

describe("whether the kernel has io_uring", () => {
  const without = { "proc/sys/kernel/io_uring_disabled": null, "proc/sys/kernel/io_uring_group": null };
  const config = (value: string) => gzipSync(`CONFIG_AIO=y\n${value}\nCONFIG_IO_WQ=y\n`);
  const symbols = "0000000000000000 T io_submit_one\n0000000000000000 t io_uring_setup\n";

  test("the sysctl's file or the slab's directory shows it, at no cost", () => {
    expect(read().kernel.compiledIn?.marker).toBe("kernel.io_uring_disabled");
    expect(read({ ...without, "sys/kernel/slab/io_kiocb/slabs": "1" }).kernel.compiledIn).toEqual({
      yes: true,
      marker: "/sys/kernel/slab/io_kiocb",
    });
    expect(read(without).kernel.compiledIn).toBeNull();
  });

  test("the kernel's configuration tells either way, on the second look", () => {
    const yes = readFurther("quick", { ...without, "proc/config.gz": config("CONFIG_IO_URING=y") });
    expect(yes.kernel.compiledIn).toEqual({ yes: true, marker: "/proc/config.gz" });
    const no = readFurther("quick", { ...without, "proc/config.gz": config("# CONFIG_IO_URING is not set") });
    expect(no.kernel.compiledIn).toEqual({ yes: false, marker: "/proc/config.gz" });
    expect(readFurther("quick", { ...without, "proc/config.gz": "not packed" }).kernel.compiledIn).toBeNull();
  });

  test("the kernel's symbols tell, but only when a person asked", () => {
    const files = { ...without, "proc/kallsyms": symbols };
    expect(readFurther("quick", files).kernel.compiledIn).toBeNull();
    expect(readFurther("thorough", files).kernel.compiledIn).toEqual({ yes: true, marker: "/proc/kallsyms" });
  });

  test("the entry point of a system call that is not there is no symbol of io_uring", () => {
    const files = { ...without, "proc/kallsyms": "0000000000000000 W __x64_sys_io_uring_setup\n" };
    expect(readFurther("thorough", files).kernel.compiledIn).toEqual({ yes: false, marker: "/proc/kallsyms" });
  });
});

describe("what the surroundings look like", () => {
  const hints: readonly (readonly [string, Parameters<typeof procTree>])[] = [
    ["docker: /.dockerenv", [{ ".dockerenv": "" }]],
    ["podman: /run/.containerenv", [{ "run/.containerenv": "" }]],
    ["podman: container=podman", [{}, { env: { container: "podman" } }]],
    ["kubernetes: KUBERNETES_SERVICE_HOST", [{}, { env: { KUBERNETES_SERVICE_HOST: "10.0.0.1" } }]],
    ["fargate: AWS_EXECUTION_ENV=AWS_ECS_FARGATE", [{}, { env: { AWS_EXECUTION_ENV: "AWS_ECS_FARGATE" } }]],
    ["ecs: ECS_CONTAINER_METADATA_URI_V4", [{}, { env: { ECS_CONTAINER_METADATA_URI_V4: "http://x" } }]],
    ["lambda: AWS_LAMBDA_FUNCTION_NAME", [{}, { env: { AWS_LAMBDA_FUNCTION_NAME: "f" } }]],
    ["cloud-run: K_SERVICE", [{}, { env: { K_SERVICE: "web" } }]],
    ["github-actions: GITHUB_ACTIONS", [{}, { env: { GITHUB_ACTIONS: "true" } }]],
    ["paas: DYNO", [{}, { env: { DYNO: "web.1" } }]],
    ["systemd: INVOCATION_ID", [{}, { env: { INVOCATION_ID: "0123" } }]],
    [
      "wsl2: kernel 5.15.90.1-microsoft-standard-WSL2",
      [{ "proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2\n" }],
    ],
    ["wsl1: kernel 4.4.0-19041-Microsoft", [{ "proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n" }]],
    ["docker-desktop: kernel 6.10.14-linuxkit", [{ "proc/sys/kernel/osrelease": "6.10.14-linuxkit\n" }]],
    ["orbstack: kernel 6.11.2-orbstack-1", [{ "proc/sys/kernel/osrelease": "6.11.2-orbstack-1\n" }]],
    ["rhel: kernel 5.14.0-362.el9.x86_64", [{ "proc/sys/kernel/osrelease": "5.14.0-362.el9.x86_64\n" }]],
    ["container: CapEff 00000000a80425fb", [{ "proc/self/status": statusText({ CapEff: "00000000a80425fb" }) }]],
    [
      "container: / is an overlay",
      [{ "proc/self/mountinfo": "600 500 0:51 / / rw - overlay overlay rw,lowerdir=x\n" }],
    ],
  ];

  test.each(hints)("%s", (expected, tree) => {
    expect(platforms(read(...tree))).toEqual([expected]);
  });

  test("the most telling comes first: Kubernetes before the container it is made of", () => {
    const seen = read({ ".dockerenv": "" }, { env: { KUBERNETES_SERVICE_HOST: "10.0.0.1" } });
    expect(platforms(seen)).toEqual(["kubernetes: KUBERNETES_SERVICE_HOST", "docker: /.dockerenv"]);
  });
});
