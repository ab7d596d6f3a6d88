// @ts-check
/** What a build is made from, and whether it has changed: by size and time first, by content where those differ. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Of a file: size, time of the last change in ms, SHA-256 of the content.
 * @typedef {[number, number, string]} Fingerprint
 */
/** By path from the root. @typedef {Record<string, Fingerprint>} Fingerprints */

/** Directories and files of a package that its build reads. */
const PACKAGE_INPUTS = ["src", "native", "binding.gyp", "package.json", "tsconfig.json", "tsup.config.ts"];
const ROOT_INPUTS = ["package-lock.json", "tsconfig.base.json", "turbo.json", "scripts/build-native.mjs"];

/** @param {string} root @returns {string[]} Paths of the packages, from the root. */
export function packageDirectories(root) {
  return readdirSync(join(root, "packages"))
    .map((name) => `packages/${name}`)
    .filter((path) => existsSync(join(root, path, "package.json")))
    .sort();
}

/** @param {string} root @param {string} path @param {string[]} found */
function collect(root, path, found) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) {
    found.push(path);
    return;
  }
  for (const entry of readdirSync(join(root, path))) collect(root, `${path}/${entry}`, found);
}

/** @param {string} root @returns {string[]} All files that builds are made from. */
export function buildInputs(root) {
  /** @type {string[]} */
  const found = [];
  for (const path of ROOT_INPUTS) collect(root, path, found);
  for (const directory of packageDirectories(root)) {
    for (const input of PACKAGE_INPUTS) collect(root, `${directory}/${input}`, found);
  }
  return found;
}

/**
 * Fingerprints of all inputs. A file whose size and time are those of `known` is not read again.
 *
 * @param {string} root
 * @param {Fingerprints} known
 * @returns {Fingerprints}
 */
export function fingerprintInputs(root, known) {
  /** @type {Fingerprints} */
  const fingerprints = {};
  for (const path of buildInputs(root)) {
    const { size, mtimeMs } = statSync(join(root, path));
    const before = known[path];
    const hash =
      before !== undefined && before[0] === size && before[1] === mtimeMs
        ? before[2]
        : createHash("sha256")
            .update(readFileSync(join(root, path)))
            .digest("hex");
    fingerprints[path] = [size, mtimeMs, hash];
  }
  return fingerprints;
}

/**
 * True when both are of the same files with the same content, whatever their times.
 *
 * @param {Fingerprints} a
 * @param {Fingerprints} b
 */
export function sameContent(a, b) {
  const paths = Object.keys(a);
  return paths.length === Object.keys(b).length && paths.every((path) => a[path]?.[2] === b[path]?.[2]);
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

/** @param {string} root True when everything that packages without native code have to make is there. */
export function outputsAreThere(root) {
  return packageDirectories(root).every(
    (directory) =>
      isNative(root, directory) || buildOutputs(root, directory).every((path) => existsSync(join(root, path))),
  );
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
