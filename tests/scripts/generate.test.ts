import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { generate, staleFiles } from "../../scripts/generate.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const script = join(root, "scripts/generate.mjs");

/** A copy of the tables and of what was generated from them. */
function copyOfTables() {
  const directory = mkdtempSync(join(tmpdir(), "baton-generate-"));
  const sources = ["core", "driver-uring", "driver-epoll", "driver-libuv"].map((name) => `packages/${name}/src`);
  const headers = [
    "packages/core/native/baton/opcode.gen.h",
    "packages/core/native/baton/file_calls.gen.h",
    "packages/driver-uring/native/file_entries.gen.h",
  ];
  for (const path of [...sources, ...headers, "docs/reference"]) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    cpSync(join(root, path), join(directory, path), { recursive: true });
  }
  return {
    directory,
    change: (path: string, from: string, to: string) => {
      const before = readFileSync(join(directory, path), "utf8");
      expect(before).toContain(from);
      writeFileSync(join(directory, path), before.replace(from, to));
    },
    run: (...args: string[]) =>
      spawnSync(process.execPath, [script, "--root", directory, ...args], { encoding: "utf8" }),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

describe("npm run generate", () => {
  test("would change nothing in this repository", async () => {
    expect(await staleFiles(root)).toEqual([]);
    execFileSync(process.execPath, [script, "--check"]);
  });

  test("gives the same twice", async () => {
    expect(await generate(root)).toEqual(await generate(root));
  });

  test("--check names what a change of a table makes stale, and generating mends it", () => {
    using copy = copyOfTables();
    copy.change("packages/core/src/spi/opcode-table.ts", 'syscall: "nop"', 'syscall: "noop"');
    const check = copy.run("--check");
    expect(check.status).toBe(1);
    expect(check.stderr).toContain("packages/core/native/baton/opcode.gen.h");
    expect(check.stderr).toContain("docs/reference/operations.md");
    expect(check.stderr).not.toContain("errors.md");
    expect(copy.run().status).toBe(0);
    expect(copy.run("--check").status).toBe(0);
    expect(readFileSync(join(copy.directory, "packages/core/native/baton/opcode.gen.h"), "utf8")).toContain(
      "kNop = 0,  // noop",
    );
  });

  test("--check sees a generated file that was edited or is missing", () => {
    using copy = copyOfTables();
    copy.change("docs/reference/errors.md", "# Errors", "# Mistakes");
    rmSync(join(copy.directory, "docs/reference/operations.md"));
    const { status, stderr } = copy.run("--check");
    expect(status).toBe(1);
    expect(stderr).toContain("errors.md");
    expect(stderr).toContain("operations.md");
  });

  test("--check sees that a driver declares something else than the page of capabilities says", () => {
    using copy = copyOfTables();
    copy.change("packages/driver-epoll/src/capabilities.ts", "a worker thread of the driver's own", "a thread");
    const { status, stderr } = copy.run("--check");
    expect(status).toBe(1);
    expect(stderr).toContain("docs/reference/capabilities.md");
    expect(stderr).not.toContain("operations.md");
  });

  test("every operation and every feature has its row of capabilities, and every answer its explanation", async () => {
    const { featureNames, opcodeNames } = await import("../../packages/core/src/driver.js");
    const { capabilities } = await import("../../packages/driver-epoll/src/capabilities.js");
    const files = new Map((await generate(root)).map(({ path, content }) => [path, content]));
    const page = files.get("docs/reference/capabilities.md") ?? "";
    for (const name of [...opcodeNames, ...featureNames])
      expect(page).toMatch(new RegExp(`^\\| .*\`${name}\`.* \\|`, "m"));
    for (const support of Object.values(capabilities.features)) {
      const text = support.kind === "unsupported" ? support.why : support.how;
      if (text !== undefined) expect(page).toContain(text);
    }
  });

  test("every error code and every operation is in the reference", async () => {
    const { errorTable } = await import("../../packages/core/src/index.js");
    const { opcodeNames } = await import("../../packages/core/src/driver.js");
    const files = new Map((await generate(root)).map(({ path, content }) => [path, content]));
    for (const code of Object.keys(errorTable)) expect(files.get("docs/reference/errors.md")).toContain(`\`${code}\``);
    for (const name of opcodeNames) expect(files.get("docs/reference/operations.md")).toContain(`### ${name}\n`);
  });

  test("the header compiles with all warnings, and its layout is that of the records", async (context) => {
    const compiler = ["g++", "clang++"].find((name) => spawnSync(name, ["--version"]).status === 0);
    if (compiler === undefined) return context.skip("no C++ compiler");
    const directory = mkdtempSync(join(tmpdir(), "baton-header-"));
    try {
      const source = join(directory, "header.cc");
      writeFileSync(
        source,
        `#include "baton/opcode.gen.h"
#include <cstdio>
int main() {
  baton::SubmissionRecord record{};
  record.operation = static_cast<uint32_t>(baton::Opcode::kReceive) | baton::kSubmitMultishot;
  record.position_low = 0xfffffffe;
  record.position_high = -1;
  const bool right = baton::IsOpcode(record.OpcodeNumber()) && record.Has(baton::kSubmitMultishot) &&
                     !record.Has(baton::kSubmitLink) && record.Position() == -2;
  std::printf("%s %s %d\\n", baton::InfoOf(baton::Opcode::kReceive).name, baton::kOpcodeTable[15].syscall, right);
}
`,
      );
      const flags = [
        "-std=c++20",
        "-Wall",
        "-Wextra",
        "-Wshadow",
        "-Wconversion",
        "-Werror",
        "-fno-exceptions",
        "-fno-rtti",
      ];
      const program = join(directory, "header");
      execFileSync(compiler, [...flags, "-I", join(root, "packages/core/native"), "-o", program, source]);
      expect(execFileSync(program, { encoding: "utf8" })).toBe("receive shutdown 1\n");
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
