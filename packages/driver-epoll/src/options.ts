/** The driver's options. */
import {
  type CheckedNativeOptions,
  checkInteger,
  checkOptions,
  type Environment,
  type NativeDriverOptions,
  nativeOptionNames,
  readNativeOptions,
} from "@baton-io/core/driver";

export interface EpollOptions extends NativeDriverOptions {
  /**
   * Most worker threads for calls that may block. Default: the number of processors, at least 4 and at most 32. While all
   * of them hang, up to 64 more stand in for them.
   */
  readonly threadsMax?: number;
}

/** The options with all defaults, as the addon takes them. */
export interface NativeOptions extends CheckedNativeOptions {
  readonly threadsMax: number;
}

const THREADS_MAX = 1024;
const THREADS_DEFAULT_MIN = 4;
const THREADS_DEFAULT_MAX = 32;

/** Checks the options and fills in the defaults. Throws what is wrong with them. */
export function readOptions(options: EpollOptions, environment: Environment, processors: number): NativeOptions {
  const where = "epollDriver";
  checkOptions(where, options, { threadsMax: true, ...nativeOptionNames });
  const { threadsMax } = options;
  return {
    threadsMax:
      threadsMax === undefined
        ? Math.min(THREADS_DEFAULT_MAX, Math.max(THREADS_DEFAULT_MIN, processors))
        : checkInteger(where, "threadsMax", threadsMax, 1, THREADS_MAX),
    ...readNativeOptions(where, options, environment),
  };
}
