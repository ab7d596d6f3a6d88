/** Links lead somewhere: between pages, from pages to files, and from messages of the program to pages. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { type Page, parsePage, readPages, root } from "./markdown.js";

const pages = readPages();

/** Why a link of a page leads nowhere; `undefined` when it does not, or leaves the repository. */
function problemOf(page: string, target: string, all: readonly Page[]): string | undefined {
  if (/^[a-z]+:/i.test(target)) return target.startsWith("http://") ? "is not https" : undefined;
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : posix.normalize(posix.join(posix.dirname(page), decodeURI(path)));
  const linked = all.find((candidate) => candidate.path === file);
  if (linked === undefined && (file.startsWith("../") || !existsSync(join(root, file)))) return "is not there";
  if (anchor === undefined) return undefined;
  if (linked === undefined) return "has an anchor, and is no page";
  return linked.anchors.has(anchor) ? undefined : `has no such anchor; it has: ${[...linked.anchors].join(", ")}`;
}

describe("links of a page", () => {
  const one = parsePage("docs/one.md", "# Title: `code` & more\n## Title\n## Title\n[a](two.md#b)\n`[c](d.md)`\n");

  test("lead to a heading by its slug, which counts repeated headings", () => {
    expect([...one.anchors]).toEqual(["title-code--more", "title", "title-1"]);
    expect(problemOf("docs/one.md", "#title-1", [one])).toBeUndefined();
    expect(problemOf("docs/one.md", "#title-2", [one])).toMatch(/no such anchor/);
  });

  test("are found in prose and not in code", () => {
    expect(one.links).toEqual([{ line: 4, target: "two.md#b" }]);
    expect(problemOf("docs/one.md", "two.md#b", [one])).toBe("is not there");
    expect(problemOf("README.md", "../outside.md", [one])).toBe("is not there");
  });
});

test("there are pages to look at", () => {
  expect(pages.map(({ path }) => path)).toContain("README.md");
  expect(pages.length).toBeGreaterThan(20);
});

test.each(pages.map((page) => [page.path, page] as const))("%s has no link that leads nowhere", (path, page) => {
  const problems = page.links.flatMap(({ line, target }) => {
    const problem = problemOf(path, target, pages);
    return problem === undefined ? [] : [`${path}:${line}: ${target} ${problem}`];
  });
  expect(problems).toEqual([]);
});

/** Sources whose messages or comments name a page. */
function sources(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|h|cc|mjs)$/.test(name))
    .map((name) => posix.join(directory, name));
}

test("every page that the program itself names is there, with its anchor", () => {
  const directories = readdirSync(join(root, "packages")).flatMap((name) =>
    ["src", "native"].map((part) => `packages/${name}/${part}`).filter((path) => existsSync(join(root, path))),
  );
  const targets: string[] = [];
  const problems = directories.flatMap(sources).flatMap((source) => {
    const text = readFileSync(join(root, source), "utf8");
    // A source that names one page more than once keeps it in a constant, PAGE.
    const page = /const PAGE = "(docs\/[^"]+)"/.exec(text)?.[1] ?? "";
    const named = text.replaceAll(/\$\{PAGE\}/g, page).matchAll(/\bdocs\/[\w/-]+\.md(#[\w-]+)?/g);
    return [...named].flatMap(([target]) => {
      targets.push(target);
      const problem = problemOf("README.md", target, pages);
      return problem === undefined ? [] : [`${source}: ${target} ${problem}`];
    });
  });
  expect(problems).toEqual([]);
  expect(targets).toEqual(expect.arrayContaining(["docs/CLOUD_SETUP.md#security", "docs/guides/writing-a-driver.md"]));
});

test("every page can be reached from the README by links", () => {
  const reached = new Set(["README.md"]);
  for (const path of reached) {
    for (const { target } of pages.find((page) => page.path === path)?.links ?? []) {
      if (/^[a-z]+:/i.test(target)) continue;
      const file = posix.normalize(posix.join(posix.dirname(path), target.split("#")[0]!));
      const found = [file, posix.join(file, "README.md")].find((name) => pages.some((page) => page.path === name));
      if (found !== undefined) reached.add(found);
    }
  }
  expect(pages.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
});
