/** Handles with generations: what core knows instead of descriptors and sockets. */
import { AUXILIARY_MAX } from "@baton-io/core/driver";

/** A handle as it stands in a record. */
export interface HandleId {
  readonly index: number;
  readonly generation: number;
}

interface Cell<T> {
  generation: number;
  value: T | undefined;
}

export class HandleTable<T> {
  readonly #cells: Cell<T>[] = [];
  readonly #free: number[] = [];

  add(value: T): HandleId {
    const index = this.#free.pop() ?? this.#cells.length;
    const cell = this.#cells[index] ?? { generation: 0, value: undefined };
    this.#cells[index] = cell;
    cell.generation = cell.generation === AUXILIARY_MAX ? 1 : cell.generation + 1;
    cell.value = value;
    return { index, generation: cell.generation };
  }

  /** What the handle stands for, or `undefined` when it is closed. */
  find(id: HandleId): T | undefined {
    const cell = this.#cells[id.index];
    return cell !== undefined && cell.generation === id.generation ? cell.value : undefined;
  }

  /** Takes the handle out of the table: from here on its id means nothing. */
  remove(id: HandleId): T | undefined {
    const value = this.find(id);
    if (value === undefined) return undefined;
    this.#cells[id.index]!.value = undefined;
    this.#free.push(id.index);
    return value;
  }

  /** Everything that is in it. */
  *values(): IterableIterator<T> {
    for (const cell of this.#cells) if (cell.value !== undefined) yield cell.value;
  }
}
