/** The driver's options, and the mask that switches features off. */
import {
  batonError,
  type CheckedNativeOptions,
  checkBoolean,
  checkInteger,
  checkOptions,
  type Environment,
  type NativeDriverOptions,
  nativeOptionNames,
  readNativeOptions,
} from "@baton-io/core/driver";

export interface UringOptions extends NativeDriverOptions {
  /** Entries of the submission queue; a power of two from 8 to 32,768, else rounded up. Default 1024. */
  readonly entries?: number;
  /** Entries of the completion queue; default four times `entries`. */
  readonly cqEntries?: number;
  /**
   * A kernel thread submits (IORING_SETUP_SQPOLL). Off by default, and mind: that thread keeps the credentials the
   * process had when the backend was created, whatever `setuid` does later (CVE-2024-22017 was of this kind). Needs
   * Linux 5.11: before, that thread takes registered files only.
   */
  readonly sqpoll?: boolean;
  /** How long that thread spins without work before it sleeps, ms. Default 1000. */
  readonly sqpollIdleMs?: number;
  /** Processor for that thread; default: the scheduler's choice. */
  readonly sqpollCpu?: number;
  /**
   * Completions polled from the device (IORING_SETUP_IOPOLL) are refused with `ERR_UNSUPPORTED`: such a ring can do
   * nothing but O_DIRECT reads and writes, not even open their file, and nothing would wake an event loop for it.
   */
  readonly iopoll?: false;
  /** Run completion work only when asked for (IORING_SETUP_DEFER_TASKRUN), woken by an eventfd. Default false. */
  readonly deferTaskrun?: boolean;
  /**
   * Most kernel workers for operations that block on devices. Default 64: so many calls may hang in a file system that
   * does not answer before nobody else's work on files goes on.
   */
  readonly boundedWorkersMax?: number;
  /** Most kernel workers for operations that may block for ever. Default 64. */
  readonly unboundedWorkersMax?: number;
  /** Processors that the kernel's workers and this thread may use; default: all. */
  readonly affinity?: readonly number[];
  /**
   * Sends of so many bytes and more leave from the caller's memory, which comes home when the network has let go of it;
   * 0: none. Default 0: the kernel copies on the loopback anyway, so measure on your network before you choose.
   */
  readonly zeroCopySendMinBytes?: number;
  /**
   * Make pool memory known to the kernel as it is allocated (registered buffers): a read or write of a page then costs
   * the kernel 5 to 20 % less processor time. Such memory is locked, and counts against `RLIMIT_MEMLOCK` of the user,
   * which rings need too. Default: only where the kernel does not count it, for a process with `CAP_IPC_LOCK` when the
   * backend is created. With `true` always; what the limit does not allow is used unregistered.
   */
  readonly registeredBuffers?: boolean;
  /** Features to leave unused, as in `BATON_URING_DISABLE`. */
  readonly disable?: readonly UringFeature[];
}

/** Features that can be switched off; the bits are `FeatureBit` in `native/uring_features.h`. */
const featureBits = {
  "multishot-accept": 1,
  "multishot-receive": 2,
  "buffer-ring": 4,
  "zero-copy-send": 8,
  "registered-buffers": 16,
  "cancel-any": 64,
  ftruncate: 128,
  "registered-ring": 256,
  links: 512,
  "link-timeout": 1024,
  splice: 2048,
  paths: 4096,
  restrictions: 8192,
  "ext-arg": 16384,
  "sqpoll-files": 32768,
} as const;

export type UringFeature = keyof typeof featureBits;

/** Names for several features at once. */
const featureGroups: Readonly<Record<string, readonly UringFeature[]>> = {
  multishot: ["multishot-accept", "multishot-receive"],
  all: Object.keys(featureBits) as UringFeature[],
};

export const uringFeatures: readonly UringFeature[] = Object.keys(featureBits) as UringFeature[];

const optionNames = {
  entries: true,
  cqEntries: true,
  sqpoll: true,
  sqpollIdleMs: true,
  sqpollCpu: true,
  iopoll: true,
  deferTaskrun: true,
  boundedWorkersMax: true,
  unboundedWorkersMax: true,
  affinity: true,
  ...nativeOptionNames,
  zeroCopySendMinBytes: true,
  registeredBuffers: true,
  disable: true,
} as const;

/** The options with all defaults, as the addon takes them. */
export interface NativeOptions extends CheckedNativeOptions {
  readonly entries: number;
  readonly cqEntries: number;
  readonly sqpoll: boolean;
  readonly sqpollIdleMs: number;
  readonly sqpollCpu: number;
  readonly deferTaskrun: boolean;
  readonly boundedWorkersMax: number;
  readonly unboundedWorkersMax: number;
  readonly affinity: readonly number[];
  readonly zeroCopySendMinBytes: number;
  readonly registeredBuffers: boolean;
  readonly disabledFeatures: number;
}

/** The options as they were read; what is `undefined` is decided when a ring is made, by what the process may do then. */
export interface CheckedOptions extends Omit<NativeOptions, "registeredBuffers"> {
  readonly registeredBuffers: boolean | undefined;
}

const ENTRIES_MAX = 32_768;
const CPU_MAX = 4095;
const ZERO_COPY_MIN_BYTES_MAX = 2 ** 31;

/** Checks the options and fills in the defaults. Throws what is wrong with them. */
export function readOptions(options: UringOptions, environment: Environment): CheckedOptions {
  const where = "uringDriver";
  checkOptions(where, options, optionNames);
  const integer = (name: keyof UringOptions, otherwise: number, min: number, max: number) =>
    options[name] === undefined ? otherwise : checkInteger(where, name, options[name], min, max);
  const boolean = <T>(name: keyof UringOptions, otherwise: T) =>
    options[name] === undefined ? otherwise : checkBoolean(where, name, options[name]);
  const sqpoll = boolean("sqpoll", false);
  const deferTaskrun = boolean("deferTaskrun", false);
  if (sqpoll && deferTaskrun) {
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: sqpoll and deferTaskrun exclude each other.`);
  }
  if (boolean("iopoll", false)) {
    const why = "a ring with IORING_SETUP_IOPOLL can open no file and wakes no event loop";
    throw batonError("ERR_UNSUPPORTED", `${where}: iopoll is not offered: ${why}.`, { driver: "uring" });
  }
  if (!sqpoll && (options.sqpollIdleMs !== undefined || options.sqpollCpu !== undefined)) {
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: sqpollIdleMs and sqpollCpu need sqpoll.`);
  }
  const entries = integer("entries", 1024, 8, ENTRIES_MAX);
  const cqEntries = integer("cqEntries", 0, 8, ENTRIES_MAX * 2);
  if (cqEntries !== 0 && cqEntries < entries) {
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: cqEntries must not be less than entries (${entries}).`);
  }
  return {
    entries,
    cqEntries,
    sqpoll,
    sqpollIdleMs: integer("sqpollIdleMs", 1000, 1, 60_000),
    sqpollCpu: integer("sqpollCpu", -1, 0, CPU_MAX),
    deferTaskrun,
    boundedWorkersMax: integer("boundedWorkersMax", 64, 1, 4096),
    unboundedWorkersMax: integer("unboundedWorkersMax", 64, 1, 4096),
    affinity: checkAffinity(where, options.affinity ?? []),
    ...readNativeOptions(where, options, environment),
    zeroCopySendMinBytes: integer("zeroCopySendMinBytes", 0, 0, ZERO_COPY_MIN_BYTES_MAX),
    registeredBuffers: boolean("registeredBuffers", undefined),
    disabledFeatures: readMask(where, [
      ...checkNames(where, options.disable ?? []),
      ...(environment["BATON_URING_DISABLE"] ?? "").split(",").filter((name) => name !== ""),
    ]),
  };
}

function checkAffinity(where: string, affinity: readonly number[]): readonly number[] {
  if (!Array.isArray(affinity)) {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: affinity must be an array of processor numbers.`);
  }
  return affinity.map((cpu) => checkInteger(where, "affinity", cpu, 0, CPU_MAX));
}

function checkNames(where: string, names: readonly UringFeature[]): readonly UringFeature[] {
  if (Array.isArray(names)) return names;
  throw batonError("ERR_INVALID_ARG_TYPE", `${where}: disable must be an array of feature names.`);
}

/** The bits of features, as the addon takes them. */
export function featureMask(features: readonly UringFeature[]): number {
  return features.reduce((mask, feature) => mask | featureBits[feature], 0);
}

function readMask(where: string, names: readonly string[]): number {
  let mask = 0;
  for (const name of names) {
    const features = Object.hasOwn(featureGroups, name) ? featureGroups[name]! : [name as UringFeature];
    for (const feature of features) {
      if (!Object.hasOwn(featureBits, feature)) {
        const known = [...uringFeatures, ...Object.keys(featureGroups)].join(", ");
        throw batonError("ERR_INVALID_ARG_VALUE", `${where}: there is no feature "${name}"; there are: ${known}.`);
      }
      mask |= featureBits[feature];
    }
  }
  return mask;
}
