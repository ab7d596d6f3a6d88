#!/usr/bin/env node
/** The command `baton`. */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { type DriverName, driverNames } from "../candidates.js";
import { type DemoOptions, demo } from "./demo.js";
import { type DoctorOptions, doctor } from "./doctor.js";
import { CommandFailure, failureLine, isExpected } from "./failure.js";
import { registerSeccomp } from "./seccomp-options.js";

/** A whole number between two limits, for commander. */
function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Runs a command's action: its result is the exit code, its expected errors are one line. */
async function run(name: string, action: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await action();
  } catch (error) {
    if (!isExpected(error)) throw error;
    process.stderr.write(`baton ${name}: ${failureLine(error)}\n`);
    process.exitCode = error instanceof CommandFailure ? error.exitCode : 1;
  }
}

function version(): string {
  // The bundle stands in dist/cli, the manifest beside dist.
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { readonly version: string }).version;
}

const program = new Command("baton")
  .description("Baton's drivers on this machine: which one runs, why the others do not, and all of them at work.")
  .version(version(), "-v, --version");

program
  .command("doctor")
  .description("tell which driver is used here and what keeps the others from running")
  .option("--json", "the report as JSON", false)
  .option("--explain", "add what each driver can do, operation by operation", false)
  .addHelpText(
    "after",
    "\nExit code: 0 the expected driver runs, 3 another one runs, 4 none runs (or not the one BATON_DRIVER asks for).",
  )
  .action((options: DoctorOptions) => run("doctor", () => doctor(options)));

program
  .command("demo")
  .description("copy a file, echo over TCP and race an accept, over every driver that runs here")
  .argument("[file]", "file to copy", process.execPath)
  .addOption(new Option("--driver <name>", "only this driver").choices([...driverNames]))
  .option("--to <directory>", "where the copy's own directory is made (default: the system's temporary directory)")
  .option("--port <number>", "port of the echo server; 0: the system chooses", integer(0, 65_535), 0)
  .option("--in-flight <number>", "chunks in flight at a time", integer(1, 256), 32)
  .option("--chunk-bytes <number>", "bytes of a chunk", integer(512, 1_048_576), 262_144)
  .option("--connections <number>", "connections of the echo", integer(1, 1000), 50)
  .option("--round-trips <number>", "round trips over all connections", integer(0, 10_000_000), 10_000)
  .option("--race-rounds <number>", "accepts to abort while a connection comes", integer(0, 100_000), 200)
  .option("--json", "the results as JSON", false)
  .action((file: string, options: Omit<DemoOptions, "driver" | "to"> & { driver?: DriverName; to?: string }) =>
    run("demo", () => demo(file, { ...options, driver: options.driver, to: options.to })),
  );

registerSeccomp(program, run);

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader of a pipe has seen enough.
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

await program.parseAsync();
