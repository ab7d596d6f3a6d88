/**
 * Driver memory made of ordinary ArrayBuffers: what drivers without native code use (libuv, sim). A number is an
 * index into one table; after a detach the table holds the new ArrayBuffer, so the driver always finds the live one.
 */
import type { DriverMemory, Slab } from "./driver.js";
import { batonError } from "./errors.js";
import type { BufferLengths } from "./record-check.js";

/** Heap memory, and the driver's way from a number to the bytes. */
export interface HeapMemory extends DriverMemory, BufferLengths {
  forget(number: number): void;
  renew(number: number): ArrayBuffer;
  /** The bytes of a buffer, from `offset` on. */
  view(number: number, offset: number, length: number): Uint8Array<ArrayBuffer>;
}

interface Cell {
  /** `undefined` while only the program may keep it alive. */
  readonly buffer: ArrayBuffer | undefined;
  /** Where the buffer starts in it; not 0 only for borrowed memory. */
  readonly offset: number;
  readonly lengthBytes: number;
  readonly borrowed: boolean;
}

/**
 * Moves the memory of an ArrayBuffer into a new one, at the same address, and detaches the old one.
 * `ArrayBuffer.prototype.transfer` where there is one (Node ≥ 21), otherwise `structuredClone`.
 */
export function moveArrayBuffer(buffer: ArrayBuffer): ArrayBuffer {
  return "transfer" in buffer ? buffer.transfer() : structuredClone(buffer, { transfer: [buffer] });
}

/**
 * Gives the memory of an ArrayBuffer back at once, not when the collector comes to it.
 */
function releaseArrayBuffer(buffer: ArrayBuffer): void {
  if (buffer.byteLength === 0) return;
  if ("transfer" in buffer) {
    buffer.transfer(0);
  } else {
    // What is sent to a port that is closed has left, and arrives nowhere.
    const { port1 } = new MessageChannel();
    port1.close();
    port1.postMessage(undefined, [buffer]);
  }
}

export function createHeapMemory(): HeapMemory {
  const cells: (Cell | undefined)[] = [];
  const counts = new Map<number, number>();
  const free: number[] = [];

  const add = (added: readonly Cell[]): Slab => {
    // A run of one can reuse a freed number; longer runs are always new, so that their numbers follow each other.
    const reused = added.length === 1 ? free.pop() : undefined;
    const firstNumber = reused ?? cells.length;
    for (const [index, cell] of added.entries()) cells[firstNumber + index] = cell;
    counts.set(firstNumber, added.length);
    return { firstNumber, buffers: added.map((cell) => cell.buffer!) };
  };
  const own = (buffer: ArrayBuffer): Cell => ({ buffer, offset: 0, lengthBytes: buffer.byteLength, borrowed: false });
  const expectCell = (number: number): Cell => {
    const cell = cells[number];
    if (cell === undefined) throw batonError("ERR_DRIVER_FAULT", `No buffer has the number ${number}.`);
    return cell;
  };

  return {
    // V8 promises no more for an ArrayBuffer of its own making.
    alignmentBytes: 8,
    allocate: (bytes, count) => {
      try {
        return add(Array.from({ length: count }, () => own(new ArrayBuffer(bytes))));
      } catch (cause) {
        throw batonError("ERR_POOL_EMPTY", `The runtime could not allocate ${count} × ${bytes} bytes.`, { cause });
      }
    },
    free: (firstNumber) => {
      const count = counts.get(firstNumber) ?? 0;
      counts.delete(firstNumber);
      for (let number = firstNumber; number < firstNumber + count; number++) {
        const { buffer, borrowed } = expectCell(number);
        cells[number] = undefined;
        free.push(number);
        if (buffer !== undefined && !borrowed) releaseArrayBuffer(buffer);
      }
    },
    adopt: (source) => add([own(moveArrayBuffer(source))]),
    borrow: (source, offset, length) => add([{ buffer: source, offset, lengthBytes: length, borrowed: true }]),
    detach: (number, buffer) => {
      const moved = moveArrayBuffer(buffer);
      cells[number] = own(moved);
      return moved;
    },
    forget: (number) => {
      cells[number] = { ...expectCell(number), buffer: undefined };
    },
    renew: (number) => {
      const buffer = new ArrayBuffer(expectCell(number).lengthBytes);
      cells[number] = own(buffer);
      return buffer;
    },
    // What the program has dropped has no memory any more.
    lengthOf: (number) => (cells[number]?.buffer === undefined ? -1 : cells[number].lengthBytes),
    view: (number, offset, length) => {
      const { buffer, offset: start } = expectCell(number);
      if (buffer === undefined) throw batonError("ERR_DRIVER_FAULT", `The program has dropped buffer ${number}.`);
      return new Uint8Array(buffer, start + offset, length);
    },
  };
}
