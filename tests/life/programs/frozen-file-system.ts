/** A file system that can be frozen, for programs that run in a mount namespace of their own. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const IMAGE_BYTES = 8 * 2 ** 20;

/** Makes one in a directory; where it is mounted. */
export function makeFileSystem(directory: string): string {
  const image = join(directory, "image");
  const root = join(directory, "root");
  mkdirSync(root);
  execFileSync("truncate", ["-s", String(IMAGE_BYTES), image]);
  execFileSync("mkfs.ext4", ["-q", "-F", image]);
  execFileSync("mount", ["-o", "loop", image, root]);
  return root;
}

/** Freezes it; settles when it goes on. */
export function freezeFor(root: string, frozenMs: number): Promise<unknown> {
  // By another process: this one may be what hangs.
  const thaw = spawn("sh", ["-c", `sleep ${frozenMs / 1000}; fsfreeze -u ${root}`]);
  execFileSync("fsfreeze", ["-f", root]);
  return once(thaw, "exit");
}
