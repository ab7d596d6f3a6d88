/** How completions reach core: through its sink, or left in the shared memory while it submits. */
import { CONTROL, type DriverHost, type DriverLimits, OPCODE, type SharedMemory } from "@baton-io/core/driver";
import { type Completion, CompletionQueue } from "./completion-queue.js";
import type { Kernel } from "./kernel.js";
import type { Ticket } from "./ticket.js";
import type { TimelineEvent } from "./timeline.js";

interface DeliveryListener {
  /** A completion stands in the shared memory: what it carries is core's. */
  handOver(completion: Completion): void;
  /** Core has been told. */
  told(): void;
}

export class Delivery {
  readonly #kernel: Kernel;
  readonly #host: DriverHost;
  readonly #batchMax: number;
  readonly #control: Int32Array;
  readonly #completions: CompletionQueue;
  readonly #listener: DeliveryListener;
  /** The next call of the sink. */
  #event: TimelineEvent | undefined = undefined;
  /** Core was told to ask for more completions: until it does, it gets none. */
  #awaitsCall = false;
  #stopped = false;
  /** Core's sink is running. */
  inSink = false;

  constructor(
    kernel: Kernel,
    host: DriverHost,
    limits: DriverLimits,
    shared: SharedMemory,
    listener: DeliveryListener,
  ) {
    this.#kernel = kernel;
    this.#host = host;
    this.#batchMax = limits.completionBatchMax;
    this.#control = new Int32Array(shared.control);
    this.#completions = new CompletionQueue(new Int32Array(shared.completions), kernel.dice);
    this.#listener = listener;
  }

  /** From here on nobody may be told of anything. */
  stop(): void {
    this.#stopped = true;
  }

  /** Tells core of nothing, so that it asks what there is to do. */
  wake(): void {
    this.#sink(0);
  }

  /** The operation has completed; core is told at once or later. */
  post(ticket: Ticket, result: number, more: boolean, late: boolean): void {
    const { dice, timeline, bug } = this.#kernel;
    const { auxiliary, provided, payload, begun } = ticket;
    ticket.auxiliary = 0;
    ticket.begun = false;
    ticket.provided = -1;
    ticket.payload = undefined;
    const timedOut = ticket.timedOut && !more;
    const completion = { ticket, result, more, auxiliary, provided, payload, timedOut, begun, duplicate: false };
    if (late && ticket.opcode !== OPCODE.cancel && !ticket.multishot) {
      timeline.schedule(dice.delayUs(), () => this.#ready(completion));
    } else {
      this.#ready(completion);
    }
    if (bug === "complete-twice" && !more && dice.random.chance(0.02)) {
      this.#ready({ ...completion, duplicate: true, payload: undefined });
    }
  }

  #ready(completion: Completion): void {
    this.#completions.push(completion);
    this.#armDelivery();
  }

  #armDelivery(): void {
    const { timeline, dice } = this.#kernel;
    if (this.#event !== undefined || this.#awaitsCall || this.#completions.length === 0) return;
    const delayUs = dice.profile.shuffle > 0 ? dice.random.below(20) : 0;
    this.#event = timeline.schedule(delayUs, () => {
      this.#event = undefined;
      if (this.#completions.length === 0 || this.#awaitsCall) return;
      const max = this.#batchMax;
      const count = Math.min(this.#completions.length, dice.happens("overflow") ? dice.random.between(1, 3) : max);
      this.#sink(this.#write(count));
      this.#armDelivery();
    });
  }

  /** Leaves in the shared memory what is ready while core submits. */
  leaveInline(submitted: number): void {
    const { dice } = this.#kernel;
    const ready = this.#completions.length;
    let count = Math.min(ready, this.#batchMax);
    let waiting = ready > count;
    if (count > 1 && dice.happens("overflow")) {
      count = dice.random.between(1, count - 1);
      waiting = true;
    } else if (submitted > 0 && dice.profile.shuffle > 0 && dice.random.chance(0.3)) {
      // They come through the sink.
      count = 0;
      waiting = false;
    }
    this.#control[CONTROL.completionCount] = this.#write(count);
    this.#control[CONTROL.completionsWaiting] = waiting ? 1 : 0;
    this.#awaitsCall = waiting;
    this.#armDelivery();
  }

  /** Writes up to `count` completions into the shared memory, and lets go of what they carry. */
  #write(count: number): number {
    for (let index = 0; index < count; index++) {
      const completion = this.#completions.take();
      this.#completions.write(index, completion);
      this.#listener.handOver(completion);
    }
    return count;
  }

  #sink(count: number): void {
    if (this.#stopped) {
      this.#kernel.ledger.lateWrites += count;
      return;
    }
    this.inSink = true;
    try {
      this.#host.sink(count);
    } finally {
      this.inSink = false;
    }
    this.#listener.told();
  }
}
