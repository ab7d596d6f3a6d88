/** What the simulated driver takes of a batch: all of it, or as much as a queue that is full has room for. */
import { OPCODE, type SharedMemory, SUBMISSION_SHIFT, SUBMIT_FLAG } from "@baton-io/core/driver";
import { EVENT_KIND } from "./event-hash.js";
import type { Kernel } from "./kernel.js";
import type { TimelineEvent } from "./timeline.js";

interface IntakeHost {
  readonly hasLinks: boolean;
  /** Something is in flight in this slot. */
  isTaken(slot: number): boolean;
  /** What was refused can be offered again. */
  hasRoom(): void;
}

export class Intake {
  readonly #kernel: Kernel;
  readonly #records: Int32Array;
  readonly #submissions: Int32Array;
  readonly #host: IntakeHost;
  #room: TimelineEvent | undefined = undefined;

  constructor(kernel: Kernel, shared: SharedMemory, host: IntakeHost) {
    this.#kernel = kernel;
    this.#records = new Int32Array(shared.records);
    this.#submissions = new Int32Array(shared.submissions);
    this.#host = host;
  }

  /** Nobody is told of room any more. */
  stop(): void {
    this.#kernel.timeline.cancel(this.#room);
  }

  /** How many of the offered submissions are taken now. `isIdle`: nothing is in flight, so some must be. */
  admit(count: number, isIdle: boolean): number {
    const { dice, hash, timeline, bug } = this.#kernel;
    if (count === 0 || !dice.happens("queueFull")) return count;
    let accepted = dice.random.below(count);
    // Cancels always get in, and so does what stands before them.
    for (let index = count - 1; index >= accepted; index--) {
      if ((this.#operation(index) & 0xff) === OPCODE.cancel) accepted = index + 1;
    }
    // A chain goes whole, or not at all.
    while (accepted > 0 && this.#isLinked(accepted - 1)) accepted--;
    if (accepted === 0 && isIdle) {
      do accepted++;
      while (accepted < count && this.#isLinked(accepted - 1));
    }
    if (accepted === count) return count;
    hash.event(EVENT_KIND.refuse, 0, 0, 0, count - accepted, timeline.nowUs);
    if (bug !== "forget-room") {
      timeline.cancel(this.#room);
      this.#room = timeline.schedule(dice.delayUs(), () => {
        hash.event(EVENT_KIND.room, 0, 0, 0, 0, timeline.nowUs);
        this.#host.hasRoom();
      });
    }
    return accepted;
  }

  /** The slots of each chain, or of each operation alone, one after the other: each is begun before the next is asked for. */
  *chains(count: number): Generator<readonly number[]> {
    const { hasLinks } = this.#host;
    for (let index = 0; index < count; ) {
      let end = index + 1;
      while (hasLinks && end < count && this.#isLinked(end - 1) && !this.#host.isTaken(this.#submissions[end - 1]!))
        end++;
      yield [...this.#submissions.subarray(index, end)];
      index = end;
    }
  }

  /** An entry of the batch is followed by one that waits for it to be over. */
  #isLinked(index: number): boolean {
    return (this.#operation(index) & SUBMIT_FLAG.link) !== 0;
  }

  #operation(index: number): number {
    return this.#records[this.#submissions[index]! << SUBMISSION_SHIFT]!;
  }
}
