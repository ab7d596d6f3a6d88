import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { stages } from "../../scripts/check/stages.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Stages that are one tool or script; the others read the tree themselves, and fail for what they cannot read. */
const usesTool = ["drivers", "fuzz", "lint", "mutants", "native", "tests", "types"];

function check(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts/check.mjs"), ...args], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr, last: stdout.trimEnd().split("\n").at(-1) };
}

describe("npm run check", () => {
  test("lists its stages, each with its own name", () => {
    const { status, stdout } = check(["--list"]);
    expect(status).toBe(0);
    const lines = stdout.split("\n").map((line) => line.replace(/ +/, " "));
    for (const { name, checks } of stages) expect(lines).toContain(`${name} ${checks}`);
    expect(new Set(stages.map(({ name }) => name)).size).toBe(stages.length);
  });

  test("ends with the line of counts, and exits with 0 when nothing failed", () => {
    const { status, stdout, last } = check(["--only", "generated"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^✓ generated +\d+ passed +\d+\.\d s$/m);
    expect(last).toMatch(/^[1-9]\d* passed, 0 failed$/);
  });

  test("an expected driver that does not run is a failure, named, and the exit code is 1", () => {
    const { status, stdout, last } = check(["--only", "drivers"], { EXPECT_DRIVERS: "libuv,kqueue" });
    expect(status).toBe(1);
    expect(stdout).toContain("EXPECT_DRIVERS names kqueue, which is no driver");
    expect(last).toMatch(/^\d+ passed, 1 failed$/);
  });

  test("a driver that is not expected and does not run is listed as skipped, with its cause", () => {
    const { stdout } = check(["--only", "drivers"], { EXPECT_DRIVERS: "libuv" });
    const running = /(\d+) passed/.exec(stdout)?.[1];
    expect(stdout.match(/^ {2}drivers: driver \w+: [A-Z_]+\. .+$/gm)?.length ?? 0).toBe(3 - Number(running));
  });

  test("a stage whose tool is not there has failed, and says what is missing", async () => {
    const empty = mkdtempSync(join(tmpdir(), "baton-check-"));
    try {
      for (const stage of stages.filter(({ name }) => usesTool.includes(name))) {
        const { passed, failed, failures } = await stage.run(empty);
        expect(passed, stage.name).toBe(0);
        expect(failed, stage.name).toBeGreaterThan(0);
        expect(failures, stage.name).toMatch(/there is no (scripts|packages|node_modules)\/\S+\.?\w+$/m);
      }
    } finally {
      rmSync(empty, { recursive: true, force: true });
    }
  });

  test("a stage that does not exist is refused", () => {
    const { status, stderr } = check(["--only", "generated,nothing"]);
    expect(status).toBe(2);
    expect(stderr).toContain("there is no stage nothing");
  });

  test("an unknown option is refused with the options there are, which --help prints too", () => {
    const wrong = check(["--oly", "lint"]);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toMatch(/^check: Unknown option '--oly'/);
    const help = check(["--help"]);
    expect(help.status).toBe(0);
    expect(help.stdout).toContain("--only STAGES");
    expect(wrong.stderr).toContain(help.stdout.trim());
  });
});

describe("the reporter that counts tests", () => {
  test("counts what passed and failed, inside tests and outside, and keeps the reason of every skip", () => {
    mkdirSync(join(root, ".baton"), { recursive: true });
    // Below the repository, so that `vitest` is found; outside what its own tests include.
    const directory = mkdtempSync(join(root, ".baton/reporter-"));
    try {
      const results = join(directory, "results.json");
      writeFileSync(
        join(directory, "mixed.test.ts"),
        `import { describe, expect, test } from "vitest";
test("passes", () => undefined);
test("fails", () => expect(1).toBe(2));
test("is skipped", (context) => context.skip("needs another machine"));
test.skip("is skipped without a word", () => undefined);
`,
      );
      writeFileSync(join(directory, "broken.test.ts"), 'throw new Error("does not load");\n');
      writeFileSync(join(directory, "vitest.config.mjs"), "export default {};\n");
      const args = ["run", "--root", directory, "--config", join(directory, "vitest.config.mjs")];
      const reporter = ["--reporter", join(root, "scripts/check/vitest-reporter.mjs")];
      const { status } = spawnSync(
        process.execPath,
        [join(root, "node_modules/vitest/vitest.mjs"), ...args, ...reporter],
        {
          encoding: "utf8",
          env: { ...process.env, BATON_CHECK_RESULTS: results },
        },
      );
      expect(status).toBe(1);
      const { slowest, ...counts } = JSON.parse(readFileSync(results, "utf8"));
      expect(slowest.map(({ file }: { file: string }) => file).sort()).toEqual(["broken.test.ts", "mixed.test.ts"]);
      expect(counts).toEqual({
        passed: 1,
        failed: 2,
        skipped: [
          "is skipped (mixed.test.ts): needs another machine",
          "is skipped without a word (mixed.test.ts): no reason given",
        ],
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
