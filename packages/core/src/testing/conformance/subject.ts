/** What the kit needs to know of a driver under test. Whatever needs a system is supplied here, by the caller. */
import type { BackendOptions, Clock, Driver } from "@baton-io/core";
import type { LinkLocal } from "../sim/interfaces.js";

/** Another way to the same files, so that a driver is not its own witness. */
export interface FileOracle {
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
}

/** Descriptors that the program has beside its backends. */
export interface OwnDescriptors {
  /** Opens a file or FIFO for reading and writing; `append`: writes go to the end. */
  open(path: string, append?: boolean): number;
  /** Moves the own position of a file on, by reading so many bytes. */
  skip(descriptor: number, bytes: number): void;
  isOpen(descriptor: number): boolean;
  close(descriptor: number): void;
}

/**
 * A driver under test.
 *
 * @example
 * const subject: ConformanceSubject = {
 *   name: "libuv",
 *   createDriver: libuvDriver,
 *   scratchPath: (name) => join(directory, `${next++}-${name}`),
 * };
 */
export interface ConformanceSubject {
  /** What reports call it. */
  readonly name: string;
  createDriver(): Driver;
  /** A path that does not exist yet, in a directory that does. A new one with every call. */
  scratchPath(name: string): string;
  /** Default: the driver itself. */
  readonly oracle?: FileOracle;
  /** For simulation: the time the driver lives in. */
  readonly clock?: Clock;
  /** The driver at the other end of connections. Default: the same one. */
  readonly peer?: ConformanceSubject;
  /** Options of every backend that the kit creates. */
  readonly options?: Omit<BackendOptions, "driver" | "clock" | "onLeak">;
  /** The driver makes trouble on purpose: cases that count on calm are left out, and reported as left out. */
  readonly rough?: boolean;
  /**
   * How long a case may take, real milliseconds; default 15,000. Waiting for one thing may take a third of it. It is a
   * limit for what hangs, not a measure: longer where everything is slowed on purpose.
   */
  readonly caseDeadlineMs?: number;
  /** The longest file that the system under it can have, if that is less than some GiB. */
  readonly fileBytesMax?: number;
  /** Makes a FIFO at each path. Without it, cases about FIFOs are left out, and reported as left out. */
  makeFifos?(paths: readonly string[]): void | Promise<void>;
  /**
   * The path of a file that is read at positions and written only where the system has it, as some under /proc are:
   * what is written to it first is what it begins with. Cases that need it are left out without it, and counted.
   */
  makePlaceless?(path: string): string;
  /** An IPv6 address that is one of its interface only, where the machine has one. Cases that need it are left out without it, and counted. */
  readonly linkLocal?: LinkLocal;
  /**
   * A file that takes whatever is written and holds nothing. Cases with buffers of 4 GiB, of which hardly a page is ever
   * touched, need it: it is given where a process can have so much memory. Without it they are left out, and counted.
   */
  readonly sinkPath?: string;
  /** Collects all garbage there is, before it returns. Without it, cases that need it are reported as left out. */
  collectGarbage?(): void;
  /** Descriptors that the process has open; when it is given, every case must leave as many as it found. */
  countDescriptors?(): number;
  /**
   * Takes all descriptors that are left to the process but so many, until what it returns is called. Cases that need it
   * are left out without it, and counted.
   */
  exhaustDescriptors?(left: number): () => void;
  /**
   * Gives a file a time of its last change, in seconds since 1970, and tells what it has by then, as another way to it
   * tells it: not every file system keeps every time. Cases that need it are left out without it, and counted.
   */
  setModified?(path: string, seconds: number): bigint;
  /** Descriptors to be adopted. Cases that need some are left out without it, and counted. */
  readonly descriptors?: OwnDescriptors;
}

/** Means that only some callers can supply. */
export type SubjectMeans =
  | "exhaustDescriptors"
  | "setModified"
  | "descriptors"
  | "makeFifos"
  | "makePlaceless"
  | "linkLocal"
  | "collectGarbage"
  | "sinkPath";

/** A subject, or what makes a new one for each case: a simulation has a world of its own. */
export type SubjectSource = ConformanceSubject | (() => ConformanceSubject);

const CASE_DEADLINE_MS_DEFAULT = 15_000;
/** What waits for something in a case gives up after this share of the case's time, to say itself what it waited for. */
const WAIT_SHARE = 1 / 3;

/** How long a case with this subject may take, and a wait in it, real milliseconds. */
export function deadlinesOf({ caseDeadlineMs = CASE_DEADLINE_MS_DEFAULT }: ConformanceSubject): {
  readonly caseDeadlineMs: number;
  readonly waitDeadlineMs: number;
} {
  return { caseDeadlineMs, waitDeadlineMs: caseDeadlineMs * WAIT_SHARE };
}

/** The subject for one case. */
export function subjectFrom(source: SubjectSource): ConformanceSubject {
  return typeof source === "function" ? source() : source;
}
