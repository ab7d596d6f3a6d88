/** The C programs beside this file, compiled on first use; where they cannot be, the reason. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
/** Git ignores it. */
const directory = join(root, ".baton/seccomp");
const FLAGS = ["-std=c17", "-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"];

/** A program that is there, or why it is not. */
export type Tool = { readonly path: string } | { readonly missing: string };

/**
 * The path of a compiled program. `launcher` runs a command under a filter on io_uring's calls, `fingerprint` tells
 * what those calls answer; the head of each source says how it is used.
 */
export function tool(name: "launcher" | "fingerprint"): Tool {
  if (process.platform !== "linux") return { missing: "seccomp is of Linux" };
  const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
  const hash = createHash("sha256").update(readFileSync(source)).update(FLAGS.join()).digest("hex").slice(0, 16);
  const path = join(directory, `${name}-${hash}`);
  if (existsSync(path)) return { path };
  mkdirSync(directory, { recursive: true });
  // Several test files may compile at once; the last rename wins, and all are the same.
  const unfinished = `${path}.${process.pid}`;
  try {
    execFileSync("cc", [...FLAGS, source, "-o", unfinished], { stdio: "pipe", encoding: "utf8" });
  } catch (error) {
    return { missing: missingReason(name, error) };
  }
  renameSync(unfinished, path);
  return { path };
}

/** A missing compiler is a reason to skip; anything else is a mistake in the program. */
function missingReason(name: string, error: unknown): string {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return "needs a C compiler";
  const output = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  throw new Error(`${name}.c does not compile:\n${output}`);
}
