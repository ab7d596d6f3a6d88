/** What detection takes from its surroundings, so that tests can give it others. */

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
}

function runtimeText(): string {
  const { node, bun, deno } = process.versions as Readonly<Record<string, string | undefined>>;
  if (bun !== undefined) return `Bun ${bun}`;
  if (deno !== undefined) return `Deno ${deno}`;
  return `Node ${node}`;
}

/** The process this runs in. Lines go to stderr. */
export function processHost(): DetectHost {
  return {
    platform: process.platform,
    arch: process.arch,
    runtime: runtimeText(),
    env: process.env,
    importModule: (specifier) => import(/* @vite-ignore */ specifier),
    writeLine: (line) => {
      process.stderr.write(`${line}\n`);
    },
    nowMs: () => performance.now(),
  };
}
