/** Decisions are numbered in one row, and the page that lists them says of each what it says itself. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./markdown.js";

const directory = join(root, "docs/decisions");
const files = readdirSync(directory)
  .filter((name) => name !== "README.md")
  .sort();

test("decisions are numbered from 0001, without a gap, and each file and title begins with its number", () => {
  expect(files.length).toBeGreaterThan(30);
  for (const [index, file] of files.entries()) {
    const number = String(index + 1).padStart(4, "0");
    expect(file).toMatch(new RegExp(`^${number}-[a-z-]+\\.md$`));
    expect(readFileSync(join(directory, file), "utf8")).toMatch(new RegExp(`^# ${number} [^·.]`));
  }
});

test("the page that lists them has each once, in order, under its own title", () => {
  const rows = readFileSync(join(directory, "README.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ["));
  const wanted = files.map((file) => {
    const [, number, title] = /^# (\d{4}) (.+)/.exec(readFileSync(join(directory, file), "utf8"))!;
    return `| [${number}](${file}) | ${title} |`;
  });
  expect(rows).toEqual(wanted);
});

test("a link that shows a number leads to the decision of that number", () => {
  const pages = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".md"),
  );
  const links = pages.flatMap((name) => [
    ...readFileSync(join(root, "docs", name), "utf8").matchAll(/\[(?:decision )?(\d{4})\]\([^)]*?(\d{4})-[\w-]+\.md/g),
  ]);
  expect(links.length).toBeGreaterThan(30);
  for (const [link, shown, target] of links) expect(shown, link).toBe(target);
});
