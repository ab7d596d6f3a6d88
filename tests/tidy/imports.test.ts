/**
 * What the compiler does not say of imports. A circle of values may load from sources and fail from a bundle; files that
 * know each other, if only by type, are one file in pieces.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** A file that is longer is about more than one thing. */
const LINES_MAX = 400;
const packageNames = ["core", "driver-uring", "driver-epoll", "driver-libuv", "detect"] as const;

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.name.endsWith(".ts"))
    .map((file) => join(file.parentPath, file.name));
}

/** Those of core, in the order in which they know each other; docs/architecture.md says what is in them. */
const coreFolders = ["base", "spi", "memory", "operation", "resource"];

/** What a source imports or re-exports, types included. */
function allImports(text: string): string[] {
  return [...text.matchAll(/^(?:import|export) [^;]*? ?from "([^"]+)";/gms)].map(([, from]) => from!);
}

/** The first circle found, as paths; empty when there is none. */
function findCircle(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return [];
    path.push(file);
    for (const next of edges.get(file) ?? []) {
      const circle = visit(next);
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(file);
    return [];
  };
  for (const file of edges.keys()) {
    const circle = visit(file);
    if (circle.length > 0) return circle;
  }
  return [];
}

describe("imports", () => {
  test("a circle is found", () => {
    expect(allImports('import { a } from "./a.js";\nimport type { b } from "./b.js";\n')).toEqual(["./a.js", "./b.js"]);
    expect(allImports('import {\n  type a,\n} from "./a.js";\nexport * from "./c.js";\n')).toEqual([
      "./a.js",
      "./c.js",
    ]);
    const edges = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["b"]],
    ]);
    expect(findCircle(edges)).toEqual(["b", "c", "b"]);
  });

  for (const name of packageNames) {
    const folder = join(root, "packages", name, "src");
    const sources = sourcesOf(folder);

    test(`${name}: sources import each other in no circle`, () => {
      const edges = new Map(
        sources.map((file) => [
          file,
          allImports(readFileSync(file, "utf8"))
            .filter((from) => from.startsWith("."))
            .map((from) => resolve(dirname(file), from.replace(/\.js$/, ".ts"))),
        ]),
      );
      expect(findCircle(edges).map((file) => relative(folder, file))).toEqual([]);
    });
  }

  test("what is for tests knows core by its doors only, and core nothing of it", () => {
    const folder = join(root, "packages/core/src");
    const inside = join(folder, "testing/");
    for (const file of sourcesOf(folder)) {
      const foreign = allImports(readFileSync(file, "utf8")).filter((from) => {
        const isInside = from.startsWith(".") && resolve(dirname(file), from).startsWith(inside);
        if (from.startsWith("node:")) return !file.startsWith(join(inside, "node/"));
        if (file.startsWith(inside)) return !isInside && !/^@baton-io\/core(\/driver)?$/.test(from);
        return isInside || !from.startsWith(".");
      });
      expect(foreign, relative(root, file)).toEqual([]);
    }
  });

  test("the folders of core know only those before them", () => {
    const folder = join(root, "packages/core/src");
    // What is in no folder, the doors and the backend, knows all of it.
    const rank = (file: string) => {
      const index = coreFolders.indexOf(relative(folder, file).split("/")[0]!);
      return index < 0 ? coreFolders.length : index;
    };
    for (const file of sourcesOf(folder).filter((one) => !one.startsWith(join(folder, "testing")))) {
      const above = allImports(readFileSync(file, "utf8"))
        .filter((from) => from.startsWith("."))
        .map((from) => resolve(dirname(file), from.replace(/\.js$/, ".ts")))
        .filter((other) => rank(other) > rank(file));
      expect(above, relative(root, file)).toEqual([]);
    }
  });

  test("no source has more than 400 lines, but for tables", () => {
    const packages = join(root, "packages");
    const files = readdirSync(packages, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile() && /\.(ts|h|cc)$/.test(file.name))
      .map((file) => join(file.parentPath, file.name))
      .filter((file) => !/\/(node_modules|dist|build|prebuilds|test)\/|\.gen\.h$|\/opcode-table\.ts$/.test(file));
    expect(files.length).toBeGreaterThan(300);
    const long = files.filter((file) => readFileSync(file, "utf8").split("\n").length - 1 > LINES_MAX);
    expect(long.map((file) => relative(root, file))).toEqual([]);
  });

  test("core imports no driver, and a driver no other driver and no detection", () => {
    const allowed: Record<string, RegExp> = {
      core: /^@baton-io\/$/,
      "driver-uring": /^@baton-io\/core/,
      "driver-epoll": /^@baton-io\/core/,
      "driver-libuv": /^@baton-io\/core/,
      detect: /^@baton-io\/(core|driver-)/,
    };
    for (const name of packageNames) {
      const testing = join(root, "packages/core/src/testing/");
      for (const file of sourcesOf(join(root, "packages", name, "src")).filter((one) => !one.startsWith(testing))) {
        const foreign = [...readFileSync(file, "utf8").matchAll(/(?:from|import\() ?"(@baton-io\/[^"]+)"/g)]
          .map(([, from]) => from!)
          .filter((from) => !allowed[name]!.test(from));
        expect(foreign, relative(root, file)).toEqual([]);
      }
    }
  });
});
