/** Every command on the page is one that its tool knows, and what can be run here is run, to the letter. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DetectReport } from "@baton-io/detect";
import { describe, expect, type TestContext, test } from "vitest";
import { asContainerdReads } from "../../packages/detect/src/seccomp/flatten.js";
import { judgeProfile } from "../../packages/detect/src/seccomp/judge.js";
import { parseProfile } from "../../packages/detect/src/seccomp/parse.js";
import { dockerCapabilities } from "../../packages/detect/src/seccomp/target.js";
import { needsIoUring } from "../../packages/detect/test/seccomp/baseline.js";
import { realProfile, smallProfile } from "../../packages/detect/test/seccomp/profiles.js";
import {
  asDockerHandsOver,
  type ContainerOptions,
  runContainer,
  runcMissing,
} from "../../packages/detect/test/seccomp/runc.js";
import { root } from "../docs/markdown.js";
import { dockerfile } from "./dockerfile.js";
import { at, blocks, nameOf, read, readYaml, yamlFile } from "./page.js";
import { PROFILE_URL, runBlock, type Sandbox } from "./sandbox.js";
import { knownTools, simpleCommands } from "./shell.js";

const shell = blocks("sh");
const runnable = shell.filter(({ info }) => info[1] === "run");
const target = { arch: "amd64", capabilities: dockerCapabilities, kernel: { major: 6, minor: 1 } } as const;

describe("the commands on the page", () => {
  test("are many, and most blocks are run", () => {
    expect(shell.length).toBeGreaterThan(15);
    expect(runnable.length).toBeGreaterThan(7);
  });

  test.each(shell.map((block) => [nameOf(block), block] as const))(
    "%s is shell, of tools and options there are",
    (_name, { text }) => {
      const { status, stderr } = spawnSync("bash", ["-n", "-c", text], { encoding: "utf8" });
      expect(stderr).toBe("");
      expect(status).toBe(0);
      const commands = simpleCommands(text);
      expect(commands.length).toBeGreaterThan(0);
      for (const { words, tool, unknown } of commands) {
        expect(tool, words.join(" ")).toBeDefined();
        expect(unknown, words.join(" ")).toEqual([]);
      }
    },
  );

  for (const [command, options] of knownTools.docker) {
    test(`docker ${command} knows what the page asks of it`, ({ skip }) => {
      let help: string;
      try {
        help = execFileSync("docker", [...command.split(" "), "--help"], { encoding: "utf8", stdio: "pipe" });
      } catch {
        return skip(`needs a docker that has \`${command}\``);
      }
      // Without its plug-in docker prints the help of its own.
      if (!help.includes(`docker ${command}`)) return skip(`needs a docker that has \`${command}\``);
      for (const option of options) expect(help).toMatch(new RegExp(`(^|[\\s,])${option}\\b`, "m"));
    });
  }
});

/** The real profiles where they are; elsewhere a small one does for what is only written and read. */
function profiles() {
  const small = JSON.stringify(smallProfile);
  const real = (name: "docker-29" | "podman") => {
    try {
      return realProfile(name, () => {
        throw new Error("missing");
      });
    } catch {
      return small;
    }
  };
  return { docker: real("docker-29"), podman: real("podman") };
}

/** Files that a call names behind an option. */
function optionValues(words: readonly string[], option: string): string[] {
  return words.flatMap((word, place) => {
    if (word === option) return [words[place + 1] ?? ""];
    return word.startsWith(`${option}=`) ? [word.slice(option.length + 1)] : [];
  });
}

const inside = ({ directory }: Sandbox, path: string) => readFileSync(join(directory, path), "utf8");

function checkAsked(sandbox: Sandbox, [tool, ...words]: readonly string[]): void {
  const profilesNamed = optionValues(words, "--security-opt").map((option) => option.replace(/^seccomp=/, ""));
  for (const path of profilesNamed) {
    expect(judgeProfile(parseProfile(inside(sandbox, path)), target).verdict).toBe("ALLOWED");
  }
  if (tool === "docker" && words[0] === "compose") return checkCompose(sandbox, optionValues(words, "-f")[0]!);
  if (tool !== "kubectl") return;
  for (const path of optionValues(words, "-f").filter((name) => name !== "-")) {
    for (const object of readYaml(inside(sandbox, path)))
      expect(object).toMatchObject({ apiVersion: expect.any(String) });
  }
  for (const path of optionValues(words, "--from-file")) {
    const { profile, loss } = asContainerdReads(parseProfile(inside(sandbox, path)));
    expect(loss).toEqual({ rules: 0, archMap: false });
    expect(judgeProfile(profile, target).verdict).toBe("ALLOWED");
  }
}

function checkCompose(sandbox: Sandbox, path: string): void {
  const options = at(readYaml(inside(sandbox, path))[0], "services", "demo", "security_opt") as readonly string[];
  const named = options.flatMap((option) => (option.startsWith("seccomp=") ? [option.slice("seccomp=".length)] : []));
  expect(named).toHaveLength(1);
  const profile = parseProfile(inside(sandbox, join(dirname(path), named[0]!)));
  expect(judgeProfile(profile, target).verdict).toBe("ALLOWED");
}

describe("followed to the letter", () => {
  for (const block of runnable) {
    test(`${nameOf(block)} works, and asks for what is there`, ({ skip }) => {
      if (/^jq /m.test(block.text) && spawnSync("jq", ["--version"]).status !== 0) skip("needs jq");
      using sandbox = runBlock(block.text, profiles());
      expect(sandbox.code, sandbox.output).toBe(0);
      for (const call of sandbox.asked) checkAsked(sandbox, call);
    });
  }

  test("what the page shows of --check is what it prints", ({ skip }) => {
    const docker = realProfile("docker-29", skip);
    const [shown, ...more] = blocks("text");
    expect(more).toEqual([]);
    const script = `curl -fsSLo default.json ${PROFILE_URL}; npx baton seccomp --check default.json --arch amd64 --kernel 6.18`;
    using sandbox = runBlock(script, { docker, podman: docker });
    expect(sandbox.output).toBe(shown?.text);
    expect(sandbox.code).toBe(3);
  });

  /** The block below a heading. */
  const below = (heading: string) => {
    const from = read("docs/CLOUD_SETUP.md").split("\n").indexOf(heading);
    return runnable.find(({ line }) => line > from)!;
  };
  const image = dockerfile(read("docs/cloud/Dockerfile")).stages.at(-1)!;
  const pod = yamlFile("docs/cloud/pod.yaml");
  const restricted = {
    uid: Number(at(pod, "spec", "securityContext", "runAsUser")),
    capabilities: [],
  };

  /** What `doctor` says in a container started as the image says, in the root of the checkout. */
  async function doctor(options: ContainerOptions) {
    const { stdout, stderr } = await runContainer(
      [process.execPath, join(root, image.entrypoint[1]!), "doctor", "--json"],
      options,
    );
    expect(stderr).toBe("");
    const { chosen, drivers } = JSON.parse(stdout) as DetectReport;
    return { chosen, cause: drivers[0]?.cause };
  }

  async function realProfiles(context: TestContext) {
    const { skip } = context;
    const reason = runcMissing();
    if (reason !== undefined) skip(reason);
    await needsIoUring(context);
    return { docker: realProfile("docker-29", skip), podman: realProfile("podman", skip) };
  }

  for (const [heading, tool] of [
    ["## Docker", "docker"],
    ["## Podman", "podman"],
  ] as const) {
    test(`the recipe for ${tool} turns a blocked container into one on io_uring`, async (context) => {
      const real = await realProfiles(context);
      const before = asDockerHandsOver(JSON.parse(real[tool]));
      expect(await doctor({ seccomp: before })).toEqual({ chosen: "epoll", cause: "SECCOMP_ERRNO" });
      using sandbox = runBlock(below(heading).text, real);
      const run = sandbox.asked.find(([name, command]) => name === tool && command === "run")!;
      const [path] = optionValues(run, "--security-opt").map((option) => option.replace(/^seccomp=/, ""));
      const seccomp = asDockerHandsOver(JSON.parse(inside(sandbox, path!)));
      expect(await doctor({ seccomp })).toEqual({ chosen: "uring", cause: "OK" });
    });
  }

  test("docker's own client takes the command of the recipe, and reads the profile", ({ skip }) => {
    if (spawnSync("docker", ["--version"]).status !== 0) skip("needs docker's client");
    using sandbox = runBlock(below("## Docker").text, profiles());
    const [, ...words] = sandbox.asked.find(([tool, command]) => tool === "docker" && command === "run")!;
    // It reads the profile before it asks a daemon, and here there is none to be asked.
    const env = { ...process.env, DOCKER_HOST: `unix://${sandbox.directory}/none.sock` };
    const client = (args: readonly string[]) =>
      spawnSync("docker", args, { cwd: sandbox.directory, env, encoding: "utf8", timeout: 15_000 }).stderr;
    expect(client(words)).toMatch(/connect to the Docker/i);
    expect(client(words.map((word) => word.replace("seccomp-io_uring", "gone")))).toMatch(/gone\.json/);
  });

  test("the recipe for Kubernetes turns the blocked pod into one on io_uring", async (context) => {
    const real = await realProfiles(context);
    const before = asDockerHandsOver(JSON.parse(real.docker), []);
    expect(await doctor({ ...restricted, seccomp: before })).toEqual({ chosen: "epoll", cause: "SECCOMP_ERRNO" });
    using sandbox = runBlock(below("### DaemonSet").text, real);
    const [path] = sandbox.asked.flatMap((call) => optionValues(call, "--from-file"));
    const seccomp = JSON.parse(inside(sandbox, path!));
    expect(await doctor({ ...restricted, seccomp })).toEqual({ chosen: "uring", cause: "OK" });
  });

  test("the object for the Security Profiles Operator is of its shape, and means the same", async (context) => {
    if (spawnSync("jq", ["--version"]).status !== 0) context.skip("needs jq");
    using sandbox = runBlock(below("### Security Profiles Operator").text, profiles());
    const object = JSON.parse(inside(sandbox, "seccompprofile.json"));
    const { shapes, misshapen } = await import("./shape.js");
    expect(misshapen(object, shapes["SeccompProfile"]!, "SeccompProfile")).toEqual([]);
    const { profile } = asContainerdReads(parseProfile(JSON.stringify(object.spec)));
    expect(judgeProfile(profile, target).verdict).toBe("ALLOWED");
    expect(`operator/${object.metadata.name}.json`).toBe("operator/io-uring.json");
  });
});
