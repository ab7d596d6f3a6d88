/**
 * The buffers of a vectored operation. They are lent together, before the operation is on its way, and come home
 * together, on success, on error and on cancel; in between each is as untouchable as a buffer that is lent alone.
 */

import { batonError } from "../base/errors.js";
import { wrongType } from "../base/validate.js";
import {
  blockOf,
  expectOwn,
  expectReturn,
  giveBackBuffer,
  type Holder,
  type Lendable,
  lendBuffer,
  type OwnedBuffer,
} from "../memory/owned-buffer.js";
import type { DriverMemory } from "../spi/driver.js";
import { TRANSFER_BYTES_MAX, VECTOR_ENTRY_BYTES, VECTOR_MAX, VECTOR_WORD } from "../spi/record.js";
import type { Entry, VectorPart } from "./entry.js";

/**
 * The buffers of a list, each read once, so that what was checked is what is lent. Refuses what is not a list of
 * buffers of this backend, or is too long. Lends nothing.
 */
export function readVector(where: string, memory: DriverMemory, buffers: readonly Lendable[]): readonly OwnedBuffer[] {
  if (!Array.isArray(buffers)) throw wrongType(where, "buffers", "an array of buffers", buffers);
  const { length } = buffers;
  if (length > VECTOR_MAX) {
    throw batonError("ERR_OUT_OF_RANGE", `${where}: ${length} buffers are more than ${VECTOR_MAX}.`);
  }
  return Array.from({ length }, (_, index) => expectOwn(where, buffers[index], memory, index));
}

/**
 * Lends all of them to the operation. When one is refused it throws, and those before it are the operation's, to be
 * given back with it.
 */
export function lendVector(entry: Entry, buffers: readonly OwnedBuffer[], exclusive: boolean): void {
  const parts: VectorPart[] = [];
  entry.vector = parts;
  entry.lendStart = 0;
  entry.lendEnd = 0;
  entry.lendExclusive = exclusive;
  for (const buffer of buffers) {
    const part: VectorPart = { id: entry.id, lendStart: 0, lendEnd: 0, lendExclusive: exclusive, buffer };
    lendBuffer(buffer, part, 0, buffer.length, exclusive);
    parts.push(part);
    entry.lendEnd += buffer.length;
  }
}

/** Writes the vector into the arena, from `offset` in bytes on. */
export function writeVector(arenaWords: Int32Array, offset: number, parts: readonly VectorPart[]): void {
  let word = offset >> 2;
  let room = TRANSFER_BYTES_MAX;
  for (const { buffer, lendStart, lendEnd } of parts) {
    // What is beyond one call of the kernel's is for the caller's next operation.
    const length = Math.min(lendEnd - lendStart, room);
    room -= length;
    arenaWords[word + VECTOR_WORD.buffer] = blockOf(buffer).number;
    arenaWords[word + VECTOR_WORD.offset] = lendStart;
    arenaWords[word + VECTOR_WORD.length] = length;
    word += VECTOR_ENTRY_BYTES >> 2;
  }
}

/** Ends the lends of an operation, of one buffer or of several. */
export function giveBackAll(entry: Entry): void {
  if (entry.buffer !== undefined) giveBackBuffer(entry.buffer, entry);
  if (entry.vector !== undefined) for (const part of entry.vector) giveBackBuffer(part.buffer, part);
}

/** The buffers of an operation shall be released when they come home: its caller gave them up. */
export function expectReturnOfAll(entry: Entry): void {
  if (entry.buffer !== undefined) expectReturn(entry.buffer);
  for (const { buffer } of entry.vector ?? []) expectReturn(buffer);
}

/** The lent memory of an operation, part by part, while core may touch it: the driver does not have it. */
export function lentMemory(entry: Entry): readonly Uint8Array[] {
  const memoryOf = (buffer: OwnedBuffer, { lendStart, lendEnd }: Holder) => {
    const block = blockOf(buffer);
    return new Uint8Array(block.buffer, block.origin.offset + lendStart, lendEnd - lendStart);
  };
  if (entry.buffer !== undefined) return [memoryOf(entry.buffer, entry)];
  return (entry.vector ?? []).map((part) => memoryOf(part.buffer, part));
}
