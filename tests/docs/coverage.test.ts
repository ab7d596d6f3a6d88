/** `docs/coverage.md` has a row for every demand, and what it names is there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
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

/** What is wrong with a row; empty when nothing is. */
function problemsOf({ id, demand, shownBy, status }: Row): string[] {
  const problems: string[] = [];
  if (demand.length <= 10) problems.push("does not say what is demanded");
  const names = named(`${shownBy} ${status}`);
  for (const name of names) if (isPath(name) && !existsSync(join(root, name))) problems.push(`${name} is not there`);
  for (const name of names) {
    const command = /^npm run ([\w:-]+)/.exec(name)?.[1];
    if (command !== undefined && !(command in scripts)) problems.push(`${name} is no command`);
  }
  if (!/^(done|partly: \S.{15,}|not yet: \S.{10,})/.test(status)) problems.push("has no status");
  const isShown = named(shownBy).some((name) => /^(packages|tests|bench|examples)\/|^npm |^node |^baton /.test(name));
  if (!status.startsWith("not yet") && !isShown) problems.push("is shown by no test and no command");
  return problems.map((problem) => `${id}: ${problem}`);
}

test("a row is found wrong for each thing that can be wrong with it", () => {
  const row = { id: "X1", demand: "too short", shownBy: "`docs/nowhere.md`, `npm run nothing`", status: "soon" };
  expect(problemsOf(row)).toEqual([
    "X1: does not say what is demanded",
    "X1: docs/nowhere.md is not there",
    "X1: npm run nothing is no command",
    "X1: has no status",
  ]);
  const unshown = { id: "X2", demand: "something long enough", shownBy: "nothing", status: "done" };
  expect(problemsOf(unshown)).toEqual(["X2: is shown by no test and no command"]);
});

test("every row says what is demanded, names what is there, and what is done is shown", () => {
  expect(rows.flatMap(problemsOf)).toEqual([]);
});
