// @ts-check
/** Builds all packages, in the order of their dependencies. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runQuietly } from "../child.mjs";
import { isNative, packageDirectories } from "./packages.mjs";
import { toolchainFingerprint } from "./system-packages.mjs";

/** Longer than all takes that is in the cache. */
const SLOW_MS = 2500;

/**
 * @typedef {object} BuildResult
 * @property {string[]} built Names of packages.
 * @property {string[]} failed Names of packages that must build and did not.
 * @property {string[]} notes One line for each native half that could not be built.
 * @property {string} output
 */

/**
 * @param {string} root
 * @param {{ force?: boolean, onSlow?: () => void }} [options] `force`: do not take results from the cache. `onSlow` is
 *   called when something is built: what is in the cache is there sooner.
 * @returns {Promise<BuildResult>}
 */
export async function buildPackages(root, { force = false, onSlow } = {}) {
  const turbo = join(root, "node_modules/turbo/bin/turbo");
  const args = ["run", "build", "--continue=always", "--output-logs=full", "--env-mode=loose", "--ui=stream"];
  const slow = onSlow && setTimeout(onSlow, SLOW_MS);
  const { code, output } = await runQuietly(process.execPath, [turbo, ...args, ...(force ? ["--force"] : [])], {
    cwd: root,
    env: {
      ...process.env,
      // The cache counts it as a source: what could not be built for want of a tool is built when the tool has come.
      BATON_TOOLCHAIN: toolchainFingerprint(),
      TURBO_TELEMETRY_DISABLED: "1",
      TURBO_NO_UPDATE_NOTIFIER: "1",
      NO_COLOR: "1",
      FORCE_COLOR: "0",
    },
  });
  clearTimeout(slow);
  const packages = packageDirectories(root).map((directory) => ({
    name: String(JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8")).name),
    native: isNative(root, directory),
  }));
  const failedNames = failedPackages(output);
  const notes = [...output.matchAll(/^.*?(\S+: native half not built: .*)$/gm)].map((match) => String(match[1]));
  /** @type {string[]} */
  const failed = [];
  for (const { name, native } of packages) {
    if (!failedNames.includes(name)) continue;
    if (native) notes.push(`${name}: not built (npm run build shows why)`);
    else failed.push(name);
  }
  // It failed and nothing says where: then nothing can be trusted.
  if (code !== 0 && failedNames.length === 0) failed.push("turbo run build");
  const built = packages.map(({ name }) => name).filter((name) => !failedNames.includes(name));
  return { built, failed, notes: [...new Set(notes)], output };
}

/** @param {string} output What turbo wrote. @returns {string[]} Names of the packages whose build failed. */
export function failedPackages(output) {
  const line = /^\s*Failed:\s+(.+)$/m.exec(output)?.[1] ?? "";
  return [...line.matchAll(/(\S+?)#build/g)].map((match) => String(match[1]));
}
