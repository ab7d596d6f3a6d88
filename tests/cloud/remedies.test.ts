/**
 * What `baton doctor` says is to be done, in each kind of blocked container, done to the letter: then io_uring runs.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DetectReport } from "@baton-io/detect";
import { describe, expect, test } from "vitest";
import { builtCli } from "../../packages/detect/test/run-cli.js";
import { needsIoUring } from "../../packages/detect/test/seccomp/baseline.js";
import { type RealProfileName, realProfile } from "../../packages/detect/test/seccomp/profiles.js";
import {
  asDockerHandsOver,
  type ContainerOptions,
  runContainer,
  runcMissing,
} from "../../packages/detect/test/seccomp/runc.js";
import { page } from "./page.js";
import { runBlock } from "./sandbox.js";

async function doctor(options: ContainerOptions) {
  const { stdout, stderr } = await runContainer([process.execPath, builtCli(), "doctor", "--json"], options);
  expect(stderr).toBe("");
  const { chosen, drivers } = JSON.parse(stdout) as DetectReport;
  return { chosen, uring: drivers[0]! };
}

interface Surroundings {
  readonly looksLike: string;
  readonly profile: RealProfileName;
  /** What a program sees of its runtime, and what it may do. */
  readonly options: ContainerOptions;
  /** The profile that the command leaves behind, and how the runtime hands it to runc. */
  readonly made: string;
  readonly handedOver: (profile: Record<string, unknown>) => Record<string, unknown>;
}

const surroundings: readonly Surroundings[] = [
  {
    looksLike: "Docker",
    profile: "docker-29",
    options: { markers: ["/.dockerenv"] },
    made: "seccomp-io_uring.json",
    handedOver: asDockerHandsOver,
  },
  {
    looksLike: "Podman",
    profile: "podman",
    options: { markers: ["/run/.containerenv"] },
    made: "seccomp-io_uring.json",
    handedOver: asDockerHandsOver,
  },
  {
    looksLike: "Kubernetes",
    profile: "docker-29",
    options: { env: { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, uid: 65_534, capabilities: [] },
    made: "io_uring.json",
    // containerd takes the file as it is.
    handedOver: (profile) => profile,
  },
];

describe("the remedy that baton doctor gives in what looks like", () => {
  for (const { looksLike, profile, options, made, handedOver } of surroundings) {
    test(`${looksLike} turns io_uring on, and its anchor is on the page`, async (context) => {
      const reason = runcMissing();
      if (reason !== undefined) context.skip(reason);
      await needsIoUring(context);
      const real = { docker: realProfile("docker-29", context.skip), podman: realProfile("podman", context.skip) };
      const blocked = asDockerHandsOver(JSON.parse(realProfile(profile, context.skip)), options.capabilities);
      const { chosen, uring } = await doctor({ ...options, seccomp: blocked });
      expect({ chosen, cause: uring.cause }).toEqual({ chosen: "epoll", cause: "SECCOMP_ERRNO" });
      expect(uring.evidence.some(({ value }) => value.includes(looksLike))).toBe(true);
      const [path, anchor] = uring.remedy!.anchor!.split("#");
      expect(path).toBe(page.path);
      expect([...page.anchors]).toContain(anchor);

      using sandbox = runBlock(uring.remedy!.command!, real);
      expect(sandbox.code, sandbox.output).toBe(0);
      const opened = handedOver(JSON.parse(readFileSync(join(sandbox.directory, made), "utf8")));
      const after = await doctor({ ...options, seccomp: opened });
      expect({ chosen: after.chosen, cause: after.uring.cause }).toEqual({ chosen: "uring", cause: "OK" });
    });
  }
});
