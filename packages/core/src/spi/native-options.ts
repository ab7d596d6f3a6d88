/** The options that every native driver has: where its memory is, and how it is guarded. */
import type { Environment } from "../base/environment.js";
import { checkBoolean, checkInteger } from "../base/validate.js";

/** What a program may choose on every native driver. */
export interface NativeDriverOptions {
  /** NUMA node that pool memory is taken from, 0 to 1023; default: the system's choice. */
  readonly numaNode?: number;
  /** Ask for huge pages for large slabs; ordinary pages where there are none. Default false. */
  readonly hugePages?: boolean;
  /**
   * Put every buffer between pages without access: slow, finds whoever touches memory that is not lent. For tests.
   * Default false, and true with `BATON_GUARD_PAGES=1`.
   */
  readonly guardPages?: boolean;
}

/** The same with all defaults, as addons take them. */
export interface CheckedNativeOptions {
  /** −1: the system's choice. */
  readonly numaNode: number;
  readonly hugePages: boolean;
  readonly guardPages: boolean;
}

/** Their names, for `checkOptions`. */
export const nativeOptionNames = { numaNode: true, hugePages: true, guardPages: true } as const;

const NUMA_NODE_MAX = 1023;

/**
 * Checks the options that all native drivers share and fills in the defaults. Whether the machine has such a NUMA node
 * is looked at when a session opens. Throws `ERR_INVALID_ARG_TYPE` and `ERR_OUT_OF_RANGE`.
 *
 * @param where Who is called, for messages: `"mineDriver"`.
 * @param environment Environment variables, as `readableEnvironment` gives them.
 * @example
 * checkOptions(where, options, { threadsMax: true, ...nativeOptionNames });
 * return { threadsMax, ...readNativeOptions(where, options, environment) };
 */
export function readNativeOptions(
  where: string,
  { numaNode, hugePages, guardPages }: NativeDriverOptions,
  environment: Environment,
): CheckedNativeOptions {
  return {
    numaNode: numaNode === undefined ? -1 : checkInteger(where, "numaNode", numaNode, 0, NUMA_NODE_MAX),
    hugePages: hugePages !== undefined && checkBoolean(where, "hugePages", hugePages),
    guardPages:
      guardPages === undefined
        ? environment["BATON_GUARD_PAGES"] === "1"
        : checkBoolean(where, "guardPages", guardPages),
  };
}
