/**
 * An operation has its row in the table, its place in the API, one on each driver that is made by hand, and its cases:
 * whoever adds one finds no list elsewhere that must know it too.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OpcodeDefinition, opcodeTable } from "@baton-io/core/driver";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Most files that may name an operation which is one call, on names or on an open file. */
const CALL_FILES_MAX = 5;
/** … and any other. */
const FILES_MAX = 32;

/** Written by hand, and neither tests nor the kit. */
function isSource(path: string): boolean {
  if (!/^packages\/[^/]+\/(?:src|native)\/.*\.(?:ts|h|cc)$/.test(path) || path.endsWith(".gen.h")) return false;
  return !/\/native\/(?:[^/]+\/)?test\/|\/testing\/(?:conformance|traits|sim\/program)\//.test(path);
}

const sources = execFileSync("git", ["ls-files", "packages"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter(isSource)
  .map((path) => ({ path, code: withoutComments(readFileSync(join(root, path), "utf8")) }));

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

/** What names an operation: its number, its name as a value or a key, a method of the API. */
function naming(name: string): RegExp {
  const camel = name[0]!.toUpperCase() + name.slice(1);
  return new RegExp(
    [
      String.raw`\bOPCODE\.${name}\b`,
      String.raw`\b(?:Opcode::k|Call)${camel}\b`,
      `"${name}"`,
      // A key whose value is no number and no function: those are flags, and methods of something else.
      String.raw`^\s+${name}: (?![\d(])`,
      String.raw`^ +${name}\(.*\): Promise<`,
    ].join("|"),
    "m",
  );
}

function filesNaming(name: string): string[] {
  const pattern = naming(name);
  return sources.filter(({ code }) => pattern.test(code)).map(({ path }) => path);
}

/** The text of a switch, from its subject to its last brace, of all whose subject fits. */
function switchesOver(subject: RegExp, code: string): string[] {
  return [...code.matchAll(/\bswitch \(([^\n]*)\) \{/g)]
    .filter((match) => subject.test(match[1]!))
    .map(({ index }) => {
      let depth = 0;
      for (let end = code.indexOf("{", index); ; end++) {
        if (end === code.length) throw new Error(`a switch has no end: ${code.slice(index, index + 60)}`);
        if (code[end] === "{") depth++;
        else if (code[end] === "}" && --depth === 0) return code.slice(index, end);
      }
    });
}

describe("a switch over opcodes in C++", () => {
  const subject = /^(?:[\w.]+\.)?opcode$/;

  test("is found", () => {
    const code = "switch (op.opcode) {\n case kA: { f(); }\n default: g();\n}\nswitch (kind) {\n default: h();\n}";
    expect(switchesOver(subject, code)).toEqual(["switch (op.opcode) {\n case kA: { f(); }\n default: g();\n"]);
  });

  test("names every operation, so that the compiler says where a new one is missing", () => {
    const native = sources.filter(({ path }) => path.includes("/native/"));
    const switches = native.flatMap(({ path, code }) => switchesOver(subject, code).map((text) => ({ path, text })));
    expect(switches.length).toBeGreaterThan(3);
    expect(switches.filter(({ text }) => /\bdefault:/.test(text))).toEqual([]);
  });
});

describe("files that name an operation", () => {
  test("are found", () => {
    const pattern = naming("truncate");
    for (const code of [
      "case OPCODE.truncate:",
      "case Opcode::kTruncate:",
      'defineKind("truncate", {})',
      "  truncate: thread,",
      "  truncate(length: number): Promise<void> {",
    ]) {
      expect(pattern.test(code), code).toBe(true);
    }
    for (const code of ["  truncate: 16,", "kOpenTruncate", "files.truncate(file)", "OPCODE.truncated"]) {
      expect(pattern.test(code), code).toBe(false);
    }
    expect(withoutComments('/** "a" */ b // "c"\nd("https://e")')).toBe(' b\nd("https://e")');
    expect(sources.length).toBeGreaterThan(200);
  });

  for (const { name, native } of opcodeTable as readonly OpcodeDefinition[]) {
    const most = native === undefined ? FILES_MAX : CALL_FILES_MAX;
    test(`${name}: at most ${most}`, () => {
      const files = filesNaming(name);
      expect(files.length, files.join("\n")).toBeLessThanOrEqual(most);
    });
  }
});
