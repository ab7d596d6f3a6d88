/** `docs/coverage.md` has a row for every demand, and what it names is there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPages, root } from "./markdown.js";

/** The demands: letter and how many of them there are. */
const DEMANDS = { P: 12, A: 20, B: 6, C: 4, D: 10, E: 12 };
const ids = Object.entries(DEMANDS).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
);

interface Row {
  readonly id: string;
  readonly demand: string;
  readonly shownBy: string;
  readonly status: string;
}

const page = readPages().find(({ path }) => path === "docs/coverage.md");
const rows: readonly Row[] = (page?.text ?? "")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter((cells) => cells.length === 6 && /^[A-Z]\d+$/.test(cells[1]!))
  .map(([, id, demand, shownBy, status]) => ({ id: id!, demand: demand!, shownBy: shownBy!, status: status! }));

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** What a cell names in backticks. */
const named = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);
const isPath = (text: string) => /^(packages|tests|docs|bench|examples|scripts)\/\S*$/.test(text);

test("every demand has one row, in order", () => {
  expect(rows.map(({ id }) => id)).toEqual(ids);
});

describe.each(rows.map((row) => [row.id, row] as const))("%s", (_, { demand, shownBy, status }) => {
  test("says what is demanded", () => expect(demand.length).toBeGreaterThan(10));

  test("names files and commands that are there", () => {
    const names = named(`${shownBy} ${status}`);
    expect(names.filter((name) => isPath(name) && !existsSync(join(root, name)))).toEqual([]);
    const commands = names.flatMap((name) => /^npm run ([\w:-]+)/.exec(name)?.[1] ?? []);
    expect(commands.filter((command) => !(command in scripts))).toEqual([]);
  });

  test("has a status, and what is done is shown by a test or a command", () => {
    expect(status).toMatch(/^(done|partly: \S.{15,}|not yet: \S.{10,})/);
    if (!status.startsWith("not yet")) {
      const shown = named(shownBy).filter((name) =>
        /^(packages|tests|bench|examples)\/|^npm |^node |^baton /.test(name),
      );
      expect(shown.length).toBeGreaterThan(0);
    }
  });
});
