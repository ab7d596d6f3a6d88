/**
 * The driver that is the same for every addon: options are checked before anything is opened, the addon is loaded when it
 * is asked for first, placement is checked when a session opens, and what the kernel refuses becomes a cause and a
 * sentence. A driver's own package says what is its own. Nothing here is called per operation.
 */
import { type Environment, readableEnvironment } from "../base/environment.js";
import { describeErrno } from "../base/errno.js";
import { batonError } from "../base/errors.js";
import type { Capabilities } from "./capability.js";
import type { Available, Driver, DriverLimits, Shortfall, Unavailable } from "./driver.js";
import { linuxInterfaceIndex } from "./interface-index.js";
import type { BindingResult } from "./load-binding.js";
import type { CheckedNativeOptions } from "./native-options.js";
import { createNativeSession, type NativeSession, type RuntimeName, runtimeName } from "./native-session.js";
import { checkPlacement } from "./placement.js";

/** What an addon gets with the options of its driver when it opens a session. */
export interface NativeOpening extends DriverLimits {
  readonly runtime: RuntimeName;
}

/**
 * What every addon offers. `Native` are the options as it takes them, `Found` is what a probe finds out; both calls
 * answer with a negative errno when the kernel refuses.
 */
export interface NativeBinding<Native, Found, Session extends NativeSession = NativeSession> {
  /** Opens nothing that outlives the call. */
  probe(options: Native): Found | number;
  /** `sink`: see `DriverHost`. */
  open(options: Native & NativeOpening, sink: (count: number) => void): Session | number;
}

/** What the shell asks of the system: modules of Node's, as they are. Core itself imports none. */
export interface NativeSystem {
  readonly process: {
    readonly env: Environment;
    readonly versions: Readonly<Record<string, string | undefined>>;
    emitWarning(message: string, options: { readonly type: string; readonly code: string }): void;
  };
  /** `node:fs`. */
  readonly fs: {
    readonly constants: Readonly<Record<string, number>>;
    existsSync(path: string): boolean;
    readFileSync(path: string, encoding: "utf8" | "latin1"): string;
  };
  /** Of `node:dns/promises`. */
  lookup(host: string, options: { readonly all: true }): Promise<readonly { readonly address: string }[]>;
}

/** What is a native driver's own. */
export interface NativeDriverParts<Options, Checked, Native, Binding, Found, Session extends NativeSession> {
  /** As in `Driver`. Messages about options speak of `uringDriver` where this is `"uring"`. */
  readonly name: string;
  /** What loads the addon, see `nativeBinding`. */
  readonly binding: () => BindingResult<Binding & NativeBinding<Native, Found, Session>>;
  readonly system: NativeSystem;
  /** What the kernel is asked to make for a session, and by which system call: for the sentence when it refuses. */
  readonly instance: { readonly text: string; readonly call: string };
  /**
   * Checks the options and fills in the defaults, when the driver is made. Throws what is wrong with them.
   * `readNativeOptions` does it for those that all native drivers share.
   */
  readOptions(options: Options, environment: Environment): Checked;
  /** The options for one probe or session: what only the process and its kernel can tell is asked now. */
  optionsFor(checked: Checked, binding: Binding): Native;
  /** What it can do, from what a probe found out. */
  describeProbe(found: Found, options: Native): Omit<Available, "available">;
  /** What a session can do, and what it has less of than it asked for. */
  describeSession(
    session: Session,
    options: Native,
  ): { readonly capabilities: Capabilities; readonly shortfalls?: readonly Shortfall[] };
  /** A refusal with a cause that is known; all others are `UNKNOWN_ERRNO`. `errno` is negative. */
  describeRefusal?(errno: number, options: Native): Unavailable | undefined;
}

/**
 * Makes the factory of a native driver from what is its own.
 *
 * The factory throws what `readOptions` throws, and reads `process.env` and `process.versions` at each call. `probe`
 * throws nothing. `open` throws `ERR_DRIVER_UNAVAILABLE` when the addon cannot be loaded or the kernel refuses, and
 * `ERR_INVALID_ARG_VALUE` for a NUMA node that the machine has not; it warns with `BATON_NO_HUGE_PAGES` where huge pages
 * were asked for and there are none. Sessions look names up and know network interfaces as Linux does.
 *
 * @example
 * const createDriver = nativeDriver({
 *   name: "mine",
 *   binding: mineBinding, // nativeBinding<MineBinding>({ … })
 *   system: { process, fs, lookup },
 *   instance: { text: "a queue", call: "mine_create" },
 *   readOptions,
 *   optionsFor: (checked) => checked,
 *   describeProbe: () => ({ capabilities, evidence: [] }),
 *   describeSession: () => ({ capabilities }),
 * });
 * export function mineDriver(options: MineOptions = {}): Driver {
 *   return createDriver(options);
 * }
 */
export function nativeDriver<
  Options,
  Checked,
  Native extends CheckedNativeOptions,
  Binding,
  Found,
  Session extends NativeSession,
>(parts: NativeDriverParts<Options, Checked, Native, Binding, Found, Session>): (options: Options) => Driver {
  const { name, system } = parts;
  const { process, fs } = system;

  const refused = (errno: number, options: Native): Unavailable => {
    const { code, text } = describeErrno(errno);
    return (
      parts.describeRefusal?.(errno, options) ?? {
        available: false,
        cause: "UNKNOWN_ERRNO",
        summary: `The kernel refused to make ${parts.instance.text}: ${code} (${text}).`,
        evidence: [{ name: parts.instance.call, value: code }],
      }
    );
  };

  return (options) => {
    const checked = parts.readOptions(options, readableEnvironment(process.env));
    const runtime = runtimeName(process.versions);
    return {
      name,
      probe: () => {
        const loaded = parts.binding();
        if ("unavailable" in loaded) return loaded.unavailable;
        const native = parts.optionsFor(checked, loaded.binding);
        const found = loaded.binding.probe(native);
        if (isErrno(found)) return refused(found, native);
        return { available: true, ...parts.describeProbe(found, native) };
      },
      open: (host, limits) => {
        const loaded = parts.binding();
        if ("unavailable" in loaded) throw unavailable(name, loaded.unavailable);
        const native = parts.optionsFor(checked, loaded.binding);
        checkPlacement(`${name}Driver`, native, {
          exists: (path) => fs.existsSync(path),
          read: (path) => fs.readFileSync(path, "utf8"),
          warn: (message, details) => process.emitWarning(message, details),
        });
        const session = loaded.binding.open({ ...native, ...limits, runtime }, (count) => host.sink(count));
        if (typeof session === "number") throw unavailable(name, refused(session, native));
        return createNativeSession({
          native: session,
          ...parts.describeSession(session, native),
          runtime,
          guardPages: native.guardPages,
          interfaceIndex: linuxInterfaceIndex((path) => fs.readFileSync(path, "latin1")),
          lookup: async (host) => (await system.lookup(host, { all: true })).map(({ address }) => address),
          openConstants: fs.constants,
        });
      },
    };
  };
}

function isErrno(answer: unknown): answer is number {
  return typeof answer === "number" && answer < 0;
}

function unavailable(driver: string, { summary, cause }: Unavailable): Error {
  return batonError("ERR_DRIVER_UNAVAILABLE", `The driver ${driver} cannot run: ${summary} [${cause}]`, { driver });
}
