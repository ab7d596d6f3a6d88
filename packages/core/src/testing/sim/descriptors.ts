/**
 * The descriptor numbers of the simulated process: the lowest free one is given out, whoever asks. An operation in the
 * kernel names its file by number and looks it up when it comes to it, so a number that is used again too early leads it
 * to a stranger.
 */
export class Descriptors<T> {
  readonly #numbers: (T | undefined)[] = [];

  /** The lowest free number, for something that was opened. */
  open(value: T): number {
    const free = this.#numbers.indexOf(undefined);
    const number = free < 0 ? this.#numbers.length : free;
    this.#numbers[number] = value;
    return number;
  }

  /** What the number stands for now; `undefined` when it is free. */
  at(number: number): T | undefined {
    return this.#numbers[number];
  }

  close(number: number): void {
    this.#numbers[number] = undefined;
  }
}
