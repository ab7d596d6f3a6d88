import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERRNO } from "@baton-io/core/driver";
import { describe, expect, test } from "vitest";
import { type IoUringCause, ioUringCauses } from "../../src/io-uring/cause-table.js";
import type { Platform } from "../../src/io-uring/evidence.js";
import { findRemedy } from "../../src/io-uring/remedies.js";
import { type Changes, evidence, hint, refused } from "./fixtures.js";

const { EPERM } = ERRNO;
const causes = Object.keys(ioUringCauses) as IoUringCause[];
const platforms: readonly Platform[] = [
  "docker",
  "docker-desktop",
  "podman",
  "kubernetes",
  "container",
  "systemd",
  "ecs",
  "fargate",
  "lambda",
  "cloud-run",
  "github-actions",
  "wsl1",
  "wsl2",
  "orbstack",
  "rhel",
  "paas",
];

const remedy = (cause: IoUringCause, changes: Changes = {}) =>
  findRemedy(cause, evidence(refused(EPERM, EPERM, EPERM), changes));
const on = (...found: Platform[]): Changes => ({ hints: found.map((platform) => hint(platform)) });

/** Headings as the anchors they are linked by. */
function anchorsOf(page: string): readonly string[] {
  const path = fileURLToPath(new URL(`../../../../${page}`, import.meta.url));
  if (!existsSync(path)) return [];
  return [...readFileSync(path, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe("a remedy", () => {
  const all = causes.flatMap((cause) => [undefined, ...platforms].map((platform) => [cause, platform] as const));

  test("is there for every cause everywhere, and its anchors lead somewhere", () => {
    const known = anchorsOf("docs/CLOUD_SETUP.md");
    for (const [cause, platform] of all) {
      const found = remedy(cause, platform === undefined ? {} : on(platform));
      expect(found?.text, `${cause} on ${platform}`).toMatch(/^[A-Z].*\.$/);
      for (const anchor of [found?.anchor, found?.risk]) {
        if (anchor === undefined) continue;
        expect(anchor).toMatch(/^docs\/CLOUD_SETUP\.md#/);
        expect(known, `${cause} on ${platform}`).toContain(anchor.slice(anchor.indexOf("#") + 1));
      }
    }
  });

  test("never takes protection away altogether, and asks for a number where a limit is raised", () => {
    for (const [cause, platform] of all) {
      const text = JSON.stringify(remedy(cause, platform === undefined ? {} : on(platform)));
      expect(text).not.toMatch(/privileged|unconfined|memlock=-1|unlimited/i);
    }
  });

  test("that lets io_uring through a gate says where its risk is described", () => {
    for (const cause of ["SECCOMP_ERRNO", "SECCOMP_PARTIAL", "SYSCTL_DISABLED", "SYSCTL_GROUP", "LSM"] as const) {
      expect(remedy(cause)?.risk).toBe("docs/CLOUD_SETUP.md#security");
    }
    for (const cause of ["MEMLOCK", "NOFILE", "KERNEL_MISSING", "GVISOR"] as const) {
      expect(remedy(cause)?.risk).toBeUndefined();
    }
  });
});

describe("against a seccomp filter", () => {
  const command = (changes: Changes) => remedy("SECCOMP_ERRNO", changes)?.command ?? "";

  test("in Docker: Docker's own profile, the tool that adds three calls, and the run", () => {
    expect(command(on("docker"))).toMatch(
      /^curl .*moby\/profiles\/seccomp\/v[\d.]+\/.* && npx baton seccomp --from default\.json /,
    );
    expect(command(on("docker"))).toMatch(/ && docker run --security-opt seccomp=seccomp-io_uring\.json IMAGE$/);
  });

  test("with too little locked memory behind it: one command mends both", () => {
    const short = command({ ...on("docker"), limits: { memlockBytes: 65_536 } });
    expect(short).toContain("--ulimit memlock=67108864:67108864 IMAGE");
    expect(command(on("docker"))).not.toContain("memlock");
  });

  test("in Podman: Podman's own profile", () => {
    expect(command(on("podman"))).toContain("--from /usr/share/containers/seccomp.json");
    expect(command(on("podman"))).toContain("podman run --security-opt");
  });

  test("in Kubernetes: the form its runtime can read, even when it looks like Docker as well", () => {
    expect(command(on("kubernetes", "docker"))).toContain("--kubernetes");
  });

  test("on Fargate: nothing to be done, and it says that nothing is wrong", () => {
    const found = remedy("SECCOMP_ERRNO", on("fargate", "docker"));
    expect(found).toEqual({
      text: "This platform does not let you change it. Another driver is used, and nothing is wrong.",
      anchor: "docs/CLOUD_SETUP.md#fargate",
    });
  });

  test("in a systemd unit: the filter is told to answer instead of killing", () => {
    expect(command(on("systemd"))).toContain("SystemCallErrorNumber=EPERM");
  });

  test("where nothing is recognised: all three calls are named", () => {
    expect(remedy("SECCOMP_PARTIAL")?.text).toContain("io_uring_setup, io_uring_enter and io_uring_register");
  });
});

describe("against other causes", () => {
  test("a group that is set is to be joined, one that is not set means the sysctl", () => {
    expect(remedy("SYSCTL_GROUP", { sysctl: { disabled: 1, group: 4000 } })?.command).toContain("--groups 4000");
    expect(remedy("SYSCTL_GROUP", { sysctl: { disabled: 1, group: -1 } })?.command).toContain("io_uring_disabled=0");
  });

  test("locked memory is raised where the process was started", () => {
    expect(remedy("MEMLOCK")?.command).toBe("sudo prlimit --memlock=67108864:67108864 --pid $$");
    expect(remedy("MEMLOCK", on("docker"))?.command).toContain("docker run --ulimit memlock=67108864:67108864");
    expect(remedy("MEMLOCK", on("podman"))?.command).toContain("podman run");
    expect(remedy("MEMLOCK", on("systemd"))?.command).toContain("LimitMEMLOCK=65536K");
    expect(remedy("MEMLOCK", on("kubernetes"))?.command).toBeUndefined();
  });

  test("WSL is updated, or turned into its second version", () => {
    expect(remedy("KERNEL_MISSING", on("wsl2"))?.command).toBe("wsl --update");
    expect(remedy("KERNEL_MISSING", on("wsl1"))?.command).toContain("--set-version");
  });

  test("an emulated processor wants an image for the real one", () => {
    expect(remedy("EMULATED_CPU", on("docker"))?.command).toContain("--platform linux/arm64");
    expect(remedy("EMULATED_CPU", { arch: "arm64", ...on("docker") })?.command).toContain("--platform linux/amd64");
  });

  test("gVisor on Cloud Run has another generation, elsewhere there is nothing to be done", () => {
    expect(remedy("GVISOR", on("cloud-run"))?.command).toContain("--execution-environment=gen2");
    expect(remedy("GVISOR")?.command).toBeUndefined();
  });
});
