// @ts-check
/** The programs in C that drivers are compared with: built when they are wanted, left out where they cannot be. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runQuietly } from "../scripts/child.mjs";
import { findProgram, hasLiburing } from "../scripts/setup/system-packages.mjs";

const directory = fileURLToPath(new URL("./native", import.meta.url));
const output = join(directory, "build");

/** Programs and what they are linked with. */
const programs = [
  { name: "echo_client", libraries: [], needsLiburing: false },
  { name: "echo_server_uring", libraries: ["-l:liburing.a"], needsLiburing: true },
  { name: "read_uring", libraries: ["-l:liburing.a"], needsLiburing: true },
];

/**
 * Builds what can be built. The answer tells for each program where it is, or what is missing.
 *
 * @returns {Promise<(program: string) => { path: string } | { missing: string }>}
 */
export async function buildPrograms() {
  /** @type {Map<string, { path: string } | { missing: string }>} */
  const built = new Map();
  for (const program of programs) built.set(program.name, await buildProgram(program));
  return (name) => built.get(name) ?? { missing: `there is no program ${name}` };
}

/** @param {(typeof programs)[number]} program @returns {Promise<{ path: string } | { missing: string }>} */
async function buildProgram({ name, libraries, needsLiburing }) {
  const source = join(directory, `${name}.c`);
  const path = join(output, name);
  if (process.platform !== "linux") return { missing: "made for Linux" };
  if (!existsSync(source)) return { missing: `there is no bench/native/${name}.c` };
  if (existsSync(path) && statSync(path).mtimeMs >= statSync(source).mtimeMs) return { path };
  const compiler = findProgram("cc") ?? findProgram("gcc") ?? findProgram("clang");
  if (compiler === undefined) return { missing: "no C compiler" };
  if (needsLiburing && !hasLiburing()) return { missing: "liburing is not installed" };
  mkdirSync(output, { recursive: true });
  const { code, output: text } = await runQuietly(compiler, ["-O2", "-std=gnu11", "-o", path, source, ...libraries]);
  return code === 0 ? { path } : { missing: `${compiler}: ${text.split("\n", 1)[0]}` };
}
