/** A session of the simulated driver with a test in core's place: for what core does not submit yet, or must not. */
import {
  AUXILIARY_SHIFT,
  COMPLETION_FLAG,
  COMPLETION_SHIFT,
  COMPLETION_WORD,
  CONTROL,
  type DriverSession,
  OPCODE,
  type OpcodeName,
  parseAddress,
  SUBMISSION_SHIFT,
  WORD,
  writeAddress,
} from "@baton-io/core/driver";
import { createSimulation, type Simulation, type SimulationOptions } from "@baton-io/core/testing";

export interface RawCompletion {
  readonly slot: number;
  readonly generation: number;
  readonly result: number;
  readonly more: boolean;
  readonly provided: boolean;
  readonly auxiliary: number;
}

export interface RawOperation {
  readonly opcode: OpcodeName;
  readonly slot: number;
  readonly generation?: number;
  readonly flags?: number;
  readonly handle?: { readonly index: number; readonly generation: number };
  readonly words?: Readonly<Partial<Record<keyof typeof WORD, number>>>;
}

export class RawSimulation {
  readonly simulation: Simulation;
  readonly session: DriverSession;
  readonly completions: RawCompletion[] = [];
  readonly records: Int32Array;

  constructor(options: Omit<SimulationOptions, "seed"> = {}) {
    this.simulation = createSimulation({ seed: 1, ...options });
    this.session = this.simulation.driver.open(
      { sink: (count) => this.#read(count) },
      { slots: 64, submissionBatchMax: 64, completionBatchMax: 64, arenaBytes: 16_384 },
    );
    this.records = new Int32Array(this.session.shared.records);
  }

  /** Writes the record of an operation and submits it. */
  submit(operation: RawOperation): number {
    const { opcode, slot, generation = 1, flags = 0, handle, words = {} } = operation;
    const base = slot << SUBMISSION_SHIFT;
    this.records.fill(0, base, base + 16);
    this.records[base + WORD.operation] = OPCODE[opcode] | flags;
    this.records[base + WORD.generation] = generation;
    this.records[base + WORD.handleIndex] = handle?.index ?? -1;
    this.records[base + WORD.handleGeneration] = handle?.generation ?? 0;
    this.records[base + WORD.buffer] = -1;
    this.records[base + WORD.arenaOffset] = -1;
    for (const [name, value] of Object.entries(words)) this.records[base + WORD[name as keyof typeof WORD]] = value;
    new Int32Array(this.session.shared.submissions)[0] = slot;
    const accepted = this.session.submit(1);
    this.#readInline();
    return accepted;
  }

  /** Submits and runs until nothing happens any more; the completions that came meanwhile. */
  async run(operation: RawOperation): Promise<RawCompletion[]> {
    const before = this.completions.length;
    this.submit(operation);
    await this.simulation.idle();
    return this.completions.slice(before);
  }

  /** Hands buffers over for receives without one. */
  provide(numbers: readonly number[]): void {
    const control = new Int32Array(this.session.shared.control);
    new Int32Array(this.session.shared.provided).set(numbers);
    control[CONTROL.providedCount] = numbers.length;
    this.session.submit(0);
  }

  /** A listener and both ends of a connection to it. */
  async connection(): Promise<{
    listener: { index: number; generation: number };
    client: { index: number; generation: number };
    server: { index: number; generation: number };
  }> {
    const bytes = new Uint8Array(this.session.shared.arena);
    const words = new Int32Array(this.session.shared.arena);
    const address = parseAddress("127.0.0.1")!;
    const at = (port: number) => writeAddress(bytes, words, 0, address, port);
    at(5000);
    const area = { arenaOffset: 0, arenaLength: 128 };
    const listener = handleOf(await this.run({ opcode: "listen", slot: 60, words: { ...area, argument1: 8 } }));
    at(5000);
    const client = handleOf(await this.run({ opcode: "connect", slot: 61, words: area }));
    const server = handleOf(await this.run({ opcode: "accept", slot: 62, handle: listener }));
    return { listener, client, server };
  }

  #readInline(): void {
    const control = new Int32Array(this.session.shared.control);
    for (;;) {
      this.#read(control[CONTROL.completionCount]!);
      if (control[CONTROL.completionsWaiting] === 0) return;
      this.session.submit(0);
    }
  }

  #read(count: number): void {
    const words = new Int32Array(this.session.shared.completions);
    for (let index = 0; index < count; index++) {
      const base = index << COMPLETION_SHIFT;
      const flags = words[base + COMPLETION_WORD.flags]!;
      this.completions.push({
        slot: words[base + COMPLETION_WORD.slot]!,
        generation: words[base + COMPLETION_WORD.generation]!,
        result: words[base + COMPLETION_WORD.result]!,
        more: (flags & COMPLETION_FLAG.more) !== 0,
        provided: (flags & COMPLETION_FLAG.providedBuffer) !== 0,
        auxiliary: flags >>> AUXILIARY_SHIFT,
      });
    }
  }
}

/** The handle that an operation has made. */
export function handleOf(completions: readonly RawCompletion[]): { index: number; generation: number } {
  const [completion] = completions;
  if (completion === undefined || completion.result < 0) throw new Error(`no handle: ${completion?.result}`);
  return { index: completion.result, generation: completion.auxiliary };
}
