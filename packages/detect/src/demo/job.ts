/** The main job on one driver: copy a real file and check it, echo over TCP, race accepts, and account for it all. */
import { createHash } from "node:crypto";
import { createReadStream, rmSync } from "node:fs";
import { join } from "node:path";
import { type Backend, createBackend, type Driver } from "@baton-io/core";
import { type AcceptRaceResult, raceAccepts } from "./accept-race.js";
import { type CopyResult, copyFile } from "./copy.js";
import { type EchoResult, runEcho } from "./echo.js";
import { Finding } from "./finding.js";

export interface JobSettings {
  /** The file to copy. */
  readonly source: string;
  /** Its SHA-256, in hexadecimal. */
  readonly sourceHash: string;
  /** Directory the copy is made in. */
  readonly directory: string;
  readonly inFlight: number;
  readonly chunkBytes: number;
  readonly port: number;
  readonly connections: number;
  readonly roundTrips: number;
  readonly raceRounds: number;
  readonly signal: AbortSignal;
}

/** Told as the job goes on. `done` and `total` in the unit of the part: bytes, round trips. */
export type JobProgress = (part: "copy" | "echo", done: number, total: number) => void;

/** What one driver did, and what it took. */
export interface JobResult {
  readonly driver: string;
  readonly copy: CopyResult & { readonly sha256: string };
  readonly echo: EchoResult;
  readonly race: AcceptRaceResult;
  readonly operations: number;
  /** Batches handed to the driver: with a native driver, calls into native code. */
  readonly driverCalls: number;
  /** Where the buffers are at the end. */
  readonly buffers: { readonly home: number; readonly lent: number; readonly leaked: number };
}

/** Bytes of one message of the echo. */
const MESSAGE_BYTES = 64;

/** Which part of the job an error came from, for the one line that tells of it. */
export class JobError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "JobError";
  }
}

/** Does the job over one driver. The copy is removed again, whatever happens. Throws `JobError` and `Finding`. */
export async function runJob(
  driver: Driver,
  sourceBytes: number,
  settings: JobSettings,
  onProgress: JobProgress,
): Promise<JobResult> {
  const { source, directory, signal } = settings;
  const target = join(directory, `copy-by-${driver.name}`);
  await using io = createBackend({ driver });
  try {
    const copy = await part(`cannot copy ${source} into ${directory}`, () =>
      copyFile(io, {
        source,
        target,
        inFlight: settings.inFlight,
        chunkBytes: settings.chunkBytes,
        signal,
        onProgress: (bytes) => onProgress("copy", bytes, sourceBytes),
      }),
    );
    const sha256 = await part("cannot check the copy", () => hashFile(target, signal));
    if (sha256 !== settings.sourceHash) throw new Finding(`the copy differs from its source: SHA-256 ${sha256}`);
    const echo = await part("cannot echo", () =>
      runEcho(io, {
        port: settings.port,
        connections: settings.connections,
        roundTrips: settings.roundTrips,
        messageBytes: MESSAGE_BYTES,
        signal,
        onProgress: (trips) => onProgress("echo", trips, settings.roundTrips),
      }),
    );
    const race = await part("cannot race accepts", () => raceAccepts(io, { rounds: settings.raceRounds, signal }));
    if (race.lost > 0) throw new Finding(`accepts that were aborted lost ${race.lost} connections`);
    return { driver: driver.name, copy: { ...copy, sha256 }, echo, race, ...account(io) };
  } finally {
    rmSync(target, { force: true });
  }
}

/** SHA-256 of a file, read by the runtime itself: an independent witness of what a driver wrote. */
export async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) hash.update(chunk);
  return hash.digest("hex");
}

async function part<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new JobError(what, error);
  }
}

function account(io: Backend): Pick<JobResult, "operations" | "driverCalls" | "buffers"> {
  const { counters, buffers } = io.inspect();
  return {
    operations: counters.submitted,
    driverCalls: counters.driverCalls,
    buffers: { home: buffers.home, lent: buffers.out, leaked: buffers.leaked },
  };
}
