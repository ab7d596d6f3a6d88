/** The descriptors of this process: opened beside the driver, counted, and used up. */
import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { createServer } from "node:net";
import type { OwnDescriptors } from "../conformance/subject.js";

/** Descriptors opened by `node:fs`. */
export const descriptors: OwnDescriptors = {
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
 * What counts the descriptors of this process, for `countDescriptors` of a subject; `undefined` where the system does not
 * show them. The runtime keeps one in reserve from its first listener on, so there is one before the count begins.
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
export function exhaustDescriptors(left: number): () => void {
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
