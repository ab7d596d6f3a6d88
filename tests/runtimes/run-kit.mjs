// @ts-check
/**
 * The conformance kit over the built packages, bound to no test runner: `run-kit.mjs DRIVER [PATTERN]`. PATTERN chooses
 * cases by id. What fails is told on stderr; the last line is the summary of the kit. Exit code 1 when a case failed.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformance, summarise, summaryLine } from "@baton-io/core/testing";
import { driverFactory } from "./drivers.mjs";

const [driver = "", pattern = ""] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), `baton-kit-${driver}-`));
let next = 0;

/** Runtimes open descriptors of their own for the first listener and the first files, and keep them. */
async function warmUp() {
  /** @type {Promise<void>} */
  const closed = new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => server.close(() => resolve()));
  });
  await closed;
  const paths = Array.from({ length: 32 }, (_, index) => join(directory, `warm-up-${index}`));
  await Promise.all(paths.map((path) => writeFile(path, path)));
  await Promise.all(paths.map((path) => readFile(path)));
}

// Deno opens descriptors of its own at times of its own.
const countable = process.platform === "linux" && !("deno" in process.versions);

/** @type {import("@baton-io/core/testing").ConformanceSubject} */
const subject = {
  name: driver,
  createDriver: driverFactory(driver),
  scratchPath: (of) => join(directory, `${next++}-${of}`),
  makeFifos: (paths) => void execFileSync("mkfifo", [...paths]),
  oracle: {
    readFile: async (path) => new Uint8Array(await readFile(path)),
    writeFile: (path, bytes) => writeFile(path, bytes),
  },
  ...(countable && { countDescriptors: () => readdirSync("/proc/self/fd").length }),
};

await warmUp();
const wanted = new RegExp(pattern);
const results = [];
for (const one of conformance(subject).filter(({ id }) => wanted.test(id))) {
  const result = { id: one.id, kind: one.kind, passed: true };
  results.push(result);
  try {
    await one.run();
  } catch (error) {
    result.passed = false;
    console.error(`${one.id} · ${one.title}\n  ${error instanceof Error ? error.message : String(error)}`);
  }
}
rmSync(directory, { recursive: true, force: true });
const summary = summarise(driver, results);
console.log(summaryLine(summary));
process.exitCode = summary.failed === 0 ? 0 : 1;
