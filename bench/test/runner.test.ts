import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cases } from "../cases/index.mjs";

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

function run(script: string, args: readonly string[], nodeFlags: readonly string[] = []) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [...nodeFlags, path(script), ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

interface Results {
  readonly schema: number;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly results: readonly {
    readonly case: string;
    readonly variant: string;
    readonly measurements: readonly { implementation: string; samples: readonly { operations: number }[] }[];
  }[];
  /** "case, implementation: why". */
  readonly leftOut: readonly string[];
  readonly broken: readonly string[];
}

/** Runs cases as shortly as they go; what is tested is that they run, not how fast. */
async function bench(...args: string[]): Promise<Results> {
  const directory = mkdtempSync(join(tmpdir(), "baton-bench-test-"));
  try {
    const json = join(directory, "results.json");
    const short = ["--quick", "--rounds", "2", "--duration", "50", "--driver", "libuv", "--json", json];
    const { code, stdout, stderr } = await run("bench/runner.mjs", [...short, ...args]);
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
    return JSON.parse(readFileSync(json, "utf8")) as Results;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe("npm run bench", () => {
  test.each(cases.map(({ name }) => name))(
    "%s runs every implementation for every round",
    async (name) => {
      const { schema, machine, results, leftOut, broken } = await bench("--case", name);
      expect(schema).toBe(1);
      expect(broken).toEqual([]);
      expect(machine["node"]).toBe(process.versions.node);
      const benchmark = cases.find((known) => known.name === name)!;
      expect(results.map((result) => result.variant)).toEqual(benchmark.variants.map((variant) => variant.name));
      for (const { measurements } of results) {
        const isLeftOut = leftOut.some((line) => line.startsWith(`${name}, libuv: `));
        expect(measurements.some(({ implementation }) => implementation === "libuv")).toBe(!isLeftOut);
        for (const { samples } of measurements) {
          expect(samples).toHaveLength(2);
          for (const { operations } of samples) expect(operations).toBeGreaterThan(0);
        }
      }
    },
    60_000,
  );

  test("lists its cases", async () => {
    const { code, stdout } = await run("bench/runner.mjs", ["--list"]);
    expect(code).toBe(0);
    for (const { name } of cases) expect(stdout).toContain(name);
  });

  test.each([
    [["--case", "nothing"], /there is no case nothing; there are nop/],
    [["--driver", "kqueue"], /there is no driver kqueue/],
    [["--rounds", "0"], /--rounds must be a whole number above 0/],
    [["--fast"], /--fast/],
  ])("%j is refused with one line", async (args, line) => {
    const { code, stdout, stderr } = await run("bench/runner.mjs", args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("the measure of allocation", () => {
  test("finds what a loop allocates, and refuses to measure where it cannot collect first", async () => {
    const script = `
      import { allocatedBytes } from ${JSON.stringify(path("bench/cases/nop-allocation.mjs"))};
      // Warmed up, so that what is compiled meanwhile is not counted.
      const kept = [];
      const work = async () => { kept.length = 0; for (let i = 0; i < 10_000; i++) kept.push(new Float64Array(0)); };
      for (let round = 0; round < 50; round++) await work();
      const allocate = async () => { for (let i = 0; i < 100_000; i++) kept[i % 8] = { a: i, b: i, c: i, d: i }; };
      let least = Infinity;
      for (let round = 0; round < 5; round++) least = Math.min(least, await allocatedBytes(allocate));
      console.log(least / 100_000);
    `;
    const flags = ["--max-semi-space-size=256", "--min-semi-space-size=256", "--input-type=module", "-e", script];
    const measured = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, ["--expose-gc", ...flags], (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    // An object of four fields: a map, properties, elements and four slots of 8 bytes; the least of five, because the
    // compiler may be at work meanwhile.
    expect(Number(measured)).toBeGreaterThanOrEqual(50);
    expect(Number(measured)).toBeLessThanOrEqual(64);
    await expect(
      new Promise((resolve, reject) => {
        execFile(process.execPath, flags, (error, _stdout, stderr) =>
          error ? reject(new Error(stderr)) : resolve(""),
        );
      }),
    ).rejects.toThrow("allocation is measured with --expose-gc");
  });
});

describe("the echo client over node:net", () => {
  const client = (port: number) => run("bench/clients/echo-client.mjs", [String(port), "5", "64", "0.02", "0.05"]);

  async function withServer<T>(serve: (bytes: Buffer) => Buffer, work: (port: number) => Promise<T>): Promise<T> {
    const server = createServer((socket) => {
      socket.on("data", (bytes) => socket.write(serve(bytes)));
      socket.on("error", () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      return await work((server.address() as { port: number }).port);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }

  test("counts round trips, lets the last ones come back, and ends", async () => {
    const { code, stdout } = await withServer((bytes) => bytes, client);
    expect(code).toBe(0);
    const { roundTrips, seconds } = JSON.parse(stdout) as { roundTrips: number; seconds: number };
    expect(roundTrips).toBeGreaterThan(0);
    // Timers may be early by a fraction of a millisecond.
    expect(seconds).toBeGreaterThan(0.045);
  });

  test("fails when a byte comes back changed", async () => {
    const { code, stderr } = await withServer((bytes) => bytes.map((byte) => byte ^ 1) as Buffer, client);
    expect(code).not.toBe(0);
    expect(stderr).toContain("a wrong byte came back");
  });
});
