/** The driver's options. */
import { checkBoolean, checkInteger, checkOptions } from "@baton-io/core/driver";

export interface EpollOptions {
  /**
   * Most worker threads for calls that may block. Default: the number of processors, at least 4 and at most 32. While all
   * of them hang, up to 64 more stand in for them.
   */
  readonly threadsMax?: number;
  /** NUMA node that pool memory is taken from; default: the system's choice. */
  readonly numaNode?: number;
  /** Ask for huge pages for large slabs; ordinary pages where there are none. Default false. */
  readonly hugePages?: boolean;
  /** Put every buffer between pages without access: slow, finds whoever touches memory that is not lent. For tests. */
  readonly guardPages?: boolean;
}

const optionNames = { threadsMax: true, numaNode: true, hugePages: true, guardPages: true } as const;

/** The options with all defaults, as the addon takes them. */
export interface NativeOptions {
  readonly threadsMax: number;
  readonly numaNode: number;
  readonly hugePages: boolean;
  readonly guardPages: boolean;
}

const THREADS_MAX = 1024;
const THREADS_DEFAULT_MIN = 4;
const THREADS_DEFAULT_MAX = 32;

/** Checks the options and fills in the defaults. Throws what is wrong with them. */
export function readOptions(
  options: EpollOptions,
  environment: Readonly<Record<string, string | undefined>>,
  processors: number,
): NativeOptions {
  const where = "epollDriver";
  checkOptions(where, options, optionNames);
  const { threadsMax, numaNode, hugePages, guardPages } = options;
  return {
    threadsMax:
      threadsMax === undefined
        ? Math.min(THREADS_DEFAULT_MAX, Math.max(THREADS_DEFAULT_MIN, processors))
        : checkInteger(where, "threadsMax", threadsMax, 1, THREADS_MAX),
    numaNode: numaNode === undefined ? -1 : checkInteger(where, "numaNode", numaNode, 0, 1023),
    hugePages: hugePages !== undefined && checkBoolean(where, "hugePages", hugePages),
    guardPages:
      guardPages === undefined
        ? environment["BATON_GUARD_PAGES"] === "1"
        : checkBoolean(where, "guardPages", guardPages),
  };
}
