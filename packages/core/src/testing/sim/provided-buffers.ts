/** Buffers that a session was handed for whoever receives without one. */
import { CONTROL, PROVIDED_MAX, type RecordCheck, type SharedMemory } from "@baton-io/core/driver";
import type { Machine } from "./machine.js";
import type { SimMemory } from "./memory.js";

export class ProvidedBuffers {
  readonly #machine: Machine;
  readonly #check: RecordCheck;
  readonly #memory: SimMemory;
  readonly #control: Int32Array;
  readonly #numbers: number[] = [];

  constructor(machine: Machine, check: RecordCheck, memory: SimMemory, { control }: SharedMemory) {
    this.#machine = machine;
    this.#check = check;
    this.#memory = memory;
    this.#control = new Int32Array(control);
  }

  /** Takes over those that were handed over since the last time. */
  take(): void {
    const passedOver = this.#control[CONTROL.passedOver]!;
    this.#check.takeProvided(
      PROVIDED_MAX - this.#numbers.length,
      (number) => this.#memory.isWithKernel(number),
      ({ number }) => {
        this.#memory.provide(number);
        this.#numbers.push(number);
      },
    );
    const wrong = this.#control[CONTROL.passedOver]! - passedOver;
    if (wrong > 0) this.#machine.violate(`${wrong} buffers are provided that the kernel has, or that do not exist`);
  }

  /** The number of one of them, which is none of them any more; −1 when there is none. */
  takeOne(): number {
    const { dice } = this.#machine;
    if (this.#numbers.length === 0) return -1;
    const index = dice.profile.shuffle > 0 ? dice.random.below(this.#numbers.length) : 0;
    return this.#numbers.splice(index, 1)[0]!;
  }

  putBack(number: number): void {
    this.#numbers.push(number);
  }

  /** Nobody can take any of them any more: they are home. */
  giveBackAll(): void {
    for (const number of this.#numbers.splice(0)) this.#memory.handOver(number, undefined);
  }
}
