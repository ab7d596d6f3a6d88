/**
 * The ready files in `docs/cloud`: read by a strict reader, of the right shape, and telling one story with the page.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../docs/markdown.js";
import { dockerfile } from "./dockerfile.js";
import { at, blocks, nameOf, page, read, readYaml, type Tree, yamlFile } from "./page.js";
import { misshapen, shapes } from "./shape.js";

const DIRECTORY = "docs/cloud";
const files = readdirSync(join(root, DIRECTORY)).map((name) => posix.join(DIRECTORY, name));
const objects = files
  .filter((path) => path.endsWith(".yaml") && !path.endsWith("compose.yaml"))
  .flatMap((path) => readYaml(read(path)).map((object) => ({ path, object, kind: String(object["kind"]) })));

describe("the files", () => {
  test.each(files.filter((path) => !path.endsWith(".dockerignore")))("%s is linked from the page", (path) => {
    expect(page.links.map(({ target }) => `docs/${target}`)).toContain(path);
  });

  test.each(objects.map(({ path, kind, object }) => [`${path} ${kind}`, kind, object] as const))(
    "%s has its fields and no others",
    (_name, kind, object) => {
      expect(Object.keys(shapes)).toContain(kind);
      expect(misshapen(object, shapes[kind]!, kind)).toEqual([]);
    },
  );

  test("compose.yaml has its fields and no others", () => {
    expect(misshapen(yamlFile("docs/cloud/compose.yaml"), shapes["Compose"]!, "compose")).toEqual([]);
  });

  test("a field that is misspelt, missing or forbidden would be found", () => {
    const pod = yamlFile("docs/cloud/pod.yaml") as { spec: Tree };
    const { containers: _containers, ...rest } = pod.spec;
    const securityContext = { seccompProfile: { type: "Localhost", localhostProfil: "x" } };
    expect(misshapen({ ...pod, spec: { ...rest, securityContext } }, shapes["Pod"]!, "Pod")).toEqual([
      "Pod.spec.containers is missing",
      "Pod.spec.securityContext.seccompProfile.localhostProfil is not known",
    ]);
    const privileged = { name: "x", image: "x", securityContext: { privileged: true } };
    expect(misshapen({ ...pod, spec: { ...pod.spec, containers: [privileged] } }, shapes["Pod"]!, "Pod")).toContain(
      "Pod.spec.containers[0].securityContext.privileged is not known",
    );
  });
});

describe("the pod", () => {
  const pod = yamlFile("docs/cloud/pod.yaml");
  const daemonSet = objects.find(({ kind }) => kind === "DaemonSet")?.object;

  test("meets the level `restricted`", () => {
    expect(at(pod, "spec", "securityContext", "runAsNonRoot")).toBe(true);
    expect(at(pod, "spec", "securityContext", "seccompProfile", "type")).toBe("Localhost");
    // Volumes that the level allows, of those the shape knows.
    const volumes = at(pod, "spec", "volumes") as readonly Tree[];
    expect(volumes.flatMap((volume) => Object.keys(volume).filter((key) => key !== "name"))).toEqual(["emptyDir"]);
  });

  test("names the file that the DaemonSet puts on the same nodes", () => {
    const spec = at(daemonSet, "spec", "template", "spec");
    const hostPath = (at(spec, "volumes") as readonly Tree[]).map((volume) => at(volume, "hostPath", "path"));
    const script = String(at(spec, "initContainers", 0, "command", 2));
    const file = /\/node\/([\w.]+)\n?$/.exec(script.trim())?.[1];
    const profile = String(at(pod, "spec", "securityContext", "seccompProfile", "localhostProfile"));
    expect(hostPath).toContain(`/var/lib/kubelet/seccomp/${posix.dirname(profile)}`);
    expect(file).toBe(posix.basename(profile));
    expect(at(spec, "nodeSelector")).toEqual(at(pod, "spec", "nodeSelector"));
  });

  test("of the DaemonSet copies the profile, and leaves nothing else behind", () => {
    const directory = mkdtempSync(join(tmpdir(), "baton-test-"));
    try {
      for (const name of ["profile", "node"]) mkdirSync(join(directory, name));
      writeFileSync(join(directory, "profile/io_uring.json"), "{}");
      const [program, flags, script] = at(
        daemonSet,
        "spec",
        "template",
        "spec",
        "initContainers",
        0,
        "command",
      ) as string[];
      const here = script!.replaceAll(/ \/(profile|node)\//g, ` ${directory}/$1/`);
      execFileSync(program!, [flags!, here]);
      expect(readdirSync(join(directory, "node"))).toEqual(["io_uring.json"]);
      expect(readFileSync(join(directory, "node/io_uring.json"), "utf8")).toBe("{}");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("the image", () => {
  const { stages } = dockerfile(read("docs/cloud/Dockerfile"));
  const last = stages.at(-1)!;

  test("runs what it holds, as a user without privileges", () => {
    expect(last.user).toBe("node");
    expect(last.entrypoint[0]).toBe("node");
    expect(existsSync(join(root, last.entrypoint[1]!)), "built by npm run build").toBe(true);
    const copied = last.copies.map(({ from, sources }) => ({ from, sources }));
    expect(copied).toContainEqual({ from: "build", sources: ["/app/packages"] });
    expect(copied).toContainEqual({ from: "build", sources: ["/app/node_modules"] });
  });

  test("copies from stages and directories that there are", () => {
    for (const { from, sources } of stages.flatMap(({ copies }) => copies)) {
      if (from !== undefined) expect(stages.map(({ name }) => name)).toContain(from);
      for (const source of sources) expect(existsSync(join(root, source.replace(/^\/app\//, ""))), source).toBe(true);
    }
  });

  test("runs scripts that there are", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Tree };
    const named = stages.flatMap(({ runs }) =>
      [...runs.join("\n").matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!),
    );
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });

  test("is built by Compose from the same file, in the root of the repository", () => {
    const build = at(yamlFile("docs/cloud/compose.yaml"), "services", "demo", "build");
    expect(posix.join("docs/cloud", String(at(build, "context")))).toBe(".");
    expect(at(build, "dockerfile")).toBe("docs/cloud/Dockerfile");
  });

  test("does not take over what this machine has built", () => {
    const ignored = read("docs/cloud/Dockerfile.dockerignore").split("\n");
    for (const name of ["node_modules", "dist", "prebuilds"]) expect(ignored).toContain(`**/${name}`);
  });
});

describe("the unit", () => {
  const path = join(root, "docs/cloud/baton-demo.service");

  /** Runs systemd-analyze; `skip` is called with the reason where it is not. */
  function analyze(args: readonly string[], skip: (reason: string) => never): string {
    try {
      return execFileSync("systemd-analyze", args, { encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") skip("needs systemd-analyze");
      throw error;
    }
  }

  test("is one that systemd understands", ({ skip }) => {
    expect(analyze(["verify", "--man=no", path], skip)).toBe("");
  });

  test("lets io_uring through, by the sets of this systemd", ({ skip }) => {
    const set = /^SystemCallFilter=(@[\w-]+)$/m.exec(readFileSync(path, "utf8"))?.[1];
    const allowed = (name: string): string[] =>
      analyze(["syscall-filter", name], skip)
        .split("\n")
        .slice(1)
        .map((line) => line.trim())
        .filter((line) => line !== "" && !line.startsWith("#"))
        .flatMap((line) => (line.startsWith("@") ? allowed(line) : [line]));
    const calls = allowed(set!);
    expect(calls).toEqual(expect.arrayContaining(["io_uring_setup", "io_uring_enter", "io_uring_register"]));
    expect(calls).not.toContain("mount");
  });
});

describe("parts of files on the page", () => {
  const parts = page.blocks.filter(({ info }) => info[1]?.startsWith("part=") === true);

  test("are several, and all YAML and units on the page are such parts", () => {
    expect(parts.length).toBeGreaterThanOrEqual(3);
    expect([...blocks("yaml"), ...blocks("ini")].filter((block) => !parts.includes(block))).toEqual([]);
  });

  test.each(parts.map((block) => [nameOf(block), block] as const))("%s stands in its file", (_name, { info, text }) => {
    const path = info[1]!.slice("part=".length);
    if (info[0] === "yaml") return expect(yamlFile(path)).toMatchObject(readYaml(text)[0]!);
    const lines = read(path).split("\n");
    for (const line of text.trim().split("\n")) expect(lines).toContain(line);
  });

  test("JSON on the page is JSON", () => {
    expect(blocks("json").length).toBeGreaterThan(0);
    for (const { text } of blocks("json")) JSON.parse(text);
  });
});
