// @ts-check
/** System packages that building needs and npm cannot bring. */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runQuietly } from "../child.mjs";

/** Longest a package manager may take. */
const INSTALL_TIMEOUT_MS = 5 * 60_000;

/** @typedef {"liburing" | "pkgConfig"} Need */

/**
 * Package managers, and what they call the things.
 *
 * @type {readonly { program: string, install: readonly string[], update?: readonly string[], names: Record<Need, string> }[]}
 */
const managers = [
  {
    program: "apt-get",
    install: ["install", "-y", "-qq", "--no-install-recommends"],
    update: ["update", "-qq"],
    names: { liburing: "liburing-dev", pkgConfig: "pkg-config" },
  },
  {
    program: "dnf",
    install: ["install", "-y", "-q"],
    names: { liburing: "liburing-devel", pkgConfig: "pkgconf-pkg-config" },
  },
  { program: "apk", install: ["add", "-q"], names: { liburing: "liburing-dev", pkgConfig: "pkgconf" } },
  {
    program: "pacman",
    install: ["-S", "--noconfirm", "--needed"],
    names: { liburing: "liburing", pkgConfig: "pkgconf" },
  },
];

/** @param {string} program @returns {string | undefined} Where it is in the path. */
export function findProgram(program) {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

/** True where the headers of liburing are. */
export function hasLiburing() {
  return existsSync("/usr/include/liburing.h") || existsSync("/usr/local/include/liburing.h");
}

/** @returns {Need[]} What is missing to build the uring driver; nothing on systems it is not made for. */
export function missingSystemPackages() {
  if (process.platform !== "linux") return [];
  /** @type {Need[]} */
  const missing = [];
  if (!hasLiburing()) missing.push("liburing");
  if (findProgram("pkg-config") === undefined && findProgram("pkgconf") === undefined) missing.push("pkgConfig");
  return missing;
}

/** What a build depends on beside the sources: when it changes, what could not be built before may be now. */
export function toolchainFingerprint() {
  const tools = ["c++", "g++", "clang++", "make", "python3"].map((tool) => findProgram(tool) ?? "");
  return JSON.stringify([process.version, process.platform, process.arch, ...tools, hasLiburing()]);
}

/**
 * Installs what is missing as far as it is allowed: as root, or through sudo with `BATON_SETUP_SYSTEM=1`; never with
 * `BATON_SETUP_SYSTEM=0`. Says in one line what it does, or why it does not. What it cannot install is left out: the
 * drivers that need it are not built.
 *
 * @param {readonly Need[]} missing
 * @param {(line: string) => void} say
 * @param {{ setting: string | undefined, isRoot: boolean }} rights
 */
export async function installSystemPackages(missing, say, rights) {
  if (missing.length === 0 || rights.setting === "0") return;
  const manager = managers.find((known) => findProgram(known.program) !== undefined);
  const consequence = "without it the uring driver is not built";
  if (manager === undefined) {
    return say(`missing: ${missing.join(", ")}; ${consequence}, and no known package manager is here to install it`);
  }
  const names = missing.map((need) => manager.names[need]);
  const useSudo = !rights.isRoot;
  if (useSudo && rights.setting !== "1") {
    return say(
      `missing: ${names.join(", ")}; ${consequence} (BATON_SETUP_SYSTEM=1 installs it with sudo, =0 does not ask again)`,
    );
  }
  say(`installing ${names.join(", ")} through ${useSudo ? "sudo " : ""}${manager.program} (off: BATON_SETUP_SYSTEM=0)`);
  if (!(await install(manager, names, useSudo)))
    say(`${manager.program} could not install ${names.join(", ")}; ${consequence}`);
}

/**
 * @param {(typeof managers)[number]} manager
 * @param {readonly string[]} names
 * @param {boolean} useSudo
 */
async function install(manager, names, useSudo) {
  const interactive = process.stdin.isTTY === true;
  const sudo = interactive ? ["sudo"] : ["sudo", "-n"];
  /** @param {readonly string[]} args */
  const call = async (args) => {
    const [program, ...rest] = [...(useSudo ? sudo : []), manager.program, ...args];
    const { code } = await runQuietly(/** @type {string} */ (program), rest, {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      inheritInput: interactive,
      timeoutMs: INSTALL_TIMEOUT_MS,
    });
    return code === 0;
  };
  const installArgs = [...manager.install, ...names];
  if (await call(installArgs)) return true;
  // A machine that has never looked at its package lists finds nothing; looking takes time, so it is the second try.
  return manager.update !== undefined && (await call(manager.update)) && (await call(installArgs));
}
