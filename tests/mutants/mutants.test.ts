/** The list of mutants and the tests that kill them name each other, and every promise is attacked from two sides. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { conformance, createSimulation, nullDriver } from "@baton-io/core/testing";
import { libuvDriver } from "@baton-io/driver-libuv";
import { describe, expect, test } from "vitest";
import { loadEsbuild } from "../../scripts/generate/load-tables.mjs";
import { mutants } from "./list.mjs";
import { applyMutant, mutantPlugin } from "./plugin.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");
const simDriver = () => createSimulation({ seed: 1 }).driver;
const cases = [libuvDriver, nullDriver, simDriver].flatMap((createDriver) => [
  ...conformance({
    name: "any",
    createDriver,
    scratchPath: (name) => name,
    makeFifos: () => undefined,
    makePlaceless: (path) => path,
    linkLocal: { address: "fe80::1", name: "lo", index: 1 },
    exhaustDescriptors: () => () => undefined,
    descriptors: createSimulation({ seed: 1 }).descriptors,
    collectGarbage: () => undefined,
    setModified: () => 0n,
    sinkPath: "sink",
  }),
]);
/** The names of the promises, as the page on coverage gives them. */
const promiseNames = [...read("docs/coverage.md").matchAll(/^\| P\d+ \| `([a-z-]+)`: /gm)].map(([, name]) => name!);
const refusals = read("packages/core/src/testing/conformance/refusals.ts");

/** Names after `// mutant:` in a text. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/\/\/ mutant: (.+)/g)].flatMap(([, names]) => names!.split(", "));
}

const esbuild = await loadEsbuild();

describe("the list of mutants", () => {
  const inTypeScript = mutants.filter(({ file }) => file.endsWith(".ts"));
  test.each(inTypeScript.map((mutant) => [mutant.name, mutant] as const))("%s: can be loaded", (_name, mutant) => {
    // One that cannot be loaded is killed by nothing: no test runs.
    expect(() => esbuild.transformSync(applyMutant(mutant, read(mutant.file)), { loader: "ts" })).not.toThrow();
  });

  for (const mutant of mutants) {
    test(`${mutant.name}: its place is in the source exactly once, and changing it changes the source`, () => {
      const source = read(mutant.file);
      const changed = applyMutant(mutant, source);
      expect(changed).not.toBe(source);
      // Put back, it is the source again: nothing else has changed.
      expect(changed.length - source.length).toBe(mutant.replace.length - mutant.find.length);
    });

    for (const { file, test: name } of mutant.killedBy) {
      test(`${mutant.name}: is named by what kills it, ${name}`, () => {
        if (!file.endsWith("conformance.test.ts")) return expect(namesIn(read(file))).toContain(mutant.name);
        const [one] = cases.filter(({ id }) => `${id} ·` === name);
        expect(one, "a conformance case").toBeDefined();
        expect(one!.kind === "negative" ? namesIn(refusals) : one!.mutants).toContain(mutant.name);
      });
    }
  }

  test("has no name twice", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  test("has at least two mutants for each promise, and at least 30 in all", () => {
    const promised = mutants.map(({ promise }) => promise);
    for (const promise of new Set(promised.filter((name) => name !== "operations"))) {
      expect(promised.filter((name) => name === promise).length, promise).toBeGreaterThanOrEqual(2);
    }
    expect(new Set(promised)).toEqual(new Set([...promiseNames, "operations"]));
    expect(mutants.length).toBeGreaterThanOrEqual(30);
  });

  test("has every name that a case or a test speaks of", () => {
    const known = mutants.map(({ name }) => name);
    const tests = readdirSync(`${root}packages/core/test`).filter((name) => name.endsWith(".test.ts"));
    const named = [
      ...cases.flatMap((one) => one.mutants),
      ...tests.flatMap((name) => namesIn(read(`packages/core/test/${name}`))),
      ...namesIn(refusals),
    ];
    expect(named.length).toBeGreaterThan(30);
    for (const name of named) expect(known).toContain(name);
  });
});

describe("the plugin", () => {
  const mutant = { name: "m", promise: "ends-once", file: "f", find: "one", replace: "two", killedBy: [] } as const;

  test("refuses a place that is not there, or there twice", () => {
    expect(applyMutant(mutant, "a one b")).toBe("a two b");
    expect(() => applyMutant(mutant, "a b")).toThrow("0 places");
    expect(() => applyMutant(mutant, "one one")).toThrow("2 places");
  });

  test("does nothing unless it is asked to, and knows its mutants", () => {
    expect(mutantPlugin("")).toEqual([]);
    expect(mutantPlugin(mutants[0]!.name)).toHaveLength(1);
    expect(() => mutantPlugin("no-such-mutant")).toThrow("no-such-mutant");
  });
});
