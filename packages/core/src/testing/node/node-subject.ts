/** A driver under test on Node: scratch files in a directory of their own, and `node:fs` as the other way to them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, utimesSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { devNull, type NetworkInterfaceInfo, networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "@baton-io/core";
import type { ConformanceSubject } from "../conformance/subject.js";
import type { LinkLocal } from "../sim/interfaces.js";
import { collectGarbage } from "./collect-garbage.js";
import { descriptors, exhaustDescriptors } from "./own-descriptors.js";
import { hasVastMemory } from "./vast-memory.js";

/** Makes a FIFO at each path; Node has no call for it. */
export function makeFifos(paths: readonly string[]): void {
  execFileSync("mkfifo", [...paths]);
}

/** A subject with a directory of its own. */
export interface NodeSubject extends ConformanceSubject {
  /** Deletes the scratch files. */
  cleanUp(): void;
}

/**
 * Makes a subject with all means that this system has. `extras` overrides: options of the backends, the peer, and so on.
 *
 * @example
 * const subject = nodeSubject("mine", myDriver);
 * for (const one of conformance(subject)) test(`${one.id} · ${one.title}`, () => one.run());
 * after(() => subject.cleanUp());
 */
export function nodeSubject(
  name: string,
  createDriver: () => Driver,
  extras: Partial<ConformanceSubject> = {},
): NodeSubject {
  const directory = mkdtempSync(join(tmpdir(), `baton-${name}-`));
  const linkLocal = findLinkLocal();
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

/** An address of one interface, where there is one. */
function findLinkLocal(): LinkLocal | undefined {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses = []]) =>
      addresses.map(({ address, scopeid: index = 0 }: NetworkInterfaceInfo) => ({ address, name, index })),
    )
    .find(({ address, index }) => /^fe80:/i.test(address) && index > 0);
}
