/**
 * The conformance kit on one driver, without a test runner: `kit.mjs DRIVER [EVERY [OFFSET]]` runs every EVERY-th case.
 * DRIVER may be `sim`. With `BATON_COLLECT=1` garbage is collected in every turn of the event loop, on `sim` in every
 * moment of its time. One line of JSON at the end; what fails goes to stderr.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ConformanceSubject,
  createSimulation,
  hasVastMemory,
  runConformance,
  type SubjectSource,
} from "@baton-io/core/testing";
import { createDriver, say } from "../../life/programs/drivers.js";
import { collectEveryTurn, collectionCount } from "./collector.js";

const [driver = "", every = "1", offset = "0"] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), `baton-kit-${driver}-`));
let next = 0;

// The runtime keeps one descriptor from its first listener on.
await new Promise<void>((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => server.close(() => resolve()));
});

const { gc } = globalThis;
const collects = process.env["BATON_COLLECT"] === "1";
/** A collection takes some milliseconds, many where the machine is busy, and there are thousands of turns in a case. */
const slowly = collects ? { caseDeadlineMs: 300_000 } : {};

const real: ConformanceSubject = {
  name: driver,
  ...slowly,
  createDriver: () => createDriver(driver),
  scratchPath: (of) => join(directory, `${next++}-${of}`),
  makeFifos: (paths) => void execFileSync("mkfifo", [...paths]),
  oracle: {
    readFile: async (path) => new Uint8Array(await readFile(path)),
    writeFile: (path, bytes) => writeFile(path, bytes),
  },
  countDescriptors: () => readdirSync("/proc/self/fd").length,
  ...(hasVastMemory() && { sinkPath: devNull }),
  ...(gc !== undefined && { collectGarbage: () => void gc() }),
};

/** Machines so far, and what time it is on the one at work. */
let machines = 0;
let nowMs = () => 0;

/** Each case has a machine of its own. */
function simulated(): ConformanceSubject {
  const { driver: simDriver, clock, files } = createSimulation({ seed: 1 });
  machines++;
  nowMs = () => clock.nowMs();
  files.makeDirectory("/scratch");
  files.makeSink("/sink");
  return {
    name: driver,
    ...slowly,
    createDriver: () => simDriver,
    clock,
    fileBytesMax: 64 * 2 ** 20,
    sinkPath: "/sink",
    scratchPath: (of) => `/scratch/${next++}-${of}`,
    oracle: {
      readFile: async (path) => files.read(path),
      writeFile: async (path, bytes) => files.write(path, bytes),
    },
    ...(gc !== undefined && { collectGarbage: () => void gc() }),
  };
}

const isSimulated = driver === "sim";
const source: SubjectSource = isSimulated ? simulated : real;
if (collects) collectEveryTurn(isSimulated ? () => `${machines} ${nowMs()}` : undefined);
const { passed, failures } = await runConformance(source, {
  select: (_one, index) => index % Number(every) === Number(offset) % Number(every),
  onResult: ({ id, title, error }) => {
    if (error === undefined) return;
    process.stderr.write(`${id} · ${title}\n${error instanceof Error ? error.stack : String(error)}\n`);
  },
});
rmSync(directory, { recursive: true, force: true });
say({ driver, passed, failures, collections: collectionCount() });
