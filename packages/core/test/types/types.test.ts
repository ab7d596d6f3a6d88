/**
 * The files beside this one are full of misuse, each after an expectation of an error. The compiler checks that each is
 * an error, but not which. Here the expectations are taken out and the files compiled for themselves: every line that
 * was expected to fail fails with its code, and no other line does.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const directory = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../../../", import.meta.url));
const names = readdirSync(directory).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
const EXPECTATION = /^\s*\/\/ @ts-expect-error (\d+): \S/;

/** The project's own settings. */
function projectOptions(): ts.CompilerOptions {
  const config = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const parsed = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  expect(parsed.errors.filter(({ category }) => category === ts.DiagnosticCategory.Error)).toEqual([]);
  return { ...parsed.options, noEmit: true };
}

/** Errors by `file:line`, with the expectations taken out of the files. */
function errorsWithoutExpectations(): Map<string, number[]> {
  const options = projectOptions();
  const host = ts.createCompilerHost(options);
  const { readFile } = host;
  host.readFile = (path) => {
    const text = readFile.call(host, path);
    return names.some((name) => path === directory + name) ? text?.replaceAll("@ts-expect-error", "") : text;
  };
  host.getSourceFile = (path, languageVersion) => {
    const text = host.readFile(path);
    return text === undefined ? undefined : ts.createSourceFile(path, text, languageVersion);
  };
  const program = ts.createProgram({ rootNames: names.map((name) => directory + name), options, host });
  const errors = new Map<string, number[]>();
  for (const name of names) {
    const source = program.getSourceFile(directory + name)!;
    for (const { code, start = 0 } of program.getSemanticDiagnostics(source)) {
      const line = source.getLineAndCharacterOfPosition(start).line + 1;
      const key = `${name}:${line}`;
      errors.set(key, [...new Set([...(errors.get(key) ?? []), code])]);
    }
  }
  return errors;
}

describe("misuse that must not compile", () => {
  const errors = errorsWithoutExpectations();
  const expected = new Map<string, number>();
  for (const name of names) {
    const lines = readFileSync(directory + name, "utf8").split("\n");
    for (const [index, line] of lines.entries()) {
      if (!line.includes("@ts-expect-error") || line.startsWith(" *")) continue;
      const match = EXPECTATION.exec(line);
      test(`${name}:${index + 1} names the error it expects`, () => expect(match).not.toBeNull());
      // The line that it is about is the next one.
      if (match !== null) expected.set(`${name}:${index + 2}`, Number(match[1]));
    }
  }

  test("is found at every place and nowhere else, and is the error that was expected", () => {
    const found = Object.fromEntries([...errors].map(([place, codes]) => [place, codes.join()]));
    const wanted = Object.fromEntries([...expected].map(([place, code]) => [place, `${code}`]));
    expect(found).toEqual(wanted);
  });

  test("is plentiful", () => {
    expect(expected.size).toBeGreaterThan(70);
  });
});
