/**
 * Addons built in another way than for use: with a sanitizer, or with a planted bug. They lie apart from the real ones
 * and are built again only when a source has changed. Where there is no compiler, the reason is the result.
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { runQuietly } from "../../scripts/child.mjs";
import { root } from "../life/bundle-programs.js";

export interface AddonVariant {
  readonly driver: "uring" | "epoll";
  readonly sanitizer?: "address";
  /** Its calls of Node-API can be made to fail: see `fail_napi.h`. */
  readonly failing?: true;
  /** One place of the native sources is changed; it must be there exactly once. */
  readonly mutant?: { readonly name: string; readonly find: string; readonly replace: string };
}

/** A built addon, or why there is none. */
export type BuiltAddon = { readonly path: string } | { readonly why: string };

const directory = join(root, ".baton", "addons");
const failingHeader = join(root, "tests", "life", "fail_napi.h");

/** What stands in a `binding.gyp`, as far as it is needed here. */
interface Binding {
  readonly targets: readonly [
    {
      readonly target_name: string;
      readonly sources: readonly string[];
      readonly include_dirs: readonly string[];
      readonly defines: readonly string[];
      readonly libraries?: readonly string[];
      readonly ldflags: readonly string[];
    },
  ];
}

/** Builds the variant, or takes the one that was built of the same sources. */
export async function buildAddon(variant: AddonVariant): Promise<BuiltAddon> {
  if (process.platform !== "linux") return { why: "native drivers are built on Linux only" };
  const headers = nodeHeaders();
  if (headers === undefined) return { why: "the headers of this Node are not installed" };
  if (variant.driver === "uring" && !existsSync("/usr/include/liburing.h")) {
    return { why: "the liburing headers are not installed" };
  }
  const compiler = await runQuietly("g++", ["--version"]);
  if (compiler.code !== 0) return { why: "there is no g++" };

  const hash = createHash("sha256").update(`${compiler.stdout}${headers}${JSON.stringify(variant)}`);
  if (variant.failing) hash.update(readFileSync(failingHeader));
  for (const file of sourceFiles(variant.driver)) hash.update(file).update(readFileSync(join(root, file)));
  const path = join(directory, `${variant.driver}-${hash.digest("hex").slice(0, 16)}.node`);
  if (!existsSync(path)) await compile(variant, headers, path);
  return { path };
}

/** Where `node_api.h` and `uv.h` are: beside this Node, or where node-gyp has put them. */
function nodeHeaders(): string | undefined {
  const prefix = dirname(dirname(process.execPath));
  const cache = join(homedir(), ".cache", "node-gyp", process.versions.node);
  return [prefix, cache].map((one) => join(one, "include", "node")).find((one) => existsSync(join(one, "node_api.h")));
}

/** The native sources, relative to the root. */
function sourceFiles(driver: AddonVariant["driver"]): string[] {
  return [`packages/driver-${driver}`, "packages/core"].flatMap((package_) => [
    ...(existsSync(join(root, package_, "binding.gyp")) ? [`${package_}/binding.gyp`] : []),
    ...readdirSync(join(root, package_, "native"), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(h|cc)$/.test(file))
      .sort()
      .map((file) => `${package_}/native/${file}`),
  ]);
}

async function compile(variant: AddonVariant, headers: string, path: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const work = mkdtempSync(join(directory, "build-"));
  try {
    const files = sourceFiles(variant.driver);
    for (const file of files) cpSync(join(root, file), join(work, file));
    if (variant.mutant !== undefined) plant(work, files, variant.mutant);
    const arguments_ = compilerArguments(variant, work, headers);
    const { code, output } = await runQuietly("g++", [...arguments_, "-o", join(work, "addon.node")]);
    if (code !== 0) throw new Error(`the addon variant does not compile\n${output}`);
    renameSync(join(work, "addon.node"), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function plant(work: string, files: readonly string[], mutant: NonNullable<AddonVariant["mutant"]>): void {
  const places = files.filter((file) => readFileSync(join(work, file), "utf8").includes(mutant.find));
  const [place] = places;
  const parts = place === undefined ? [] : readFileSync(join(work, place), "utf8").split(mutant.find);
  if (places.length !== 1 || parts.length !== 2) {
    throw new Error(`mutant ${mutant.name}: it must be in the native sources exactly once: ${mutant.find}`);
  }
  writeFileSync(join(work, place!), parts.join(mutant.replace));
}

function compilerArguments(variant: AddonVariant, work: string, headers: string): string[] {
  const package_ = join(work, "packages", `driver-${variant.driver}`);
  const binding = JSON.parse(readFileSync(join(package_, "binding.gyp"), "utf8")) as Binding;
  const [target] = binding.targets;
  const nodeAddonApi = dirname(createRequire(import.meta.url).resolve("node-addon-api/package.json"));
  const sanitized = ["-g1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"];
  return [
    // Not optimised: that is what takes the compiler long.
    ...["-std=c++20", "-fPIC", "-shared", "-O0", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-pthread"],
    ...(variant.failing ? ["-include", failingHeader] : []),
    ...(variant.sanitizer === "address" ? [...sanitized, "-fno-sanitize-recover=undefined"] : []),
    ...[...target.defines, `NODE_GYP_MODULE_NAME=${target.target_name}`, "BUILDING_NODE_EXTENSION"].map(
      (one) => `-D${one}`,
    ),
    ...target.include_dirs.map((one) => `-I${join(package_, one)}`),
    ...["-isystem", nodeAddonApi, "-isystem", headers],
    ...target.sources.map((one) => join(package_, one)),
    ...target.ldflags,
    // After the sources: a static library is searched for what is missing so far.
    ...(target.libraries ?? []),
  ];
}
