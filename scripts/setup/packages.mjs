// @ts-check
/** The packages of the repository: where they stand, and what their builds have to make. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @param {string} root @returns {string[]} Paths of the packages, from the root. */
export function packageDirectories(root) {
  return readdirSync(join(root, "packages"))
    .map((name) => `packages/${name}`)
    .filter((path) => existsSync(join(root, path, "package.json")))
    .sort();
}

/**
 * What a package's manifest promises and its build has to make.
 *
 * @param {string} root
 * @param {string} directory
 * @returns {string[]} Paths from the root.
 */
export function buildOutputs(root, directory) {
  const manifest = JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8"));
  /** @type {string[]} */
  const outputs = [];
  for (const target of Object.values(manifest.exports ?? {})) {
    if (typeof target === "object" && target !== null) outputs.push(...Object.values(target).map(String));
  }
  outputs.push(...Object.values(manifest.bin ?? {}).map(String));
  return outputs.map((path) => join(directory, path));
}

/** @param {string} root @param {string} directory True for a package with a native half. */
export function isNative(root, directory) {
  return existsSync(join(root, directory, "binding.gyp"));
}

/**
 * The native binaries that were built.
 *
 * @param {string} root
 * @returns {string[]} Paths from the root.
 */
export function nativeBinaries(root) {
  return packageDirectories(root).flatMap((directory) => {
    const prebuilds = `${directory}/prebuilds`;
    if (!isNative(root, directory) || !existsSync(join(root, prebuilds))) return [];
    return readdirSync(join(root, prebuilds), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".node"))
      .map((file) => `${prebuilds}/${file}`);
  });
}
