/**
 * Driver memory made of ordinary ArrayBuffers: what drivers without native code use (libuv, sim). A number is an
 * index into one table; after a detach the table holds the new ArrayBuffer, so the driver always finds the live one.
 */
import type { DriverMemory, Slab } from "./driver.js";
import { batonError } from "./errors.js";

/** Heap memory, and the driver's way from a number to the bytes. */
export interface HeapMemory extends DriverMemory {
  /** The bytes of a buffer, from `offset` on. */
  view(number: number, offset: number, length: number): Uint8Array<ArrayBuffer>;
}

interface Cell {
  buffer: ArrayBuffer;
  /** Where the buffer starts in it; not 0 only for borrowed memory. */
  readonly offset: number;
}

/**
 * Moves the memory of an ArrayBuffer into a new one, at the same address, and detaches the old one.
 * `ArrayBuffer.prototype.transfer` where there is one (Node ≥ 21), otherwise `structuredClone`.
 */
export function moveArrayBuffer(buffer: ArrayBuffer): ArrayBuffer {
  return "transfer" in buffer ? buffer.transfer() : structuredClone(buffer, { transfer: [buffer] });
}

export function createHeapMemory(): HeapMemory {
  const cells: (Cell | undefined)[] = [];
  const counts = new Map<number, number>();
  const free: number[] = [];

  const add = (buffers: readonly Cell[]): Slab => {
    // A run of one can reuse a freed number; longer runs are always new, so that their numbers follow each other.
    const reused = buffers.length === 1 ? free.pop() : undefined;
    const firstNumber = reused ?? cells.length;
    for (const [index, cell] of buffers.entries()) cells[firstNumber + index] = cell;
    counts.set(firstNumber, buffers.length);
    return { firstNumber, buffers: buffers.map((cell) => cell.buffer) };
  };

  return {
    // V8 promises no more for an ArrayBuffer of its own making.
    alignmentBytes: 8,
    allocate: (bytes, count) => {
      try {
        return add(Array.from({ length: count }, () => ({ buffer: new ArrayBuffer(bytes), offset: 0 })));
      } catch (cause) {
        throw batonError("ERR_POOL_EMPTY", `The runtime could not allocate ${count} × ${bytes} bytes.`, { cause });
      }
    },
    free: (firstNumber) => {
      const count = counts.get(firstNumber) ?? 0;
      counts.delete(firstNumber);
      for (let index = 0; index < count; index++) {
        cells[firstNumber + index] = undefined;
        free.push(firstNumber + index);
      }
    },
    adopt: (source) => add([{ buffer: moveArrayBuffer(source), offset: 0 }]),
    borrow: (source, offset) => add([{ buffer: source, offset }]),
    detach: (number, buffer) => {
      const moved = moveArrayBuffer(buffer);
      cells[number] = { buffer: moved, offset: 0 };
      return moved;
    },
    view: (number, offset, length) => {
      const cell = cells[number];
      if (cell === undefined) throw batonError("ERR_DRIVER_FAULT", `No buffer has the number ${number}.`);
      return new Uint8Array(cell.buffer, cell.offset + offset, length);
    },
  };
}
