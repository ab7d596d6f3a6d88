/**
 * Code on the pages is code: every block fenced as `ts` or `js` compiles against the packages, and every one fenced as
 * `ts run` or `js run` is run over every driver of this machine; a `text` block right behind it is what it prints.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { runExample } from "../examples/run-example.js";
import { type Block, readPages, root } from "./markdown.js";

const LANGUAGES = new Set(["ts", "js"]);

/** What a fragment may use without saying where it has it from. */
const GLOBALS = `
import type { Backend, File, OwnedBuffer, TcpListener, TcpStream } from "@baton-io/core";
declare global {
  const io: Backend;
  const file: File;
  const stream: TcpStream;
  const listener: TcpListener;
  const buffer: OwnedBuffer;
  const signal: AbortSignal;
  const directory: string;
  const port: number;
  function use(bytes: Uint8Array): void;
  function serve(stream: TcpStream): Promise<void>;
}
`;

/** A package that a reader has, and nobody else. */
const PACKAGES = `
declare module "my-driver" {
  export function myDriver(): import("@baton-io/core").Driver;
}
`;

const pages = readPages();
/** Pages that are about using the packages; those of the tools show outlines of their own. */
const isAboutPackages = ({ path }: { readonly path: string }) =>
  /^(README\.md|docs\/|packages\/|examples\/)/.test(path);
const blocks = pages
  .filter(isAboutPackages)
  .flatMap((page) => page.blocks)
  .filter(({ info }) => LANGUAGES.has(info[0] ?? ""));
const runnable = blocks.filter(({ info }) => info[1] === "run");
const nameOf = ({ page, line }: Block) => `${page}:${line}`;

/** Errors by block. All blocks are one program: the packages are read once. */
function compile(all: readonly Block[]): ReadonlyMap<string, readonly string[]> {
  const config = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  // Fragments declare what they do not use, and export nothing.
  const settings: ts.CompilerOptions = { ...options, noEmit: true, noUnusedLocals: false };
  const globals = `${root}tests/docs/snippet-globals.d.ts`;
  const files = new Map([
    [globals, GLOBALS],
    [`${root}tests/docs/snippet-packages.d.ts`, PACKAGES],
  ]);
  for (const [index, { text }] of all.entries()) {
    files.set(`${root}tests/docs/snippet-${index}.ts`, `${text}export {};\n`);
  }
  const host = ts.createCompilerHost(settings);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
  host.readFile = (path) => files.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, languageVersion) => {
    const text = host.readFile(path);
    return text === undefined ? undefined : ts.createSourceFile(path, text, languageVersion);
  };
  const program = ts.createProgram({ rootNames: [...files.keys()], options: settings, host });
  const errors = new Map<string, string[]>();
  for (const [index, block] of all.entries()) {
    const source = program.getSourceFile(`${root}tests/docs/snippet-${index}.ts`)!;
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    const lines = found.map(({ start = 0, messageText }) => {
      const line = block.line + 1 + source.getLineAndCharacterOfPosition(start).line;
      return `${block.page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
    if (lines.length > 0) errors.set(nameOf(block), lines);
  }
  return errors;
}

describe("code on the pages", () => {
  const wrong: Block = { page: "wrong.md", line: 1, info: ["ts"], text: "io.openFile(42);\n" };
  const errors = compile([...blocks, wrong]);

  test("is compiled: what does not fit the packages is found", () => {
    expect(errors.get("wrong.md:1")?.join()).toMatch(/^wrong\.md:2: .*'number' is not assignable/s);
  });

  test("is plentiful", () => {
    expect(blocks.length).toBeGreaterThan(30);
    expect(runnable.length).toBeGreaterThan(5);
    expect(runnable.some(({ page }) => page === "README.md")).toBe(true);
  });

  test.each(blocks.map((block) => [nameOf(block)]))("%s compiles", (name) => {
    expect(errors.get(name) ?? []).toEqual([]);
  });
});

const found = await findDrivers();
mkdirSync(join(root, ".baton"), { recursive: true });
const directory = mkdtempSync(join(root, ".baton/snippets-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What a block prints, as its page says; `undefined` when it does not. */
function printedBy(block: Block): string | undefined {
  const all = pages.find(({ path }) => path === block.page)!.blocks;
  const next = all[all.indexOf(block) + 1];
  return next?.info[0] === "text" && next.info[1] === "output" ? next.text : undefined;
}

async function run(block: Block, driver: string): Promise<void> {
  const script = join(directory, `${nameOf(block).replaceAll(/\W/g, "-")}-${driver}.mjs`);
  const { outputText } = ts.transpileModule(block.text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  writeFileSync(script, outputText);
  const { code, stdout, stderr } = await runExample(script, driver);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const printed = printedBy(block);
  if (printed !== undefined) expect(stdout).toBe(printed);
}

/** Whoever detects gets the driver that is forced; the others bring their own. */
const detects = ({ text }: Block) => text.includes('from "@baton-io/detect"');

describe.each(found.filter(isFound).map(({ name }) => name))("over %s", (driver) => {
  const cases = runnable.filter(detects).map((block) => [nameOf(block), block] as const);
  test.each(cases)("%s runs", (_, block) => run(block, driver));
});

describe("with a driver of its own", () => {
  const cases = runnable.filter((block) => !detects(block)).map((block) => [nameOf(block), block] as const);
  test.each(cases)("%s runs", (_, block) => run(block, "auto"));
});
