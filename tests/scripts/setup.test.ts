import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { failedPackages } from "../../scripts/setup/build.mjs";
import { dependenciesAreInstalled, unlockedPackages } from "../../scripts/setup/dependencies.mjs";
import { buildOutputs } from "../../scripts/setup/packages.mjs";
import { installSystemPackages } from "../../scripts/setup/system-packages.mjs";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "baton-setup-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

describe("the cache of builds", () => {
  const repository = fileURLToPath(new URL("../../", import.meta.url));
  /** By package, what a build is found by in the cache. */
  function hashes(toolchain: string): Record<string, string> {
    const output = execFileSync(process.execPath, ["node_modules/turbo/bin/turbo", "run", "build", "--dry=json"], {
      cwd: repository,
      encoding: "utf8",
      env: { ...process.env, BATON_TOOLCHAIN: toolchain, TURBO_TELEMETRY_DISABLED: "1" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const { tasks } = JSON.parse(output) as { tasks: { package: string; hash: string; inputs: object }[] };
    for (const { inputs } of tasks) expect(Object.keys(inputs)).toContain("package.json");
    return Object.fromEntries(tasks.map((task) => [task.package, task.hash]));
  }

  test("has nothing under other tools: what was left out for want of one is built when it has come", () => {
    const before = hashes("without liburing");
    expect(hashes("without liburing")).toEqual(before);
    const after = hashes("with liburing");
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(Object.keys(after)).toContain("@baton-io/driver-uring");
    for (const [name, hash] of Object.entries(after)) expect(hash, name).not.toBe(before[name]);
  });

  test("what a manifest promises is what a build makes", () => {
    write(
      "packages/core/package.json",
      JSON.stringify({ exports: { ".": { types: "./dist/a.d.ts", default: "./dist/a.js" } } }),
    );
    expect(buildOutputs(root, "packages/core")).toEqual(["packages/core/dist/a.d.ts", "packages/core/dist/a.js"]);
  });
});

describe("whether dependencies are installed", () => {
  const lock = (packages: object) => JSON.stringify({ packages });

  test("as the lock file says: version by version, links as links", () => {
    const locked = {
      "": { name: "baton" },
      "packages/core": { version: "0.1.0" },
      "node_modules/@baton-io/core": { link: true, resolved: "packages/core" },
      "node_modules/tsup": { version: "8.5.1" },
      "node_modules/only-elsewhere": { version: "1.0.0", optional: true },
    };
    const installed = {
      "node_modules/@baton-io/core": { link: true, resolved: "packages/core" },
      "node_modules/tsup": { version: "8.5.1" },
    };
    write("package-lock.json", lock(locked));
    expect(dependenciesAreInstalled(root)).toBe(false);
    write("node_modules/.package-lock.json", lock(installed));
    expect(dependenciesAreInstalled(root)).toBe(true);
    for (const [path, other] of [
      ["node_modules/tsup", { version: "8.5.0" }],
      ["node_modules/tsup", undefined],
      ["node_modules/@baton-io/core", { version: "0.1.0" }],
    ] as const) {
      write("node_modules/.package-lock.json", lock({ ...installed, [path]: other }));
      expect(dependenciesAreInstalled(root)).toBe(false);
    }
  });

  test("an optional package that is not locked is named: npm ci would refuse the file", () => {
    const wanted = { optionalDependencies: { linux: "1.0.0", darwin: "1.0.0" } };
    const packages = { "node_modules/tool": wanted, "node_modules/linux": { optional: true } };
    write("package-lock.json", lock(packages));
    expect(unlockedPackages(root)).toEqual(["darwin"]);
    write("package-lock.json", lock({ ...packages, "node_modules/tool/node_modules/darwin": { optional: true } }));
    expect(unlockedPackages(root)).toEqual([]);
  });

  test("a lock file that cannot be read means no", () => {
    write("package-lock.json", "{");
    write("node_modules/.package-lock.json", lock({}));
    expect(dependenciesAreInstalled(root)).toBe(false);
  });
});

describe.skipIf(process.platform === "win32")("system packages", () => {
  const path = process.env["PATH"];
  afterEach(() => {
    process.env["PATH"] = path;
  });

  /** Puts programs into the path that write down how they were called; `fails` answers for apt-get. */
  function fakePrograms(names: readonly string[], fails = "false"): () => string {
    for (const name of names) {
      write(
        `bin/${name}`,
        `#!/bin/sh\necho "${name} $*" >> "${root}/calls"\n${name === "sudo" ? 'shift; exec "$@"' : fails}\n`,
      );
      chmodSync(join(root, "bin", name), 0o755);
    }
    process.env["PATH"] = `${join(root, "bin")}:/usr/bin:/bin`;
    return () => {
      try {
        return readFileSync(join(root, "calls"), "utf8");
      } catch {
        return "";
      }
    };
  }

  const missing = ["liburing", "pkgConfig"] as const;
  const install = async (rights: { setting: string | undefined; isRoot: boolean }) => {
    const lines: string[] = [];
    await installSystemPackages([...missing], (line) => lines.push(line), rights);
    return lines;
  };

  test("root installs them, announced in one line that says how to switch it off", async () => {
    const calls = fakePrograms(["apt-get"], "exit 0");
    const lines = await install({ setting: undefined, isRoot: true });
    expect(lines).toEqual(["installing liburing-dev, pkg-config through apt-get (off: BATON_SETUP_SYSTEM=0)"]);
    expect(calls()).toBe("apt-get install -y -qq --no-install-recommends liburing-dev pkg-config\n");
  });

  test("what the package lists do not know yet is looked for again after an update; then it is one line more", async () => {
    const calls = fakePrograms(["apt-get"], 'test "$1" = update');
    const lines = await install({ setting: undefined, isRoot: true });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain(
      "apt-get could not install liburing-dev, pkg-config; without it the uring driver is not built",
    );
    expect(
      calls()
        .split("\n")
        .map((call) => call.split(" ")[1]),
    ).toEqual(["install", "update", "install", undefined]);
  });

  test("others are told what would install them, and nothing is run", async () => {
    const calls = fakePrograms(["apt-get", "sudo"], "exit 0");
    const lines = await install({ setting: undefined, isRoot: false });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("BATON_SETUP_SYSTEM=1");
    expect(calls()).toBe("");
  });

  test("BATON_SETUP_SYSTEM=1 goes through sudo", async () => {
    const calls = fakePrograms(["apt-get", "sudo"], "exit 0");
    const lines = await install({ setting: "1", isRoot: false });
    expect(lines).toEqual(["installing liburing-dev, pkg-config through sudo apt-get (off: BATON_SETUP_SYSTEM=0)"]);
    expect(calls()).toContain("apt-get install");
  });

  test("BATON_SETUP_SYSTEM=0 does and says nothing", async () => {
    const calls = fakePrograms(["apt-get"], "exit 0");
    expect(await install({ setting: "0", isRoot: true })).toEqual([]);
    expect(calls()).toBe("");
  });
});

test("the failed packages are read from what the build says", () => {
  const output =
    " Tasks:    1 successful, 3 total\nFailed:    @baton-io/core#build, @baton-io/driver-uring#build\n\n ERROR  run failed\n";
  expect(failedPackages(output)).toEqual(["@baton-io/core", "@baton-io/driver-uring"]);
  expect(failedPackages(" Tasks:    3 successful, 3 total\n")).toEqual([]);
});
