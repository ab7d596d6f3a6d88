/**
 * The operation table: one entry per slot, reused. An operation is known by slot *and* generation; the generation
 * changes whenever a slot is freed, so a completion or a cancel that comes late finds nobody.
 */
import { batonError } from "../base/errors.js";
import { GENERATION_MAX } from "../spi/record.js";
import { Entry, type OperationKind } from "./entry.js";
import { EVENT, STATE } from "./lifecycle.js";

/** The slots of one backend. */
export class OperationTable {
  readonly entries: Entry[] = [];
  readonly #free: number[] = [];
  readonly #callerMax: number;
  readonly #slots: number;
  #inUse = 0;

  /**
   * @param callerMax most operations of callers at once, those that wait included
   * @param slots all slots there are, the reserve for cancels included
   */
  constructor(callerMax: number, slots: number) {
    this.#callerMax = callerMax;
    this.#slots = slots;
  }

  /** Slots in use: operations of callers, and cancels. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Callers have not taken all the slots that they can have. */
  get hasRoom(): boolean {
    return this.#inUse < this.#callerMax;
  }

  /** A slot for a caller's operation. Throws `ERR_OPERATION_LIMIT`. */
  allocate(kind: OperationKind): Entry {
    if (this.#inUse >= this.#callerMax) {
      throw batonError("ERR_OPERATION_LIMIT", `${kind.name}: ${this.#callerMax} operations are in flight or wait.`);
    }
    return this.#take(kind);
  }

  /** A slot out of the reserve, or `undefined` when even that is used up. */
  allocateReserved(kind: OperationKind): Entry | undefined {
    if (this.#inUse >= this.#slots) return undefined;
    const entry = this.#take(kind);
    entry.reserved = true;
    return entry;
  }

  #take(kind: OperationKind): Entry {
    const slot = this.#free.pop() ?? this.entries.length;
    const entry = this.entries[slot] ?? this.#addEntry(slot);
    this.#inUse++;
    entry.advance(EVENT.request);
    entry.kind = kind;
    return entry;
  }

  #addEntry(slot: number): Entry {
    const entry = new Entry(slot);
    this.entries.push(entry);
    return entry;
  }

  /** Frees the slot of a completed operation: from here on its id means nothing. */
  release(entry: Entry): void {
    entry.advance(EVENT.release);
    entry.generation = entry.generation === GENERATION_MAX ? 1 : entry.generation + 1;
    entry.kind = undefined;
    entry.subject = undefined;
    entry.buffer = undefined;
    entry.vector = undefined;
    entry.provided = undefined;
    entry.promise = undefined;
    entry.resolve = undefined;
    entry.reject = undefined;
    entry.extras = undefined;
    entry.lane = undefined;
    entry.chain = undefined;
    entry.progress = 0;
    entry.whole = false;
    entry.held = false;
    entry.admitted = false;
    entry.reserved = false;
    entry.areaBytes = 0;
    entry.writeArea = undefined;
    entry.movesPosition = false;
    entry.position = undefined;
    entry.startedAtMs = 0;
    this.#inUse--;
    this.#free.push(entry.slot);
  }

  /** The operation with this slot and generation, or `undefined` when it has ended. */
  find(slot: number, generation: number): Entry | undefined {
    const entry = this.entries[slot];
    return entry !== undefined && entry.generation === generation && entry.state !== STATE.free ? entry : undefined;
  }
}
