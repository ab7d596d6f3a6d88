/** What the page on cloud setup promises to those who link to it, and what it never advises. */
import { existsSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { ioUringCauses } from "../../packages/detect/src/io-uring/cause-table.js";
import { readPages, root } from "../docs/markdown.js";
import { page, read } from "./page.js";

const lines = page.text.split("\n");
const rows = (heading: string) => {
  const from = lines.indexOf(`## ${heading}`);
  const to = lines.findIndex((line, index) => index > from && line.startsWith("## "));
  return lines
    .slice(from, to)
    .filter((line) => line.startsWith("| ") && !/^\| (-|platform|cause)/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
};
const tags = ["measured", "source", "docs", "report", "not verified"];

describe("the table of platforms", () => {
  const platforms = rows("At a glance");

  test("has a row for each platform that has a section, and each row its columns", () => {
    expect(platforms.length).toBeGreaterThanOrEqual(20);
    for (const row of platforms) expect(row, row[0]).toHaveLength(6);
    const linked = platforms.flatMap(([name]) => [...name!.matchAll(/\(#([\w-]+)\)/g)].map(([, anchor]) => anchor));
    for (const platform of [
      "docker",
      "podman",
      "containerd",
      "cri-o",
      "kubernetes",
      "ecs",
      "fargate",
      "eks",
      "bottlerocket",
      "gke",
      "gvisor",
      "cloud-run",
      "aks",
      "github-actions",
      "systemd",
      "rhel",
      "wsl2",
      "docker-desktop",
      "orbstack",
    ]) {
      expect(linked).toContain(platform);
      expect([...page.anchors]).toContain(platform);
    }
  });

  test("says of every row what it knows it from, what to do, and an errno that there is", () => {
    for (const [name, state, , errno, remedy, basis] of platforms) {
      expect(state, name).not.toBe("");
      expect(remedy, name).not.toBe("");
      for (const one of basis!.split(", ")) expect(tags, name).toContain(one);
      expect(errno, name).toMatch(/^$|EPERM|ENOSYS|SIGSYS|permission denied/);
    }
  });
});

describe("the table of causes", () => {
  const named = rows("By cause").flatMap(([codes]) => [...codes!.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code));

  test("has every code that doctor can give for io_uring, and no other", () => {
    // The last is that of a driver whose binary the runtime does not let load.
    expect(named.toSorted()).toEqual([...Object.keys(ioUringCauses), "RUNTIME_PERMISSION"].toSorted());
  });
});

describe("the page", () => {
  test("comes to security before anything is opened", () => {
    const headings = lines.filter((line) => line.startsWith("## "));
    expect(headings[0]).toBe("## Security");
    const first = page.text.indexOf("baton seccomp --from");
    expect(first).toBeGreaterThan(page.text.indexOf("## Security"));
  });

  test("uses the tags it explains, and all of them", () => {
    const used = [...page.text.matchAll(/\*\*\[([^\]]+)\]\*\*/g)].flatMap(([, text]) => text!.split(", "));
    for (const tag of used) expect(tag).toMatch(/^(measured|source|docs|report|not verified)/);
    for (const tag of tags)
      expect(
        used.some((one) => one.startsWith(tag)),
        tag,
      ).toBe(true);
  });

  test("has under every platform's heading a basis, or only what to do", () => {
    const sections = page.text.split(/^## /m).slice(1);
    const without = sections.filter((text) => !/\*\*\[/.test(text)).map((text) => text.split("\n")[0]);
    expect(without).toEqual(["At a glance", "By cause", "Profile", "Docker Compose", "Nofile", "Emulated CPU"]);
  });
});

/** Advice that takes a container's protection away. */
const harmful = [
  /--privileged\b/,
  /\bseccomp\s*[=:]\s*["']?unconfined/i,
  /\bapparmor\s*[=:]\s*["']?unconfined/i,
  /\btype:\s*["']?Unconfined/,
  /--cap-add\b/,
  /\bcap_add:/,
  /\bSYS_ADMIN\b.*\badd\b|\badd:.*\bSYS_ADMIN\b/,
];
/** In prose it may be named, as what not to do; in what is copied it may not stand. */
const harmfulInFiles = [...harmful, /\bprivileged:\s*true\b/];

describe("nowhere is advised to take a container's protection away", () => {
  // Not every package has sources of its own.
  const packages = readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "src")),
  );
  const sources = packages.flatMap((name) =>
    readdirSync(join(root, "packages", name, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => posix.join("packages", name, "src", file)),
  );
  const files = readdirSync(join(root, "docs/cloud")).map((name) => posix.join("docs/cloud", name));
  const find = (text: string, patterns: readonly RegExp[]) => patterns.filter((one) => one.test(text)).map(String);

  test("on no page", () => {
    for (const { path, text } of readPages()) expect(find(text, harmful), path).toEqual([]);
  });

  test("in no block that is copied from a page, and in no ready file", () => {
    for (const { text, line, page: path } of readPages().flatMap((one) => one.blocks)) {
      expect(find(text, harmfulInFiles), `${path}:${line}`).toEqual([]);
    }
    for (const path of files) expect(find(read(path), harmfulInFiles), path).toEqual([]);
  });

  test("in no message of the program", () => {
    expect(sources.length).toBeGreaterThan(50);
    for (const path of sources) expect(find(read(path), harmful), path).toEqual([]);
  });

  test("and all of it would be found", () => {
    for (const text of [
      "docker run --privileged x",
      "--security-opt seccomp=unconfined",
      "seccompProfile: { type: Unconfined }",
      "--security-opt apparmor=unconfined",
      "--cap-add SYS_ADMIN",
      "capabilities: { add: [SYS_ADMIN] }",
      "  privileged: true",
    ]) {
      expect(find(text, harmfulInFiles), text).not.toEqual([]);
    }
  });
});
