import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contentProblems } from "../../scripts/check/packages.mjs";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "baton-pack-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content = ""): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function manifest(files: readonly string[]): string {
  const exports = { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } };
  return JSON.stringify({ name: "@example/x", version: "1.0.0", files, exports });
}

describe("what would be published", () => {
  test("is right when it is what the manifest promises, and binaries that were built", async () => {
    write("packages/x/package.json", manifest(["dist", "prebuilds"]));
    write("packages/x/dist/index.js");
    write("packages/x/dist/index.d.ts");
    write("packages/x/binding.gyp", "{}");
    write("packages/x/prebuilds/linux-x64/x.node");
    write("packages/x/src/index.ts");
    expect(await contentProblems(root, "packages/x")).toEqual([]);
  });

  test("may hold no sources and no tests, and must hold what the manifest promises", async () => {
    write("packages/x/package.json", manifest(["dist", "src", "native"]));
    write("packages/x/dist/index.js");
    write("packages/x/src/index.ts");
    write("packages/x/native/engine.h");
    write("packages/x/native/test/engine_test.cc");
    expect((await contentProblems(root, "packages/x")).sort()).toEqual([
      "is missing from it: dist/index.d.ts",
      "must not be in it: native/test/engine_test.cc",
      "must not be in it: src/index.ts",
    ]);
  });

  test("must hold the binaries that were built", async () => {
    write("packages/x/package.json", manifest(["dist"]));
    write("packages/x/dist/index.js");
    write("packages/x/dist/index.d.ts");
    write("packages/x/binding.gyp", "{}");
    write("packages/x/prebuilds/linux-x64/x.node");
    expect(await contentProblems(root, "packages/x")).toEqual(["is missing from it: prebuilds/linux-x64/x.node"]);
  });
});
