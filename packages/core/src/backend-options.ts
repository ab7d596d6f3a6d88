/** What a backend can be given, and what is checked of it. */

import { type Clock, systemClock } from "./base/clock.js";
import type { Counters } from "./base/counters.js";
import { batonError } from "./base/errors.js";
import type { AcceptPaused } from "./base/notices.js";
import { checkBoolean, checkInteger, checkOptions, describe, wrongType } from "./base/validate.js";
import { arenaLayout } from "./memory/arena.js";
import type { ResourceLeakListener } from "./resource/resource-tracker.js";
import type { Driver } from "./spi/driver.js";
import { SLOT_COUNT_MAX } from "./spi/record.js";

/** Something the program dropped without closing or releasing it. */
export type Leak =
  | ({ readonly what: "resource" } & Parameters<ResourceLeakListener>[0])
  | { readonly what: "buffer"; readonly bytes: number; readonly stack: string | undefined }
  /** A whole backend, of which nothing is in use any more. It is closed. */
  | { readonly what: "backend"; readonly driver: string; readonly stack: string | undefined };

export interface BackendOptions {
  /** A driver, or what `detect()` resolved with. */
  readonly driver: Driver;
  /** Most operations in flight; those beyond it wait, in order. Default 65,536, at most 2**20 − 1. */
  readonly operationsMax?: number;
  /**
   * Most operations that wait for one of those to end, each with its buffer lent; beyond it `ERR_OPERATION_LIMIT`. 0:
   * none waits. Default 262,144; with `operationsMax` at most 2**20 − 1. Costs 64 bytes each, and some 300 bytes of the
   * JavaScript heap, for as many as there ever were at once.
   */
  readonly operationsWaitingMax?: number;
  /**
   * Most bytes of pool memory, out and at rest; not what is adopted or borrowed. Default 256 MiB. It bounds what
   * buffers have in memory, whatever their sizes. What stands for a buffer comes on top: about 550 bytes of the
   * JavaScript heap and as much of the runtime's, and more until its collector has run.
   */
  readonly poolBytesMax?: number;
  /**
   * Bytes for long paths (from 256 bytes on) and vectors of operations in flight. Default 1 MiB. Those that find no room
   * wait for it. Shorter paths, addresses and messages never do: they have 256 bytes for each of `operationsMax`.
   */
  readonly arenaBytes?: number;
  /**
   * Length of the buffers that the driver takes for `receive()` without one. Default 16 KiB. While more than half of the
   * pool is out, they are smaller.
   */
  readonly receiveBufferBytes?: number;
  /**
   * Most such buffers that wait with the driver for bytes to arrive, and at most a quarter of the pool. What was received
   * and not released yet comes on top: the pool bounds it. Default 64.
   */
  readonly receiveBuffersMax?: number;
  /** Notice resources and buffers that were dropped. Default true. */
  readonly leakDetection?: boolean;
  /** Keep where each was made, for the report; costs some microseconds each. Default false. */
  readonly leakStacks?: boolean;
  /** Told of each leak. Default: nothing; `inspect()` counts them. */
  readonly onLeak?: (leak: Leak) => void;
  /**
   * Called once when a listener stops accepting because descriptors or memory have run out. It goes on by itself;
   * connections wait in the kernel's backlog meanwhile.
   */
  readonly onAcceptPaused?: (pause: AcceptPaused) => void;
  /** Time and turns; for simulation. */
  readonly clock?: Clock;
}

const backendOptionNames = {
  driver: true,
  operationsMax: true,
  operationsWaitingMax: true,
  poolBytesMax: true,
  arenaBytes: true,
  receiveBufferBytes: true,
  receiveBuffersMax: true,
  leakDetection: true,
  leakStacks: true,
  onLeak: true,
  onAcceptPaused: true,
  clock: true,
} as const;

const OPERATIONS_MAX_DEFAULT = 65_536;
const OPERATIONS_WAITING_MAX_DEFAULT = 262_144;
const POOL_BYTES_MAX_DEFAULT = 256 * 1024 * 1024;
const ARENA_BYTES_DEFAULT = 1024 * 1024;
/** Slots kept for cancels, so that a full backend can still be told to stop. */
const CANCEL_RESERVE_MAX = 1024;

/** Throws what is wrong with the options; answers them with the defaults filled in. */
export function checkBackendOptions(options: BackendOptions): {
  operationsMax: number;
  /** Most operations at once, those that wait included. */
  acceptedMax: number;
  slots: number;
  poolBytesMax: number;
  arena: ReturnType<typeof arenaLayout>;
  receiveBufferBytes: number;
  receiveBuffersMax: number;
  leakDetection: boolean;
  leakStacks: boolean;
  clock: Clock;
} {
  const where = "createBackend";
  checkOptions(where, options, backendOptionNames);
  const { driver } = options;
  if (typeof driver !== "object" || driver === null || typeof driver.open !== "function") {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: driver must be a driver, not ${describe(driver)}.`);
  }
  for (const name of ["onLeak", "onAcceptPaused"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") {
      throw wrongType(where, name, "a function", options[name]);
    }
  }
  checkClock(where, options.clock);
  const integer = (
    name:
      | "operationsMax"
      | "operationsWaitingMax"
      | "poolBytesMax"
      | "arenaBytes"
      | "receiveBufferBytes"
      | "receiveBuffersMax",
    otherwise: number,
    min: number,
    max: number,
  ) => checkInteger(where, name, options[name] ?? otherwise, min, max);
  const operationsMax = integer("operationsMax", OPERATIONS_MAX_DEFAULT, 1, SLOT_COUNT_MAX - 1);
  const waitingMax = integer("operationsWaitingMax", OPERATIONS_WAITING_MAX_DEFAULT, 0, SLOT_COUNT_MAX - 1);
  const reserve = Math.min(CANCEL_RESERVE_MAX, operationsMax);
  const acceptedMax = Math.max(operationsMax, Math.min(operationsMax + waitingMax, SLOT_COUNT_MAX - reserve));
  return {
    operationsMax,
    acceptedMax,
    slots: Math.min(SLOT_COUNT_MAX, acceptedMax + reserve),
    poolBytesMax: integer("poolBytesMax", POOL_BYTES_MAX_DEFAULT, 4096, 2 ** 40),
    arena: arenaLayout(integer("arenaBytes", ARENA_BYTES_DEFAULT, 16_384, 2 ** 30), operationsMax + reserve),
    receiveBufferBytes: integer("receiveBufferBytes", 16_384, 64, 2 ** 20),
    receiveBuffersMax: integer("receiveBuffersMax", 64, 1, 4096),
    leakDetection: checkBoolean(where, "leakDetection", options.leakDetection ?? true),
    leakStacks: checkBoolean(where, "leakStacks", options.leakStacks ?? false),
    clock: options.clock ?? systemClock,
  };
}

const clockMethods: readonly (keyof Clock)[] = ["nowMs", "microtask", "turn", "after", "retryAfter", "clear"];

function checkClock(where: string, clock: Clock | undefined): void {
  if (clock === undefined) return;
  const isClock =
    typeof clock === "object" && clock !== null && clockMethods.every((name) => typeof clock[name] === "function");
  if (!isClock) throw wrongType(where, "clock", "a Clock", clock);
}

/**
 * Wraps a listener of the program's so that it does no harm by throwing: it is called in the middle of the work that it
 * is told of. `counters.listenersFailed` tells.
 */
export function guarded<T>(counters: Counters, listener: ((told: T) => void) | undefined): (told: T) => void {
  return (told) => {
    try {
      listener?.(told);
    } catch {
      counters.listenersFailed++;
    }
  };
}
