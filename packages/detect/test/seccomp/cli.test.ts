/** `baton seccomp` as it is used: files in, files out, exit codes, and one line for what goes wrong. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ioUringCalls } from "../../src/seccomp/judge.js";
import { builtCli, runCli, temporaryDirectory } from "../run-cli.js";
import { profileWith, smallProfile } from "./profiles.js";

const ADDED = { names: [...ioUringCalls], action: "SCMP_ACT_ALLOW" };
/** A container that does not depend on this machine. */
const TARGET = ["--arch", "amd64", "--kernel", "6.1"];

/** A directory with a default profile in it. */
function workplace(profile: unknown = smallProfile, indent: string | number = 2) {
  const directory = temporaryDirectory();
  const path = (name: string) => join(directory.path, name);
  writeFileSync(path("default.json"), `${JSON.stringify(profile, null, indent)}\n`);
  return {
    path,
    from: path("default.json"),
    read: (name: string) => readFileSync(path(name), "utf8"),
    files: () => readdirSync(directory.path).sort(),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

describe("baton seccomp --from", () => {
  test("writes the profile to stdout, and nothing else", async () => {
    using work = workplace();
    const { code, stdout, stderr } = await runCli(["seccomp", "--from", work.from]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ ...smallProfile, syscalls: [...smallProfile.syscalls, ADDED] });
  });

  test("--out writes the file, and says what it is, what comes next and what to read first", async () => {
    using work = workplace();
    const { code, stdout, stderr } = await runCli(["seccomp", "--from", work.from, "--out", work.path("new.json")]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain("--security-opt seccomp=");
    expect(stderr).toContain("docs/CLOUD_SETUP.md#security");
    expect(JSON.parse(work.read("new.json")).syscalls.at(-1)).toEqual(ADDED);
    expect(work.files()).toEqual(["default.json", "new.json"]);
  });

  test.each([
    ["tabs", "\t"],
    ["two spaces", "  "],
    ["four spaces", "    "],
  ])("keeps an indentation of %s, so that a diff shows the new rule alone", async (_name, indent) => {
    using work = workplace(smallProfile, indent);
    await runCli(["seccomp", "--from", work.from, "--out", work.path("new.json")]);
    const before = work.read("default.json").split("\n");
    const after = work.read("new.json").split("\n");
    // Eight lines more, and a comma behind the last rule.
    expect(after.length - before.length).toBe(8);
    const same = before.filter((line, number) => line === after[number]).length;
    expect(same).toBeGreaterThanOrEqual(before.length - 4);
  });

  test("reads stdin, and what it makes it finds allowed", () => {
    const cli = [builtCli(), "seccomp", ...TARGET];
    const run = (args: readonly string[], input: string) =>
      execFileSync(process.execPath, [...cli, ...args], { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
    const made = run(["--from", "-", "--kubernetes", "--caps", "none"], JSON.stringify(smallProfile));
    expect(run(["--check", "-", "--kubernetes"], made)).toContain("ALLOWED: ");
  });

  test("--kubernetes makes the plain form for the capabilities that are given", async () => {
    using work = workplace();
    const make = async (...args: string[]) => {
      const result = await runCli(["seccomp", "--from", work.from, "--kubernetes", ...TARGET, ...args]);
      expect(result.code, result.stderr).toBe(0);
      return result.stdout;
    };
    expect(await make()).not.toMatch(/mount|chroot|includes|excludes|archMap|comment/);
    expect(await make("--caps", "sys_chroot")).toContain("chroot");
    expect(await make("--caps", "CAP_SYS_ADMIN")).toContain("mount");
    expect(await make("--caps", "docker")).toContain("chroot");
  });

  test("may write over what it reads, and into what is no file", async () => {
    using work = workplace();
    expect((await runCli(["seccomp", "--from", work.from, "--out", work.from])).code).toBe(0);
    expect(JSON.parse(work.read("default.json")).syscalls.at(-1)).toEqual(ADDED);
    if (!existsSync("/dev/null")) return;
    expect((await runCli(["seccomp", "--from", work.from, "--out", "/dev/null"])).code).toBe(0);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("leaves no file behind where none can be written", async () => {
    using work = workplace();
    mkdirSync(work.path("directory"));
    const { code, stderr } = await runCli(["seccomp", "--from", work.from, "--out", work.path("directory")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^baton seccomp: EISDIR.*\n$/);
    expect(work.files()).toEqual(["default.json", "directory"]);
  });
});

describe("baton seccomp --check", () => {
  const rules = (...syscalls: object[]) => profileWith({ syscalls });
  const [setup, enter, register] = ioUringCalls;

  test.each<[string, number, Record<string, unknown>]>([
    ["ALLOWED", 0, rules(ADDED)],
    ["BLOCKED", 3, rules()],
    ["PARTIAL", 4, rules({ names: [setup, register], action: "SCMP_ACT_ALLOW" })],
    ["KILLS", 4, { ...rules(), defaultAction: "SCMP_ACT_KILL_PROCESS" }],
    ["UNDECIDED", 4, rules({ names: [setup, enter, register], action: "SCMP_ACT_NOTIFY" })],
  ])("%s: exit code %i", async (verdict, exitCode, profile) => {
    using work = workplace(profile);
    const text = await runCli(["seccomp", "--check", work.from, ...TARGET]);
    expect({ code: text.code, stderr: text.stderr }).toEqual({ code: exitCode, stderr: "" });
    expect(text.stdout).toMatch(new RegExp(`^${verdict}: `, "m"));
    expect(text.stdout.includes("docs/CLOUD_SETUP.md#security")).toBe(verdict !== "ALLOWED");
    const json = await runCli(["seccomp", "--check", work.from, "--json", ...TARGET]);
    expect(json.code).toBe(exitCode);
    expect(JSON.parse(json.stdout)).toMatchObject({ verdict, format: "docker", lost: null, target: { kernel: "6.1" } });
  });

  test("names each call's action, its errno and the rule it comes from", async () => {
    using work = workplace(rules({ names: [enter], action: "SCMP_ACT_ERRNO", errnoRet: 13 }));
    const { stdout } = await runCli(["seccomp", "--check", work.from, ...TARGET]);
    expect(stdout).toMatch(/io_uring_setup +refused +SCMP_ACT_ERRNO EPERM, by default/);
    expect(stdout).toMatch(/io_uring_enter +refused +SCMP_ACT_ERRNO EACCES, by syscalls\[0\]/);
  });

  test("--kubernetes warns of what containerd drops, and of nothing when nothing is dropped", async () => {
    using work = workplace();
    const { stdout } = await runCli(["seccomp", "--check", work.from, "--kubernetes", ...TARGET]);
    expect(stdout).toContain("WARNING: containerd drops");
    expect(stdout).toContain("6 rules");
    await runCli(["seccomp", "--from", work.from, "--kubernetes", "--out", work.path("flat.json"), ...TARGET]);
    const flat = await runCli(["seccomp", "--check", work.path("flat.json"), "--kubernetes", ...TARGET]);
    expect(flat.stdout).not.toContain("WARNING");
    const json = await runCli(["seccomp", "--check", work.from, "--kubernetes", "--json", ...TARGET]);
    expect(JSON.parse(json.stdout).lost).toEqual({ rules: 6, archMap: true });
  });
});

describe("what goes wrong is one line, and exit code 1:", () => {
  test.each<[string, readonly string[], RegExp]>([
    ["nothing to do", [], /give either --from .* or --check/],
    ["both at once", ["--from", "FILE", "--check", "FILE"], /give either --from .* or --check/],
    ["a file that is not there", ["--check", "/no/such/profile.json"], /ENOENT/],
    ["a file that is no profile", ["--from", "package.json"], /package\.json: not a seccomp profile/],
    ["--out with --check", ["--check", "FILE", "--out", "x.json"], /--out goes with --from/],
    ["--json with --from", ["--from", "FILE", "--json"], /--json goes with --check/],
    ["an architecture that is not known", ["--from", "FILE", "--arch", "sparc"], /amd64, arm64/],
    ["capabilities that are none", ["--from", "FILE", "--caps", "all of them"], /CAP_CHOWN/],
    ["a kernel that is none", ["--from", "FILE", "--kernel", "new"], /6\.1/],
  ])("%s", async (_what, args, pattern) => {
    using work = workplace();
    const { code, stdout, stderr } = await runCli([
      "seccomp",
      ...args.map((arg) => (arg === "FILE" ? work.from : arg)),
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(pattern);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  test("a profile that confines nothing is never opened further", async () => {
    using work = workplace(profileWith({ defaultAction: "SCMP_ACT_ALLOW" }));
    const { code, stderr } = await runCli(["seccomp", "--from", work.from, "--out", work.path("new.json")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/confines nothing/);
    expect(work.files()).toEqual(["default.json"]);
  });
});
