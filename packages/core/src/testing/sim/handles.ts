/** Handles of one session: what records name by index and generation, and what stands behind them. */
import { AUXILIARY_MAX } from "@baton-io/core/driver";
import type { Endpoint } from "./connection.js";
import type { SimDatagram } from "./datagram.js";
import type { Descriptors } from "./descriptors.js";
import type { SimListener } from "./network.js";
import type { OpenNode } from "./nodes.js";
import type { PipeEnd } from "./pipe.js";
import { type WaitList, wakeAll } from "./wait-list.js";

/** An open file with its own position. */
export interface OpenFile {
  readonly kind: "file";
  readonly node: OpenNode;
  /** `OPEN_FLAG` bits. */
  readonly flags: number;
  position: number;
  /** The last handle is gone. */
  close(): void;
}

/** Whatever a handle can stand for. */
export type Target = OpenFile | Endpoint | SimListener | SimDatagram | PipeEnd;

/**
 * What a handle stands for. It lives, and keeps its descriptor's number, until its handle is closed *and* the last
 * operation on it has ended.
 */
export class Description {
  readonly target: Target;
  /** Operations that close it and wait for the others. */
  readonly closers: WaitList = [];
  #operations = 0;
  #closed = false;
  #descriptors: Descriptors<Description> | undefined = undefined;
  #number = -1;

  constructor(target: Target) {
    this.target = target;
  }

  /** The number of its descriptor. */
  get number(): number {
    return this.#number;
  }

  /** It has a descriptor from here on. */
  open(descriptors: Descriptors<Description>): void {
    this.#descriptors = descriptors;
    this.#number = descriptors.open(this);
  }

  /** Operations in flight on it. */
  get operations(): number {
    return this.#operations;
  }

  enter(): void {
    this.#operations++;
  }

  leave(): void {
    this.#operations--;
    this.#endIfUnused();
  }

  /** Its handle is closed. */
  close(): void {
    this.#closed = true;
    this.#endIfUnused();
  }

  /** Its number is free; too early, where operations still name it. */
  freeNumber(): void {
    this.#descriptors?.close(this.#number);
    this.#descriptors = undefined;
  }

  #endIfUnused(): void {
    if (!this.#closed || this.#operations > 0) return;
    this.freeNumber();
    this.target.close();
    wakeAll(this.closers);
  }
}

interface Cell {
  generation: number;
  description: Description | undefined;
}

/** A handle as it stands in a record. */
export interface HandleId {
  readonly index: number;
  readonly generation: number;
}

export class Handles {
  readonly #cells: Cell[] = [];
  readonly #free: number[] = [];
  readonly #descriptors: Descriptors<Description>;
  #open = 0;

  constructor(descriptors: Descriptors<Description>) {
    this.#descriptors = descriptors;
  }

  /** Handles that are open. */
  get open(): number {
    return this.#open;
  }

  add(description: Description): HandleId {
    description.open(this.#descriptors);
    return this.adopt(description);
  }

  /** A handle for what has a descriptor already. */
  adopt(description: Description): HandleId {
    const index = this.#free.pop() ?? this.#cells.length;
    const cell = this.#cells[index] ?? { generation: 0, description: undefined };
    this.#cells[index] = cell;
    cell.generation = cell.generation === AUXILIARY_MAX ? 1 : cell.generation + 1;
    cell.description = description;
    this.#open++;
    return { index, generation: cell.generation };
  }

  find(index: number, generation: number): Description | undefined {
    const cell = this.#cells[index];
    return cell?.generation === generation ? cell.description : undefined;
  }

  /** One of the handles stands for it. */
  has(description: Description): boolean {
    return this.#cells.some((cell) => cell.description === description);
  }

  /** Takes a handle out; from here on its id means nothing. */
  remove(index: number, generation: number): Description | undefined {
    const description = this.find(index, generation);
    if (description === undefined) return undefined;
    this.#cells[index]!.description = undefined;
    this.#free.push(index);
    this.#open--;
    return description;
  }

  /** Takes all handles out. */
  removeAll(): Description[] {
    const all: Description[] = [];
    for (const [index, { generation, description }] of this.#cells.entries()) {
      if (description !== undefined && this.remove(index, generation) !== undefined) all.push(description);
    }
    return all;
  }
}
