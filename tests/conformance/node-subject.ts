/** A driver under test on Node: scratch files in a directory of their own, and `node:fs` as the other way to them. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "@baton-io/core";
import type { ConformanceSubject } from "@baton-io/core/testing";

export interface NodeSubject extends ConformanceSubject {
  /** Deletes the scratch files. */
  cleanUp(): void;
}

/** Makes the subject. `extras` overrides: options of the backends, the peer, and so on. */
export function nodeSubject(
  name: string,
  createDriver: () => Driver,
  extras: Partial<ConformanceSubject> = {},
): NodeSubject {
  const directory = mkdtempSync(join(tmpdir(), `baton-${name}-`));
  let next = 0;
  return {
    name,
    createDriver,
    scratchPath: (of) => join(directory, `${next++}-${of}`),
    oracle: {
      readFile: async (path) => new Uint8Array(await readFile(path)),
      writeFile: (path, bytes) => writeFile(path, bytes),
    },
    cleanUp: () => rmSync(directory, { recursive: true, force: true }),
    ...extras,
  };
}

const descriptorDirectory = "/proc/self/fd";

/**
 * Counts the descriptors of this process, where the system shows them. The runtime keeps one in reserve from its first
 * listener on, so there is one before the count begins.
 */
export async function descriptorCount(): Promise<(() => number) | undefined> {
  if (process.platform !== "linux") return undefined;
  await new Promise<void>((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => server.close(() => resolve()));
  });
  return () => readdirSync(descriptorDirectory).length;
}
