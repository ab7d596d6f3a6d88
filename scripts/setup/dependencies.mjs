// @ts-check
/** Whether `node_modules` holds what the lock file says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { npmCommand, runQuietly } from "../child.mjs";

/** @typedef {{ version?: string, link?: boolean, optional?: boolean, optionalDependencies?: Record<string, string> }} LockedPackage */

/** @param {string} path @returns {Record<string, LockedPackage> | undefined} */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * True when everything the lock file lists is installed in that version. npm keeps a list of what it installed beside
 * it, so nothing of `node_modules` itself has to be read. Optional packages may be missing: most are for other systems.
 *
 * @param {string} root
 */
export function dependenciesAreInstalled(root) {
  const locked = readLock(join(root, "package-lock.json"));
  const installed = readLock(join(root, "node_modules/.package-lock.json"));
  if (locked === undefined || installed === undefined) return false;
  return Object.entries(locked).every(([path, wanted]) => {
    // The root itself and the workspaces' own directories are not installed anywhere.
    if (!path.includes("node_modules/")) return true;
    const found = installed[path];
    if (found === undefined) return wanted.optional === true;
    return wanted.link === true ? found.link === true : found.version === wanted.version;
  });
}

/**
 * Installs exactly what the lock file says. Where npm finds the lock file incomplete (a package for another system
 * that its registry did not have), it installs what the lock file does say and leaves the file alone.
 *
 * @param {string} root
 * @param {(line: string) => void} say
 */
export async function installDependencies(root, say) {
  /** @param {readonly string[]} command */
  const npm = (command) => {
    const { program, args } = npmCommand([...command, "--no-audit", "--no-fund"]);
    return runQuietly(program, args, { cwd: root });
  };
  const strict = await npm(["ci"]);
  if (strict.code === 0 || !strict.output.includes("EUSAGE")) return strict;
  say("npm ci finds the lock file incomplete; npm install takes what it has");
  return npm(["install", "--no-save"]);
}

/**
 * Optional packages that locked packages ask for and that are not locked themselves: with one of them missing, `npm ci`
 * refuses the whole file.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function unlockedPackages(root) {
  const locked = readLock(join(root, "package-lock.json")) ?? {};
  const missing = Object.entries(locked).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isLocked(locked, path, name)),
  );
  return [...new Set(missing)];
}

/**
 * True when `name` can be found from `path` as Node looks for it: in its own `node_modules`, then further up.
 *
 * @param {Record<string, LockedPackage>} locked
 * @param {string} path
 * @param {string} name
 */
function isLocked(locked, path, name) {
  let from = path;
  for (;;) {
    if (locked[`${from === "" ? "" : `${from}/`}node_modules/${name}`] !== undefined) return true;
    if (from === "") return false;
    from = from.slice(0, Math.max(0, from.lastIndexOf("/")));
  }
}
