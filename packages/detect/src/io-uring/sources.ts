/** Where evidence comes from. Tests give others: a `/proc` of their own, another environment, another kernel. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface EvidenceSources {
  readonly platform: string;
  readonly arch: string;
  readonly runtime: string;
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file's text, or `undefined` when it cannot be read. */
  readText(path: string): string | undefined;
  readBytes(path: string): Uint8Array | undefined;
  exists(path: string): boolean;
  /** Where the links of a directory lead to; `undefined` when it cannot be read. */
  readLinks(directory: string): readonly string[] | undefined;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // Absent, forbidden, or not of this system: all the same here, it was not seen.
    return undefined;
  }
}

/** The files of this system, or of a tree that looks like one. */
export function fileSources(root = "/"): Pick<EvidenceSources, "readText" | "readBytes" | "exists" | "readLinks"> {
  const at = (path: string) => join(root, path);
  return {
    readText: (path) => attempt(() => readFileSync(at(path), "utf8")),
    readBytes: (path) => attempt(() => readFileSync(at(path))),
    exists: (path) => attempt(() => existsSync(at(path))) === true,
    readLinks: (directory) =>
      attempt(() =>
        readdirSync(at(directory)).flatMap((name) => attempt(() => readlinkSync(join(at(directory), name))) ?? []),
      ),
  };
}
