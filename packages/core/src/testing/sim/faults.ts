/**
 * What a simulated kernel may do that a program must survive, each with a probability, and how often it did. The
 * table is the one list: names, and what each means.
 */
import type { Random } from "./random.js";

/** Name and meaning of every fault. All are things that real kernels and drivers do. */
export const faultTable = [
  ["inline", "an operation that can end at once does so while it is submitted"],
  ["shuffle", "things that are due at the same time, and completions that are ready, come in any order"],
  ["slow", "a step takes a hundred times as long"],
  ["late", "the effect has happened, and the completion comes later"],
  ["short", "a read, write, send or receive moves fewer bytes than it could"],
  ["interrupted", "an attempt ends with -EINTR"],
  ["again", "an attempt ends with -EAGAIN"],
  ["ioError", "a file operation ends with -EIO"],
  ["noSpace", "a write ends with -ENOSPC"],
  ["diskFull", "a write takes what has room, and then the disk is full for a while: -ENOSPC"],
  ["sizeLimit", "a write takes what has room, and then its file may not grow for a while: -EFBIG"],
  ["tooManyFiles", "an operation that needs a new handle ends with -EMFILE"],
  ["reset", "the connection is reset by the network"],
  ["resetBehindBytes", "the connection is reset behind bytes that have arrived and that nobody has received"],
  ["resetAfterSend", "a send moves some of its bytes, and then the connection is reset"],
  ["stalled", "the other end takes no more bytes of a connection for a while"],
  ["refused", "a connect ends with -ECONNREFUSED or -ETIMEDOUT"],
  ["aborted", "a connection that waits to be accepted is gone: -ECONNABORTED"],
  ["datagramLost", "a datagram is lost on the way"],
  ["datagramOvertaken", "a datagram takes longer, and those that were sent after it arrive before it"],
  ["noBuffers", "a receive without a buffer ends with -ENOBUFS although there are buffers"],
  ["errorWithBuffer", "an error of a receive without a buffer carries a buffer nevertheless"],
  ["multishotEnds", "a multishot operation ends early, with its last result or after it"],
  ["cancelLoses", "a cancel answers 0 and the operation completes with what it has"],
  ["cancelMisses", "a cancel answers -ENOENT or -EALREADY, and the operation goes on or ends later"],
  ["queueFull", "the driver takes fewer submissions than it is offered"],
  ["overflow", "completions do not fit: core has to ask for the rest"],
  ["stuck", "a file operation takes longer than anybody waits"],
] as const;

/** Name of a fault. */
export type FaultName = (typeof faultTable)[number][0];

/** Probabilities (0 to 1) of the faults, and how long things take. */
export interface SimFaults extends Readonly<Record<FaultName, number>> {
  /** Longest ordinary step of an operation, virtual microseconds. */
  readonly delayUsMax: number;
  /** Longest way of bytes from one end of a connection to the other, virtual microseconds. */
  readonly networkDelayUsMax: number;
}

/** How long an operation takes that is stuck, virtual microseconds. */
export const STUCK_US = 60_000_000;

/** How long a disk is full, or a file may not grow, virtual microseconds. */
export const FULL_US = 5_000;

/** How long an end that is stalled takes nothing, virtual microseconds. */
export const STALL_US = 20_000;

const none = Object.fromEntries(faultTable.map(([name]) => [name, 0])) as Record<FaultName, number>;

/** Nothing goes wrong, everything takes the same short time and comes in order. */
export const calmFaults: SimFaults = Object.freeze({ ...none, delayUsMax: 10, networkDelayUsMax: 0 });

/** Everything goes wrong now and then, and still often enough right for a program to get on. */
export const roughFaults: SimFaults = Object.freeze({
  inline: 0.3,
  shuffle: 1,
  slow: 0.02,
  late: 0.2,
  short: 0.3,
  interrupted: 0.05,
  again: 0.04,
  ioError: 0.01,
  noSpace: 0.01,
  diskFull: 0.005,
  sizeLimit: 0.005,
  tooManyFiles: 0.02,
  reset: 0.003,
  resetBehindBytes: 0.002,
  resetAfterSend: 0.002,
  stalled: 0.01,
  refused: 0.03,
  aborted: 0.02,
  datagramLost: 0.1,
  datagramOvertaken: 0.1,
  noBuffers: 0.1,
  errorWithBuffer: 0.3,
  multishotEnds: 0.1,
  cancelLoses: 0.3,
  cancelMisses: 0.3,
  queueFull: 0.1,
  overflow: 0.2,
  stuck: 0,
  delayUsMax: 300,
  networkDelayUsMax: 500,
});

/** A profile by name, or the calm one with some probabilities of one's own. */
export type SimFaultsOption = "calm" | "rough" | Partial<SimFaults>;

/** The profile that an option stands for. */
export function resolveFaults(option: SimFaultsOption = "calm"): SimFaults {
  if (option === "calm") return calmFaults;
  if (option === "rough") return roughFaults;
  return { ...calmFaults, ...option };
}

/** Rolls the dice for the faults and counts what came up. */
export class FaultDice {
  /** How often each fault has happened. */
  readonly counts: Record<FaultName, number> = { ...none };
  readonly random: Random;
  #profile: SimFaults;

  constructor(random: Random, profile: SimFaults) {
    this.random = random;
    this.#profile = profile;
  }

  /** The profile in force; replaced by `calm()`. */
  get profile(): SimFaults {
    return this.#profile;
  }

  set profile(profile: SimFaults) {
    this.#profile = profile;
  }

  /** True when the fault happens now. */
  happens(name: FaultName): boolean {
    if (!this.random.chance(this.#profile[name])) return false;
    this.counts[name]++;
    return true;
  }

  /** How long the next step of an operation takes, microseconds. */
  delayUs(): number {
    return this.#delayUs(this.#profile.delayUsMax);
  }

  /** How long bytes are under way, microseconds. */
  networkDelayUs(): number {
    return this.#delayUs(this.#profile.networkDelayUsMax);
  }

  /** Between things due at the same time: 0 for the order in which they were queued. */
  tieOrder(): number {
    return this.#profile.shuffle > 0 ? this.random.next() : 0;
  }

  /** How many of `count` bytes are moved: all, or fewer. */
  shortened(count: number): number {
    return count > 1 && this.happens("short") ? this.random.between(1, count - 1) : count;
  }

  #delayUs(max: number): number {
    // Without chance in the profile every step takes the same time.
    if (this.#profile.shuffle === 0) return max;
    const delayUs = this.random.below(max + 1);
    return this.happens("slow") ? delayUs * 100 : delayUs;
  }
}
