/** Completions on their way to core: into the shared buffer while core submits, through the sink otherwise. */
import {
  AUXILIARY_SHIFT,
  COMPLETION_FLAG,
  COMPLETION_SHIFT,
  COMPLETION_WORD,
  CONTROL,
  type DriverHost,
  type DriverLimits,
  Fifo,
  type SharedMemory,
} from "@baton-io/core/driver";

/** The operation that a completion is for. */
export interface OperationId {
  readonly slot: number;
  readonly generation: number;
}

/** What a completion tells beside its result. */
export interface CompletionExtras {
  /** Generation of the handle that the result names, or number of the buffer that was taken. */
  readonly auxiliary?: number;
  readonly providedBuffer?: boolean;
  /** What the operation has begun is kept: `COMPLETION_FLAG.begun`. */
  readonly begun?: boolean;
}

/** A completion that has to wait for room. */
interface Completion {
  readonly id: OperationId;
  readonly result: number;
  readonly extras: CompletionExtras | undefined;
}

export class Deliver {
  readonly #host: DriverHost;
  readonly #words: Int32Array;
  readonly #control: Int32Array;
  readonly #max: number;
  #submitting = false;
  #inline = 0;
  /** What did not fit into the shared buffer during a submit. */
  readonly #overflow: Fifo<Completion> = new Fifo();
  #closed = false;

  constructor(host: DriverHost, shared: SharedMemory, limits: DriverLimits) {
    this.#host = host;
    this.#words = new Int32Array(shared.completions);
    this.#control = new Int32Array(shared.control);
    this.#max = limits.completionBatchMax;
  }

  /** Core is in `submit`: completions are left in the buffer. */
  beginSubmit(): void {
    this.#submitting = true;
    this.#inline = 0;
    while (this.#overflow.length > 0 && this.#inline < this.#max) {
      const { id, result, extras } = this.#overflow.shift()!;
      this.#write(this.#inline++, id, result, extras);
    }
  }

  /** Core returns from `submit`. */
  endSubmit(): void {
    this.#submitting = false;
    this.#control[CONTROL.completionCount] = this.#inline;
    this.#control[CONTROL.completionsWaiting] = this.#overflow.length > 0 ? 1 : 0;
  }

  /** One operation has ended. */
  complete(id: OperationId, result: number, extras?: CompletionExtras): void {
    if (this.#closed) return;
    if (!this.#submitting) {
      this.#write(0, id, result, extras);
      this.#host.sink(1);
    } else if (this.#inline < this.#max) {
      this.#write(this.#inline++, id, result, extras);
    } else {
      this.#overflow.push({ id, result, extras });
    }
  }

  /** The session is closed: nobody listens any more. */
  close(): void {
    this.#closed = true;
  }

  #write(index: number, { slot, generation }: OperationId, result: number, extras: CompletionExtras | undefined): void {
    const base = index << COMPLETION_SHIFT;
    const words = this.#words;
    words[base + COMPLETION_WORD.slot] = slot;
    words[base + COMPLETION_WORD.generation] = generation;
    words[base + COMPLETION_WORD.result] = result;
    words[base + COMPLETION_WORD.flags] = extras === undefined ? 0 : flagsOf(extras);
  }
}

function flagsOf({ auxiliary = 0, providedBuffer = false, begun = false }: CompletionExtras): number {
  const flags = (providedBuffer ? COMPLETION_FLAG.providedBuffer : 0) | (begun ? COMPLETION_FLAG.begun : 0);
  return (auxiliary << AUXILIARY_SHIFT) | flags;
}
