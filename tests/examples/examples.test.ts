/** Every example does what its comments say, over every driver that runs here. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { root, runExample, startExample } from "./run-example.js";

const found = await findDrivers();
const drivers = found.filter(isFound).map(({ name }) => name);
const directory = mkdtempSync(join(tmpdir(), "baton-examples-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

// Said aloud; whether an expected driver may be missing is decided by tests/conformance/drivers.test.ts.
for (const driver of found) {
  if (!isFound(driver)) process.stdout.write(`examples: not over ${driver.name}: ${driver.why}\n`);
}

const tested = new Set<string>();
function example(name: string): string {
  tested.add(name);
  return join(root, "examples", name);
}

const safety = example("safety.mjs");
const fileCopy = example("file-copy.mjs");
const echoServer = example("echo-server.mjs");
const asyncPatterns = example("async-patterns.mjs");
const simulatedFailure = example("simulated-failure.mjs");

/** Sends `bytes` in uneven pieces, ends its side, and resolves with all that came back. */
function echoThrough(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => {
      for (let at = 0; at < bytes.length; at += 10_007) socket.write(bytes.subarray(at, at + 10_007));
      socket.end();
    });
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.once("end", () => resolve(Buffer.concat(chunks)));
    socket.once("error", reject);
  });
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
  });
}

test("every example has its test", () => {
  const names = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".mjs"));
  expect([...tested].sort()).toEqual(names.sort());
});

describe.each(drivers)("the examples over %s", (driver) => {
  test("safety: every misuse is refused with its code, and nothing is left over", async () => {
    const { code, stdout, stderr } = await runExample(safety, driver);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain(`driver: ${driver}\n`);
    expect(stdout).not.toContain("NOT REFUSED");
    const codes = [...stdout.matchAll(/ {2}(ERR_\w+)$/gm)].map((match) => match[1]);
    expect(codes).toEqual([
      "ERR_BUFFER_LENT",
      "ERR_BUFFER_LENT",
      "ERR_BUFFER_LENT",
      "ERR_BUFFER_RELEASED",
      "ERR_BUFFER_RELEASED",
      "ERR_BUFFER_RELEASED_TWICE",
      "ERR_BUFFER_POOLED",
      "ERR_BUFFER_SHARED",
      "ERR_OUT_OF_RANGE",
      "ERR_UNKNOWN_OPTION",
      "ERR_INVALID_PATH",
      "ERR_RESOURCE_CLOSED",
      "ERR_RESOURCE_CLOSED_TWICE",
    ]);
    expect(stdout).toMatch(/a read that fails +EISDIR, the buffer is owned/);
    expect(stdout).toMatch(/a receive that is aborted +ABORT_ERR, the buffer is owned/);
    expect(stdout).toMatch(/operations in flight +0, 0, 0\n/);
  });

  test("file-copy: the copy is the source, an existing target is left alone, a failed copy leaves nothing", async () => {
    const source = join(directory, `${driver}-source`);
    const target = join(directory, `${driver}-target`);
    const bytes = Buffer.alloc(3_000_001, createHash("sha512").update(driver).digest());
    writeFileSync(source, bytes);
    expect(await runExample(fileCopy, driver, [source, target])).toEqual({
      code: 0,
      stdout: `${driver}: copied 3000001 bytes\n`,
      stderr: "",
    });
    expect(readFileSync(target).equals(bytes)).toBe(true);

    writeFileSync(source, "other");
    const again = await runExample(fileCopy, driver, [source, target]);
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toMatch(/^EEXIST: .*\n$/);
    expect(readFileSync(target).equals(bytes)).toBe(true);

    const nothing = join(directory, `${driver}-nothing`);
    // A directory opens and has a size, but cannot be read.
    const failed = await runExample(fileCopy, driver, [directory, nothing]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^EISDIR: /);
    expect(existsSync(nothing)).toBe(false);
  });

  test("echo-server: every byte comes back, a reset hurts nobody else, a signal ends it in order", async () => {
    const { child, output, ended } = startExample(echoServer, driver);
    const port = Number((await output(/listening on 127\.0\.0\.1:(\d+)/))[1]);
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
    const idle = await connected(port);
    const rude = await connected(port);
    rude.resetAndDestroy();
    const back = await Promise.all([echoThrough(port, bytes), echoThrough(port, Buffer.from("short"))]);
    expect(back[0].equals(bytes)).toBe(true);
    expect(back[1].toString()).toBe("short");
    const idleEnded = new Promise((resolve) => idle.once("close", resolve));
    idle.resume();
    child.kill("SIGTERM");
    const { code, stdout } = await ended;
    await idleEnded;
    expect(code).toBe(0);
    expect(stdout).toMatch(/served [23], closed \d+ that were open, 0 buffers out/);
  });

  test("async-patterns: nothing is lost in any of them", async () => {
    const { code, stdout, stderr } = await runExample(asyncPatterns, driver);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^timeout +ERR_TIMEOUT, buffer owned$/m);
    expect(stdout).toMatch(/^abort +ABORT_ERR because the user has left$/m);
    expect(stdout).toMatch(/^lost race +5 bytes: hello$/m);
    expect(stdout).toMatch(/^race +won by the clock; the connection after it was accepted$/m);
    expect(stdout).toMatch(/^cancel +"canceled": ERR_OPERATION_CANCELED; again: "too-late"$/m);
    expect(stdout).toMatch(/^batch +ok, ok, ok, ENOENT$/m);
    const most = Number(/never more than (\d+) buffers/.exec(stdout)?.[1]);
    // The pool of this example is 1 MiB: sixteen such buffers, less what other sizes have of it.
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(16);
    expect(stdout).toMatch(/buffers out at the end: 0\n$/);
  });
});

test("simulated-failure: the retry survives every seed, the careless version does not", async () => {
  const { code, stdout, stderr } = await runExample(simulatedFailure, "auto");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^careful: +100 of 100 seeds right$/m);
  const careless = Number(/^careless: +(\d+) of 100 seeds right/m.exec(stdout)?.[1]);
  expect(careless).toBeLessThan(100);
});
