/**
 * What somebody else has of the packages, outside of this repository: they are packed, installed from their tarballs into
 * an empty directory, and used by the ten lines that the guide shows.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { npmCommand, runQuietly } from "../../scripts/child.mjs";
import { readPages, root } from "../docs/markdown.js";

const INSTALL_LIMIT_MS = 120_000;
/** The longest that a run of the ten lines may take, and what kills it. */
const RUN_LIMIT_MS = 120_000;

/** Several hundred cases of each kind, in seconds. */
const manyCases =
  "^(file-|own-position|tcp-|stream-loop|once|lends|when-|pool|ownership|spi-|refusal|rejection|udp|chain|open-flags)";

const guide = "docs/guides/writing-a-driver.md";
const tenLines = readPages()
  .find(({ path }) => path === guide)!
  .blocks.find(({ text }) => text.includes('from "my-driver"'))!.text;

const directory = mkdtempSync(join(tmpdir(), "baton-third-party-"));
/** Where core is alone, and where everything is. */
const production = join(directory, "production");
const development = join(directory, "development");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function npm(cwd: string, ...words: string[]): Promise<string> {
  const { program, args } = npmCommand([...words, "--ignore-scripts", "--offline", "--no-audit", "--no-fund"]);
  const { code, stdout, output } = await runQuietly(program, args, { cwd });
  if (code !== 0) throw new Error(`npm ${words.join(" ")}: ${output}`);
  return stdout.trim();
}

/** The tarball of a package. */
async function pack(from: string): Promise<string> {
  return join(directory, await npm(join(root, from), "pack", "--silent", "--pack-destination", directory));
}

async function install(into: string, tarballs: readonly string[]): Promise<void> {
  mkdirSync(into);
  writeFileSync(join(into, "package.json"), '{ "name": "somebody-else", "private": true, "type": "module" }\n');
  await npm(into, "install", ...tarballs);
}

beforeAll(async () => {
  for (const name of ["core", "testing", "driver-libuv"]) {
    const built = join(root, "packages", name, "dist/index.js");
    if (!existsSync(built)) throw new Error(`${built} is missing: run \`npm run build\` first`);
  }
  const tarballs = await Promise.all(
    ["packages/core", "packages/testing", "packages/driver-libuv", "tests/packaging/my-driver"].map(pack),
  );
  await install(production, tarballs.slice(0, 1));
  await install(development, tarballs);
  writeFileSync(join(development, "kit.test.js"), tenLines);
  writeFileSync(join(development, "kit.test.ts"), tenLines);
}, INSTALL_LIMIT_MS);

/** Runs a file of the installation, as its own program. */
function runNode(cwd: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  // What this process was started with is not what a reader has.
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...env, NO_COLOR: "1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise<{ readonly code: number | null; readonly output: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** Runs the ten lines as they stand, over cases whose names match; `MY_DRIVER` breaks the driver. */
async function runTenLines(pattern: string, breakage = "") {
  const args = ["--test-reporter=tap", `--test-name-pattern=${pattern}`, "kit.test.js"];
  const { code, output } = await runNode(development, args, { MY_DRIVER: breakage });
  return {
    code,
    passed: Number(/^# pass (\d+)$/m.exec(output)?.[1]),
    failures: [...output.matchAll(/^not ok \d+ - (\S+)/gm)].map(([, id]) => id),
    output,
  };
}

describe("core, installed for production", () => {
  test("has nothing of what is for tests", () => {
    const installed = readdirSync(join(production, "node_modules/@baton-io"));
    expect(installed).toEqual(["core"]);
    const files = readdirSync(join(production, "node_modules/@baton-io/core"), { recursive: true, encoding: "utf8" });
    const code = files.filter((file) => /\.(js|map|ts)$/.test(file));
    expect(code.length).toBeGreaterThan(4);
    for (const file of code) {
      const text = readFileSync(join(production, "node_modules/@baton-io/core", file), "utf8");
      expect(/runConformance|createSimulation/.exec(text), file).toBe(null);
    }
  });

  test("opens to programs; its door for tests says which package is to be installed", async () => {
    const load = (door: string) =>
      runNode(production, ["--input-type=module", "--eval", `await import(${JSON.stringify(door)});`]);
    expect(await load("@baton-io/core")).toEqual({ code: 0, output: "" });
    expect(await load("@baton-io/core/driver")).toEqual({ code: 0, output: "" });
    const { code, output } = await load("@baton-io/core/testing");
    expect(code).toBe(1);
    expect(output).toContain("Cannot find package '@baton-io/testing'");
  });
});

describe.concurrent("a driver of somebody else", () => {
  test("is tested in ten lines", () => {
    expect(tenLines.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
  });

  test(
    "the ten lines compile against what is installed",
    async () => {
      const tsc = join(root, "node_modules/typescript/bin/tsc");
      const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
      const settings = [
        "--noEmit",
        "--strict",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--lib",
        "es2023,esnext.disposable",
      ];
      expect(await runNode(development, [tsc, ...settings, ...types, "kit.test.ts"])).toEqual({ code: 0, output: "" });
    },
    RUN_LIMIT_MS,
  );

  test(
    "complies: hundreds of cases pass",
    async () => {
      const { code, passed, failures, output } = await runTenLines(manyCases);
      expect(failures, output.slice(-2000)).toEqual([]);
      expect(code).toBe(0);
      expect(passed).toBeGreaterThan(300);
    },
    RUN_LIMIT_MS,
  );

  test(
    "that tells a wrong count is found out",
    async () => {
      const { code, failures } = await runTenLines("^(file-read|own-position)/", "wrong-count");
      expect(code).toBe(1);
      expect(failures).toEqual(expect.arrayContaining(["file-read/whole", "own-position/in-order"]));
    },
    RUN_LIMIT_MS,
  );

  test(
    "that loses a completion is found out",
    async () => {
      const { code, passed, failures, output } = await runTenLines("^file-read/whole ", "lost-completion");
      expect(code).toBe(1);
      expect(failures).toEqual(["file-read/whole"]);
      expect(passed).toBe(0);
      expect(output).toMatch(/not done after \d+ ms/);
    },
    RUN_LIMIT_MS,
  );
});
