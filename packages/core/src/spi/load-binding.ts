/** Finding a native driver's addon, and telling why there is none and what to do about it. */
import { type Environment, readableEnvironment } from "../base/environment.js";
import type { Evidence, Remedy, Unavailable } from "./driver.js";

/** An addon that was loaded, or why none was. */
export type BindingResult<T> = { readonly binding: T; readonly path: string } | { readonly unavailable: Unavailable };

/** An addon to be loaded. */
export interface BindingOptions {
  readonly driver: string;
  /** The package that the addon is in. */
  readonly package: string;
  /** `import.meta.url` of a module of that package: tells an installed package from a clone. */
  readonly from: string;
  /** Where it may be: the first that exists is taken. */
  readonly paths: readonly string[];
  /** The runtime's `require`. */
  readonly load: (path: string) => unknown;
}

/** Loads a driver's addon from the first of `paths` that exists. Throws nothing. */
export function loadBinding<T>(options: BindingOptions): BindingResult<T> {
  const evidence: Evidence[] = [];
  for (const path of options.paths) {
    try {
      // The addon's shape is fixed by the version of the package it is in.
      return { binding: options.load(path) as T, path };
    } catch (error) {
      const code = errorCode(error);
      const text = error instanceof Error ? error.message.split("\n")[0]! : String(error);
      if (code === "MODULE_NOT_FOUND" || /cannot find module/i.test(text)) {
        evidence.push({ name: "not there", value: path });
      } else {
        return { unavailable: notLoadable(options, path, code, text) };
      }
    }
  }
  return {
    unavailable: {
      available: false,
      cause: "NOT_BUILT",
      summary: `The native half of the ${options.driver} driver has not been built for this machine.`,
      evidence,
      remedy: remedyFor(options),
    },
  };
}

/**
 * What loads an addon once. What could not be loaded is tried again the next time: there may be a descriptor, a
 * permission or a file by then.
 */
export function bindingLoader<T>(load: () => BindingResult<T>): () => BindingResult<T> {
  let loaded: BindingResult<T> | undefined;
  return () => {
    if (loaded === undefined || "unavailable" in loaded) loaded = load();
    return loaded;
  };
}

/** Where the addon of a driver is, as its package says it. */
export interface NativeBindingParts extends Pick<BindingOptions, "driver" | "package" | "from" | "load"> {
  /** Its file in `prebuilds/<platform>-<arch>` of the package. */
  readonly file: string;
  /** An environment variable that names another file, for tests with sanitizers. */
  readonly variable: string;
  readonly process: { readonly env: Environment; readonly platform: string; readonly arch: string };
}

/**
 * What loads a driver's addon when it is asked for first. Throws nothing: what cannot be loaded is `unavailable`, and
 * tried again the next time. The package keeps `prebuilds` beside the folder of the module that `from` names.
 *
 * @example
 * export const mineBinding = nativeBinding<MineBinding>({
 *   driver: "mine",
 *   package: "baton-driver-mine",
 *   file: "driver-mine.node",
 *   variable: "MINE_BINARY",
 *   from: import.meta.url,
 *   process,
 *   load: createRequire(import.meta.url),
 * });
 */
export function nativeBinding<Binding>(parts: NativeBindingParts): () => BindingResult<Binding> {
  const { file, variable, process, ...options } = parts;
  return bindingLoader(() => {
    const named = readableEnvironment(process.env)[variable];
    const paths = [named ?? `../prebuilds/${process.platform}-${process.arch}/${file}`];
    return loadBinding<Binding>({ ...options, paths });
  });
}

/** In a clone the addon is built; an installed package comes with it, and cannot be built where it is. */
function remedyFor({ package: name, from }: BindingOptions): Remedy {
  return isInstalled(from)
    ? {
        text: "Install the package again, with the system that it runs on; a bundler has to leave it where it is. Where it has no addon for the system, another driver is used.",
        command: `npm install --force ${name}`,
      }
    : { text: "Build it: g++, make, python3 and the liburing headers are needed.", command: "npm run build" };
}

/** True for a module of an installed package; in a clone, packages are reached by links, and modules know the real path. */
export function isInstalled(moduleUrl: string): boolean {
  return moduleUrl.includes("/node_modules/");
}

function notLoadable(options: BindingOptions, path: string, code: string | undefined, text: string): Unavailable {
  const { driver } = options;
  const evidence: Evidence[] = [
    { name: "file", value: path },
    { name: "error", value: code === undefined ? text : `${code}: ${text}` },
  ];
  const failure = (cause: string, summary: string, remedy: Remedy): Unavailable => ({
    available: false,
    cause,
    summary,
    evidence,
    remedy,
  });
  if (code === "ERR_DLOPEN_DISABLED" || /--allow-(addons|ffi)|NotCapable/i.test(text)) {
    return failure(
      "RUNTIME_PERMISSION",
      `This runtime was started without the permission to load addons, so the ${driver} driver stays out.`,
      { text: "Start Node with --allow-addons, or Deno with --allow-ffi and --allow-read." },
    );
  }
  if (code === "ERR_ACCESS_DENIED" || /--allow-(fs-)?read/.test(text)) {
    return failure(
      "RUNTIME_PERMISSION",
      `This runtime was started without the permission to read the addon of the ${driver} driver.`,
      { text: "Start Node with --allow-fs-read for the packages, or Deno with --allow-read." },
    );
  }
  if (/too many open files|EMFILE|ENFILE/i.test(text)) {
    return failure("NOFILE", `No file descriptor is left to load the ${driver} driver with.`, {
      text: "Raise the limit on open files before the program starts, or close what is open.",
      command: "ulimit -n 65536",
    });
  }
  return failure(
    "NOT_LOADABLE",
    `The native half of the ${driver} driver is there and the runtime could not load it.`,
    remedyFor(options),
  );
}

function errorCode(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}
