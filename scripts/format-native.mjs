// @ts-check
/**
 * The form of the C and C++ files, as `.clang-format` says.
 *
 *   node scripts/format-native.mjs            writes it
 *   node scripts/format-native.mjs --check    names the places that have another; exit code 1 when there is one
 */
import { execFileSync, spawnSync } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { clangFormatPath } from "clang-format-node";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

const files = execFileSync("git", ["ls-files", "-z", "--", "*.c", "*.cc", "*.h"], { cwd: root, encoding: "utf8" });
const { status, error } = spawnSync(
  clangFormatPath,
  [...(values.check ? ["--dry-run", "--Werror"] : ["-i"]), ...files.split("\0").filter((file) => file !== "")],
  { cwd: root, stdio: "inherit" },
);
if (error !== undefined) throw error;
process.exitCode = status === 0 ? 0 : 1;
