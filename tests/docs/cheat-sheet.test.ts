/** The cheat sheet has everything that a program can call, so that what is new is not left out. */
import * as core from "@baton-io/core";
import * as detect from "@baton-io/detect";
import { describe, expect, test } from "vitest";
import { readPages } from "./markdown.js";

const sheet = readPages().find(({ path }) => path === "docs/guides/cheat-sheet.md")?.text ?? "";

/** Open to the rest of core, and not for programs: their comments say so. */
const INTERNAL: Readonly<Record<string, readonly string[]>> = {
  BufferPool: [
    "bytesMax",
    "bytesOut",
    "close",
    "isAwaited",
    "onHome",
    "refused",
    "setReserve",
    "takeReserved",
    "tryTake",
    "tryTakePiece",
  ],
};

/** Members of a class by name: methods and accessors, without symbols. */
function membersOf(name: string, prototype: object): string[] {
  const internal = ["constructor", ...(INTERNAL[name] ?? [])];
  return Object.getOwnPropertyNames(prototype).filter((member) => !internal.includes(member));
}

/** The name as a word inside of code. */
const hasName = (name: string) => new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``).test(sheet);

const classes = Object.entries({ ...core, ...detect }).flatMap(([name, value]) =>
  typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value))
    ? [[name, value.prototype as object] as const]
    : [],
);

test("there are classes to look at", () => {
  expect(classes.map(([name]) => name)).toEqual(
    expect.arrayContaining(["Backend", "File", "TcpStream", "OwnedBuffer"]),
  );
});

describe.each(classes)("%s", (name, prototype) => {
  test("has nothing that the cheat sheet does not name", () => {
    expect(membersOf(name, prototype).filter((member) => !hasName(member))).toEqual([]);
  });
});

test.each(["createBackend", "openBackend", "detect", "release"])("%s is named", (name) => {
  expect(hasName(name)).toBe(true);
});

test("names no method that does not exist", () => {
  const members = new Set(classes.flatMap(([name, prototype]) => membersOf(name, prototype)));
  const called = [...sheet.matchAll(/\b(?:io|io\.buffers|file|stream|listener|buffer|operation)\.(\w+)\(/g)];
  expect(called.length).toBeGreaterThan(30);
  expect(called.map(([, member]) => member!).filter((member) => !members.has(member))).toEqual([]);
});
