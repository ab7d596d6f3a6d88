/** A driver whose completions a test writes by hand: for orders of events that no driver can be made to show. */
import { type Backend, type BackendOptions, createBackend } from "@baton-io/core";
import {
  AUXILIARY_SHIFT,
  allocateSharedMemory,
  COMPLETION_FLAG,
  COMPLETION_WORD,
  CONTROL,
  createHeapMemory,
  type Driver,
  type DriverCloseReport,
  type DriverHost,
  defineCapabilities,
  type FeatureName,
  type HeapMemory,
  native,
  type OpcodeName,
  type OpenFlags,
  opcodeNames,
  type SharedMemory,
  SUBMISSION_SHIFT,
  WORD,
} from "@baton-io/core/driver";

/** One submission that the driver has taken. */
export interface Taken {
  readonly opcode: OpcodeName;
  readonly slot: number;
  readonly generation: number;
  readonly record: Int32Array;
}

/** What a completion carries beside its result. */
export interface Extras {
  readonly more?: boolean;
  readonly auxiliary?: number;
  readonly provided?: number;
  readonly timedOut?: boolean;
}

export interface HandDriver {
  readonly driver: Driver;
  readonly memory: HeapMemory;
  /** What it shares with core, once it is open. */
  shared: SharedMemory;
  /** All submissions so far. */
  readonly taken: Taken[];
  /** Numbers of buffers that core has provided. */
  readonly provided: number[];
  /** How many submissions it takes in one call; the rest is refused. */
  accept: (offered: readonly Taken[]) => number;
  /** The last submission with this opcode. */
  last(opcode: OpcodeName): Taken;
  /** Completes an operation through the sink. */
  complete(taken: Taken, result: number, extras?: Extras): void;
  /** Tells core that there is room again. */
  room(): void;
  /** Called by `close`; what it resolves with is the driver's report. */
  close: () => Promise<DriverCloseReport>;
}

/** @param more features beside accepting again and again and provided buffers */
export function createHandDriver(more: readonly FeatureName[] = []): HandDriver {
  const memory = createHeapMemory();
  const everything = Object.fromEntries(opcodeNames.map((name) => [name, native()]));
  const capabilities = defineCapabilities(
    {
      operations: everything,
      features: {
        providedBuffer: native(),
        multishotAccept: native(),
        ...Object.fromEntries(more.map((name) => [name, native()])),
      },
    },
    "not made by hand",
  );
  let host: DriverHost;
  let completions: Int32Array;
  const hand: HandDriver = {
    memory,
    shared: undefined as never,
    taken: [],
    provided: [],
    accept: (offered) => offered.length,
    close: () => Promise.resolve({ unconfirmedOperations: 0, quarantinedBytes: 0 }),
    last: (opcode) => {
      const found = hand.taken.findLast((taken) => taken.opcode === opcode);
      if (found === undefined) throw new Error(`no ${opcode} was submitted`);
      return found;
    },
    complete: ({ slot, generation }, result, { more = false, auxiliary = 0, provided = -1, timedOut = false } = {}) => {
      completions[COMPLETION_WORD.slot] = slot;
      completions[COMPLETION_WORD.generation] = generation;
      completions[COMPLETION_WORD.result] = result;
      completions[COMPLETION_WORD.flags] =
        ((provided >= 0 ? provided : auxiliary) << AUXILIARY_SHIFT) |
        (more ? COMPLETION_FLAG.more : 0) |
        (timedOut ? COMPLETION_FLAG.timedOut : 0) |
        (provided >= 0 ? COMPLETION_FLAG.providedBuffer : 0);
      host.sink(1);
    },
    room: () => host.sink(0),
    driver: {
      name: "hand",
      probe: () => ({ available: true, capabilities, evidence: [] }),
      open: (given, limits) => {
        host = given;
        const shared = allocateSharedMemory(limits);
        hand.shared = shared;
        completions = new Int32Array(shared.completions);
        const records = new Int32Array(shared.records);
        const submissions = new Int32Array(shared.submissions);
        const control = new Int32Array(shared.control);
        const window = new Int32Array(shared.provided);
        return {
          shared,
          capabilities,
          memory,
          submit: (count) => {
            hand.provided.push(...window.subarray(0, control[CONTROL.providedCount]!));
            control[CONTROL.providedCount] = 0;
            const offered = Array.from(submissions.subarray(0, count), (slot): Taken => {
              const base = slot << SUBMISSION_SHIFT;
              return {
                opcode: opcodeNames[records[base]! & 0xff]!,
                slot,
                generation: records[base + WORD.generation]!,
                record: records.slice(base, base + 16),
              };
            });
            const accepted = hand.accept(offered);
            hand.taken.push(...offered.slice(0, accepted));
            return accepted;
          },
          close: () => hand.close(),
        };
      },
    },
  };
  return hand;
}

/** A backend over a driver made by hand. */
export function handBackend(hand: HandDriver, options: Omit<BackendOptions, "driver"> = {}): Backend {
  return createBackend({ driver: hand.driver, leakDetection: false, ...options });
}

/** Lets all microtasks run: what was queued has been submitted afterwards. */
export function flushed(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * A file that the driver has opened as handle 0.
 * @param position where the driver says that its own position stands; −1 when it cannot seek
 */
export async function handFile(io: Backend, hand: HandDriver, position = 0, flags: OpenFlags = "r+") {
  const opening = io.openFile("/file", flags);
  await flushed();
  const taken = hand.last("open");
  new DataView(hand.shared.arena).setBigInt64(taken.record[WORD.arenaOffset]!, BigInt(position), true);
  hand.complete(taken, 0, { auxiliary: 1 });
  return opening;
}

/** A connection that the driver has made as handle 1. */
export async function handStream(io: Backend, hand: HandDriver) {
  const connecting = io.connect({ port: 1 });
  await flushed();
  hand.complete(hand.last("connect"), 1, { auxiliary: 1 });
  return connecting;
}

/** A listener that the driver has made as handle 2. */
export async function handListener(io: Backend, hand: HandDriver) {
  const listening = io.listen();
  await flushed();
  hand.complete(hand.last("listen"), 2, { auxiliary: 1 });
  return listening;
}
