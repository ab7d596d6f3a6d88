/**
 * The conformance kit on one driver, without a test runner: `kit.mjs DRIVER [EVERY [OFFSET]]` runs every EVERY-th case.
 * One line of JSON at the end; what fails goes to stderr.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConformanceSubject, conformance } from "@baton-io/core/testing";
import { createDriver, say } from "../../life/programs/drivers.js";

const [driver = "", every = "1", offset = "0"] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), `baton-kit-${driver}-`));
let next = 0;

// The runtime keeps one descriptor from its first listener on.
await new Promise<void>((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => server.close(() => resolve()));
});

const subject: ConformanceSubject = {
  name: driver,
  createDriver: () => createDriver(driver),
  scratchPath: (of) => join(directory, `${next++}-${of}`),
  makeFifo: (path) => void execFileSync("mkfifo", [path]),
  oracle: {
    readFile: async (path) => new Uint8Array(await readFile(path)),
    writeFile: (path, bytes) => writeFile(path, bytes),
  },
  countDescriptors: () => readdirSync("/proc/self/fd").length,
};

const cases = conformance(subject).filter((_, index) => index % Number(every) === Number(offset) % Number(every));
const failures: string[] = [];
for (const one of cases) {
  try {
    await one.run();
  } catch (error) {
    failures.push(one.id);
    process.stderr.write(`${one.id} · ${one.title}\n${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
rmSync(directory, { recursive: true, force: true });
say({ driver, passed: cases.length - failures.length, failures });
