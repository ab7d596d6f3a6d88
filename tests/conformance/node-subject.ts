/** A driver under test on Node: scratch files in a directory of their own, and `node:fs` as the other way to them. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { devNull, type NetworkInterfaceInfo, networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "@baton-io/core";
import type { ConformanceSubject, OwnDescriptors } from "@baton-io/core/testing";
import { collectGarbage } from "../../packages/core/test/collect-garbage.js";
import { hasVastMemory } from "./vast-memory.js";

/** Node has no call for it. */
export const makeFifos = (paths: readonly string[]): void => void execFileSync("mkfifo", [...paths]);

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
    ...(process.platform !== "win32" && { makeFifos }),
    oracle: {
      readFile: async (path) => new Uint8Array(await readFile(path)),
      writeFile: (path, bytes) => writeFile(path, bytes),
    },
    // The name of the process. Source: proc_pid_comm(5).
    ...(process.platform === "linux" && { exhaustDescriptors, descriptors, makePlaceless: () => "/proc/self/comm" }),
    ...(linkLocal !== undefined && { linkLocal }),
    collectGarbage,
    ...(hasVastMemory() && { sinkPath: devNull }),
    setModified: (path, seconds) => {
      // A negative number would be taken for now.
      const time = new Date(seconds * 1000);
      utimesSync(path, time, time);
      return statSync(path, { bigint: true }).mtimeNs;
    },
    cleanUp: () => rmSync(directory, { recursive: true, force: true }),
    ...extras,
  };
}

const linkLocal = Object.entries(networkInterfaces())
  .flatMap(([name, addresses = []]) =>
    addresses.map(({ address, scopeid: index = 0 }: NetworkInterfaceInfo) => ({ address, name, index })),
  )
  .find(({ address, index }) => /^fe80:/i.test(address) && index > 0);

const descriptors: OwnDescriptors = {
  open: (path, append = false) => openSync(path, append ? "a+" : "r+"),
  skip: (descriptor, bytes) => void readSync(descriptor, new Uint8Array(bytes)),
  isOpen: (descriptor) => {
    try {
      fstatSync(descriptor);
      return true;
    } catch {
      return false;
    }
  },
  close: closeSync,
};

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

/** Descriptors that the process may have while it is short of them: filling up more takes long. */
const FEW_DESCRIPTORS = 256;

/** Takes all descriptors that are left but so many, under a limit lowered for it; `prlimit` is part of util-linux. */
function exhaustDescriptors(left: number): () => void {
  const setLimit = (soft: string) => execFileSync("prlimit", ["--pid", String(process.pid), `--nofile=${soft}:`]);
  const highest = Math.max(...readdirSync(descriptorDirectory).map(Number));
  const before = execFileSync("prlimit", [
    "--pid",
    String(process.pid),
    "--nofile",
    "--noheadings",
    "--output",
    "SOFT",
  ]);
  setLimit(String(Math.max(highest + 1, FEW_DESCRIPTORS)));
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    for (let count = 0; count < left; count++) closeSync(taken.pop()!);
  }
  return () => {
    for (const descriptor of taken.splice(0)) closeSync(descriptor);
    setLimit(before.toString().trim());
  };
}
