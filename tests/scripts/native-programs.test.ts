import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mutants } from "../mutants/list.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

function programs(...names: readonly string[]) {
  const args = [join(root, "scripts/test-native.mjs"), "--list", ...names];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status, found: stdout.split("\n").filter((line) => line.startsWith("core/") || line.startsWith("driver-")) };
}

describe("the programs of the C++ tests", () => {
  const liburing = existsSync("/usr/include/liburing.h");

  test("a name without its package is of all of that name, with it of one", () => {
    const both = ["driver-uring/engine_test (address)", "driver-epoll/engine_test (address)"];
    expect(programs("engine_test").found).toEqual(liburing ? both : both.slice(1));
    expect(programs("driver-epoll/engine_test").found).toEqual(both.slice(1));
  });

  test("a header of cases stands for the programs of its package that have them", () => {
    expect(programs("driver-epoll/engine_adopt_cases").found).toEqual(["driver-epoll/engine_test (address)"]);
  });

  test("a program of another package is not there", () => {
    expect(programs("driver-epoll/adopt_test")).toEqual({ status: 2, found: [] });
  });

  test("every source that kills a mutant is there under the name of its package", () => {
    for (const { file } of mutants.flatMap(({ killedBy }) => killedBy)) {
      if (file.includes("/native/test/")) expect(existsSync(join(root, file)), file).toBe(true);
    }
  });
});
