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

/** Freezes it; settles when it goes on. Whoever cannot hang meanwhile may let it go on sooner, by `thaw`. */
export function freezeFor(root: string, frozenMs: number): { thawed: Promise<unknown>; thaw: () => void } {
  // By another process: this one may be what hangs.
  const thawing = spawn("sh", ["-c", `timeout ${frozenMs / 1000} cat; fsfreeze -u ${root}`], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  execFileSync("fsfreeze", ["-f", root]);
  return { thawed: once(thawing, "exit"), thaw: () => thawing.stdin.end() };
}
