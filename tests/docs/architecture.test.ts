/** `docs/architecture.md` fits one page, and every file that it names is there. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { readPages, root } from "./markdown.js";

const LINES_MAX = 125;
const { text } = readPages().find(({ path }) => path === "docs/architecture.md")!;
const files = execFileSync("git", ["ls-files", "packages", "tests"], { cwd: root, encoding: "utf8" }).split("\n");

test("the page on the architecture fits one page", () => {
  expect(text.split("\n").length).toBeLessThanOrEqual(LINES_MAX);
});

test("every file that it names is there", () => {
  const named = [...text.matchAll(/`([\w./-]+\.(?:ts|h|cc))`/g)].map(([, name]) => name!);
  expect(named.length).toBeGreaterThan(50);
  // A name without its folder is in the folder that its row begins with; `uv.h` is not ours.
  expect(
    named.filter((name) => name !== "uv.h" && !files.some((file) => file === name || file.endsWith(`/${name}`))),
  ).toEqual([]);
});

test("it names every folder of core's sources", () => {
  const folders = new Set(files.map((file) => /^packages\/core\/src\/([^/]+)\//.exec(file)?.[1]));
  for (const folder of folders) if (folder !== undefined) expect(text, folder).toContain(`| \`${folder}\` |`);
});
