/**
 * Driver memory made of ordinary ArrayBuffers: what drivers without native code use (libuv, sim). A number is an
 * index into one table; after a detach the table holds the new ArrayBuffer, so the driver always finds the live one.
 */

import { batonError } from "../base/errors.js";
import type { DriverMemory, Slab } from "./driver.js";
import type { BufferLengths } from "./record-check.js";

/** Heap memory, and the driver's way from a number to the bytes. */
export interface HeapMemory extends DriverMemory, BufferLengths {
  forget(number: number): void;
  renew(number: number): ArrayBuffer;
  /** The bytes of a buffer, from `offset` on. */
  view(number: number, offset: number, length: number): Uint8Array<ArrayBuffer>;
}

export interface HeapMemoryOptions {
  /**
   * Take memory in whole pages and give them back to the system when a buffer is freed, as V8 does for ArrayBuffers
   * that can be resized. All others come from the allocator of the C library, which keeps what it was given back, in
   * pieces of the old sizes (docs/decisions/0032-pages-for-libuv.md).
   */
  readonly ownPages?: boolean;
}

interface Cell {
  /** `undefined` while only the program may keep it alive. */
  readonly buffer: ArrayBuffer | undefined;
  /** Where the buffer starts in it; not 0 only for borrowed memory. */
  readonly offset: number;
  readonly lengthBytes: number;
  readonly borrowed: boolean;
  /** It has pages of its own. */
  readonly paged: boolean;
}

const PAGE_BYTES = 4096;
/**
 * Most buffers with pages of their own. Each may need a mapping, of which Linux gives a process 65,530, and V8 ends the
 * process when it cannot give pages back for want of one.
 */
const PAGED_MAX = 16_384;

/** An ArrayBuffer that can be resized, of a length that is also its greatest; a type newer than the oldest runtime. */
const ResizableArrayBuffer = ArrayBuffer as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => ArrayBuffer;

/**
 * Moves the memory of an ArrayBuffer into a new one, at the same address, and detaches the old one.
 * `ArrayBuffer.prototype.transfer` where there is one (Node ≥ 21), otherwise `structuredClone`; of what can be resized
 * `transfer` makes a copy.
 */
export function moveArrayBuffer(buffer: ArrayBuffer): ArrayBuffer {
  const canTransfer = "transfer" in buffer && !("resizable" in buffer && buffer.resizable === true);
  return canTransfer ? buffer.transfer() : structuredClone(buffer, { transfer: [buffer] });
}

/** What is sent to a port that is closed has left, and arrives nowhere. */
let closedPort: ReturnType<typeof closeOnePort> | undefined;

/**
 * Gives the memory of an ArrayBuffer back at once, not when the collector comes to it.
 */
function releaseArrayBuffer(buffer: ArrayBuffer): void {
  if (buffer.byteLength === 0) return;
  if ("transferToFixedLength" in buffer) {
    (buffer as { transferToFixedLength(bytes: number): ArrayBuffer }).transferToFixedLength(0);
  } else {
    closedPort ??= closeOnePort();
    closedPort.postMessage(undefined, [buffer]);
  }
}

function closeOnePort(): InstanceType<typeof MessageChannel>["port1"] {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}

export function createHeapMemory({ ownPages = false }: HeapMemoryOptions = {}): HeapMemory {
  const cells: (Cell | undefined)[] = [];
  const counts = new Map<number, number>();
  const free: number[] = [];
  let pagedCount = 0;

  const add = (added: readonly Cell[]): Slab => {
    // A run of one can reuse a freed number; longer runs are always new, so that their numbers follow each other.
    const reused = added.length === 1 ? free.pop() : undefined;
    const firstNumber = reused ?? cells.length;
    for (const [index, cell] of added.entries()) cells[firstNumber + index] = cell;
    counts.set(firstNumber, added.length);
    return { firstNumber, buffers: added.map((cell) => cell.buffer!) };
  };
  const own = (buffer: ArrayBuffer, paged: boolean): Cell => ({
    buffer,
    offset: 0,
    lengthBytes: buffer.byteLength,
    borrowed: false,
    paged,
  });
  const create = (bytes: number): Cell => {
    if (!ownPages || bytes < PAGE_BYTES || pagedCount >= PAGED_MAX) return own(new ArrayBuffer(bytes), false);
    const buffer = new ResizableArrayBuffer(bytes, { maxByteLength: bytes });
    pagedCount++;
    return own(buffer, true);
  };
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
        return add(Array.from({ length: count }, () => create(bytes)));
      } catch (cause) {
        throw batonError("ERR_POOL_EMPTY", `The runtime could not allocate ${count} × ${bytes} bytes.`, { cause });
      }
    },
    free: (firstNumber) => {
      const count = counts.get(firstNumber) ?? 0;
      counts.delete(firstNumber);
      for (let number = firstNumber; number < firstNumber + count; number++) {
        const { buffer, borrowed, paged } = expectCell(number);
        cells[number] = undefined;
        free.push(number);
        if (paged) pagedCount--;
        if (buffer !== undefined && !borrowed) releaseArrayBuffer(buffer);
      }
    },
    adopt: (source) => add([own(moveArrayBuffer(source), false)]),
    borrow: (source, offset, length) =>
      add([{ buffer: source, offset, lengthBytes: length, borrowed: true, paged: false }]),
    detach: (number, buffer) => {
      const moved = moveArrayBuffer(buffer);
      cells[number] = own(moved, expectCell(number).paged);
      return moved;
    },
    forget: (number) => {
      cells[number] = { ...expectCell(number), buffer: undefined };
    },
    renew: (number) => {
      const { lengthBytes, paged } = expectCell(number);
      const cell = create(lengthBytes);
      if (paged) pagedCount--;
      cells[number] = cell;
      return cell.buffer!;
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
