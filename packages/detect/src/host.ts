/** What detection takes from its surroundings, so that tests can give it others. */
import { readableEnvironment } from "@baton-io/core/driver";
import type { DriverName } from "./candidates.js";
import { importModule } from "./import-module.js";
import type { IoUringEvidence } from "./io-uring/evidence.js";
import { type DriverHook, gatherEvidence } from "./io-uring/gather.js";
import { fileSources } from "./io-uring/sources.js";
import type { Depth } from "./io-uring/surroundings.js";
import { probeSetting } from "./override.js";
import type { Survey } from "./surveyed.js";

/** A survey that is kept. As a promise: detections that run at the same time share one look. */
export interface KeptSurvey {
  readonly trusted: DriverName | undefined;
  readonly survey: Promise<Survey>;
}

export interface DetectHost {
  readonly platform: string;
  readonly arch: string;
  /** Runtime and version: `Node 20.20.2`. */
  readonly runtime: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Imports a module by name. */
  readonly importModule: (specifier: string) => Promise<unknown>;
  /** Writes one line for the operator. */
  readonly writeLine: (line: string) => void;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Everything that is known about io_uring here; a text instead of a hook says why there is nothing to ask with. */
  readonly gatherEvidence: (hook: DriverHook | string, depth: Depth) => Promise<IoUringEvidence>;
  /** What was found last, and for whom. */
  readonly surveys: { kept: KeptSurvey | undefined };
}

/** Of this process, or of this worker: workers load their own drivers. */
const processSurveys: DetectHost["surveys"] = { kept: undefined };

function runtimeText(): string {
  const { node, bun, deno } = process.versions as Readonly<Record<string, string | undefined>>;
  if (bun !== undefined) return `Bun ${bun}`;
  if (deno !== undefined) return `Deno ${deno}`;
  return `Node ${node}`;
}

/** The process this runs in. Lines go to stderr. */
export function processHost(): DetectHost {
  const { platform, arch, versions } = process;
  const env = readableEnvironment(process.env);
  const runtime = runtimeText();
  const sources = { platform, arch, runtime, env, versions, ...fileSources() };
  return {
    platform,
    arch,
    runtime,
    env,
    importModule,
    writeLine: (line) => {
      process.stderr.write(`${line}\n`);
    },
    nowMs: () => performance.now(),
    gatherEvidence: (hook, depth) => gatherEvidence({ sources, depth, hook, setting: probeSetting(env).setting }),
    surveys: processSurveys,
  };
}
