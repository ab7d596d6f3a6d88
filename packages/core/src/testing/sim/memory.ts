/**
 * The memory of a simulated driver, with a watch on who holds it. What is lent exclusively is filled with poison
 * while the operation is in flight, so a program that looks early sees garbage, and one that writes early is noticed;
 * what the kernel reads must be the same at the end as at the start.
 */
import {
  type BufferLengths,
  createHeapMemory,
  type DriverMemory,
  type HeapMemory,
  type Slab,
} from "@baton-io/core/driver";
import type { Ledger } from "./ledger.js";
import type { Part, Ticket } from "./ticket.js";

/** What exclusively lent memory holds while it is lent. */
const POISON = 0xdb;
/** Longer parts are checked in steps, to keep simulations fast. */
const CHECKED_WHOLE_BYTES_MAX = 16_384;
const CHECK_STEP = 61;
/** Of parts that are longer still only the ends are watched: their pages need not be there. */
const WATCHED_WHOLE_BYTES_MAX = 16 * 2 ** 20;
const WATCHED_END_BYTES = 2 ** 20;

interface Lend {
  readonly ticket: Ticket;
  readonly part: Part;
  readonly checksum: number;
}

export class SimMemory implements DriverMemory, BufferLengths {
  readonly alignmentBytes: number;
  readonly #heap: HeapMemory = createHeapMemory();
  readonly #capacities = new Map<number, number>();
  /** Buffers by slab, to find them all when it is freed. */
  readonly #slabCounts = new Map<number, number>();
  readonly #lends = new Map<number, Lend[]>();
  readonly #provided = new Set<number>();
  /** Borrowed memory: the program may touch it at any time. */
  readonly #borrowed = new Set<number>();
  readonly #ledger: Ledger;
  readonly #violate: (text: string) => void;

  constructor(ledger: Ledger, violate: (text: string) => void) {
    this.alignmentBytes = this.#heap.alignmentBytes;
    this.#ledger = ledger;
    this.#violate = violate;
  }

  // --- what core asks for -----------------------------------------------------------------------------------------

  allocate(bytes: number, count: number): Slab {
    return this.#note(this.#heap.allocate(bytes, count));
  }

  adopt(source: ArrayBuffer): Slab {
    return this.#note(this.#heap.adopt(source));
  }

  borrow(source: ArrayBuffer, offset: number, length: number): Slab {
    const slab = this.#heap.borrow(source, offset, length);
    this.#slabCounts.set(slab.firstNumber, 1);
    this.#capacities.set(slab.firstNumber, length);
    this.#borrowed.add(slab.firstNumber);
    return slab;
  }

  free(firstNumber: number): void {
    const count = this.#slabCounts.get(firstNumber);
    if (count === undefined) return this.#violate(`memory ${firstNumber} is freed and is not allocated`);
    for (let number = firstNumber; number < firstNumber + count; number++) {
      if (this.isWithKernel(number)) this.#violate(`buffer ${number} is freed while the kernel has it`);
      this.#capacities.delete(number);
      this.#borrowed.delete(number);
    }
    this.#slabCounts.delete(firstNumber);
    this.#heap.free(firstNumber);
  }

  detach(number: number, buffer: ArrayBuffer): ArrayBuffer {
    if (this.isWithKernel(number)) this.#violate(`buffer ${number} is detached while the kernel has it`);
    return this.#heap.detach(number, buffer);
  }

  forget(number: number): void {
    this.#heap.forget(number);
  }

  renew(number: number): ArrayBuffer {
    return this.#heap.renew(number);
  }

  lengthOf(number: number): number {
    return this.#heap.lengthOf(number);
  }

  // --- what the kernel does ---------------------------------------------------------------------------------------

  /** Length of a buffer; −1 when there is none with this number. */
  capacity(number: number): number {
    return this.#capacities.get(number) ?? -1;
  }

  /** An operation in flight, or the kernel's stock of provided buffers, holds it. */
  isWithKernel(number: number): boolean {
    return this.#provided.has(number) || this.#lends.has(number);
  }

  /** The operation starts: its parts of its buffers are the kernel's. */
  lend(ticket: Ticket): void {
    for (const part of ticket.parts) this.#lendPart(ticket, part);
  }

  #lendPart(ticket: Ticket, part: Part): void {
    const { number, start, end } = part;
    if (start < 0 || end < start || end > this.capacity(number)) {
      this.#violate(`${ticket.text}: [${start}, ${end}) is not a part of buffer ${number}`);
      return;
    }
    if (this.#provided.has(number)) this.#violate(`${ticket.text}: buffer ${number} is provided to the driver`);
    const lends = this.#lends.get(number) ?? [];
    for (const other of lends) {
      if (start >= other.part.end || other.part.start >= end) continue;
      if (!ticket.writesBuffer && !other.ticket.writesBuffer) continue;
      this.#violate(`${ticket.text}: buffer ${number} is lent to ${other.ticket.text} already`);
    }
    if (ticket.writesBuffer) for (const bytes of this.#watched(part)) bytes.fill(POISON);
    lends.push({ ticket, part, checksum: ticket.writesBuffer ? 0 : this.#checksum(part) });
    this.#lends.set(number, lends);
    this.#ledger.buffersLent++;
  }

  /** The bytes that an operation sends or writes, one part after the other. */
  source(ticket: Ticket): Uint8Array {
    const [first, ...others] = ticket.parts.map(({ number, start, end }) => this.#view(number, start, end));
    if (first === undefined) return new Uint8Array(0);
    if (others.length === 0) return first;
    const all = new Uint8Array(ticket.length);
    let filled = 0;
    for (const bytes of [first, ...others]) {
      all.set(bytes, filled);
      filled += bytes.length;
    }
    return all;
  }

  /** The operation has ended: checks that nobody else was at its buffer, writes what it brought, gives it back. */
  giveBack(ticket: Ticket, payload: Uint8Array | undefined): void {
    for (const part of ticket.parts) this.#takeBack(ticket, part);
    if (payload !== undefined) this.writeParts(ticket, payload);
  }

  #takeBack(ticket: Ticket, part: Part): void {
    const { number } = part;
    const lends = this.#lends.get(number) ?? [];
    const index = lends.findIndex((lend) => lend.part === part);
    if (index < 0) return;
    const [{ checksum }] = lends.splice(index, 1) as [Lend];
    if (lends.length === 0) this.#lends.delete(number);
    this.#ledger.buffersLent--;
    if (!this.#borrowed.has(number)) this.#check(ticket, part, checksum);
  }

  /** Writes what an operation brought into its parts, one after the other. */
  writeParts(ticket: Ticket, bytes: Uint8Array): void {
    let done = 0;
    for (const { number, start, end } of ticket.parts) {
      const piece = bytes.subarray(done, done + end - start);
      if (piece.length > 0) this.write(number, start, piece);
      done += piece.length;
    }
  }

  /** Takes a buffer that core provides. */
  provide(number: number): void {
    this.#provided.add(number);
    this.#ledger.buffersProvided++;
    this.#view(number, 0, this.capacity(number)).fill(POISON);
  }

  /** A provided buffer goes to the program, with what was received. */
  handOver(number: number, payload: Uint8Array | undefined): void {
    if (!this.#provided.delete(number)) return;
    this.#ledger.buffersProvided--;
    if (payload !== undefined) this.write(number, 0, payload);
  }

  /** Writes into a buffer; nothing when it is gone. */
  write(number: number, start: number, bytes: Uint8Array): void {
    if (start + bytes.length <= this.capacity(number)) this.#view(number, start, start + bytes.length).set(bytes);
  }

  /** Numbers of all buffers, for planted bugs. */
  numbers(): number[] {
    return [...this.#capacities.keys()];
  }

  #note(slab: Slab): Slab {
    this.#slabCounts.set(slab.firstNumber, slab.buffers.length);
    for (const [index, buffer] of slab.buffers.entries()) {
      this.#capacities.set(slab.firstNumber + index, buffer.byteLength);
    }
    return slab;
  }

  #view(number: number, start: number, end: number): Uint8Array {
    return this.#heap.view(number, start, end - start);
  }

  /** What is watched of a part. */
  #watched({ number, start, end }: Part): readonly Uint8Array[] {
    if (end - start <= WATCHED_WHOLE_BYTES_MAX) return [this.#view(number, start, end)];
    return [this.#view(number, start, start + WATCHED_END_BYTES), this.#view(number, end - WATCHED_END_BYTES, end)];
  }

  #check(ticket: Ticket, part: Part, checksum: number): void {
    const { number, start } = part;
    if (!ticket.writesBuffer) {
      if (this.#checksum(part) === checksum) return;
      this.#violate(`${ticket.text}: buffer ${number} changed while the kernel was reading it`);
      return;
    }
    const [first] = this.#watched(part);
    for (const bytes of this.#watched(part)) {
      const step = bytes.length > CHECKED_WHOLE_BYTES_MAX ? CHECK_STEP : 1;
      for (let index = 0; index < bytes.length; index += step) {
        if (bytes[index] === POISON) continue;
        const at = start + bytes.byteOffset - first!.byteOffset + index;
        this.#violate(`${ticket.text}: buffer ${number} was written to at ${at} while it was lent`);
        return;
      }
    }
  }

  #checksum(part: Part): number {
    let sum = part.end - part.start;
    for (const bytes of this.#watched(part)) {
      const step = bytes.length > CHECKED_WHOLE_BYTES_MAX ? CHECK_STEP : 1;
      for (let index = 0; index < bytes.length; index += step) sum = (Math.imul(sum, 31) + bytes[index]!) | 0;
    }
    return sum;
  }
}
