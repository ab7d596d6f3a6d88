/** Vectored reads and writes on a file whose content is known. */
import type { File, OwnedBuffer } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, fillPattern } from "./context.js";

/** Most buffers of one vector. */
const PARTS_MAX = 4;

/** A file and what must be in it. */
export interface KnownFile {
  readonly context: Context;
  readonly random: Random;
  readonly file: File;
  /** A part of the file, not empty. */
  range(lengthMax: number): { readonly position: number; readonly length: number };
  /** The first `count` bytes of a pattern are at `position` now. */
  wrote(seed: number, position: number, count: number): void;
  /** Nobody knows any more what is there. */
  forget(position: number, length: number): void;
  /** Compares bytes that were read. */
  compare(where: string, bytes: Uint8Array, position: number): void;
}

/** Writes from several buffers at once. */
export async function writeVector(known: KnownFile): Promise<void> {
  const { context, random, file } = known;
  const { position, length } = known.range(3000);
  const buffers = await takeParts(context, random, length, PARTS_MAX);
  if (buffers === undefined) return;
  const seed = random.next();
  let filled = 0;
  for (const { bytes } of buffers) {
    fillPattern(bytes, seed, filled);
    filled += bytes.length;
  }
  const early = context.earlyEnd(random, 0.3, true);
  const ended = await context.end("writev", file.writev(buffers, { position, ...early.options }), early.codes);
  early.done();
  if (!ended.ok && early.mayAbandon && ended.error.code === "ABORT_ERR" && ended.error.buffers === undefined) {
    known.forget(position, length);
    for (const buffer of buffers) context.expectGone("writev", buffer);
    return;
  }
  const moved = ended.ok ? ended.value.bytesWritten : (ended.error.bytesTransferred ?? 0);
  context.expect(!ended.ok || moved > 0, () => `writev: ${moved} of ${length}`);
  known.wrote(seed, position, moved);
  home(context, "writev", buffers);
}

/** Reads into several buffers at once. */
export async function readVector(known: KnownFile): Promise<void> {
  const { context, random, file } = known;
  const { position, length } = known.range(3000);
  const buffers = await takeParts(context, random, length, PARTS_MAX);
  if (buffers === undefined) return;
  const early = context.earlyEnd(random, 0.3, true);
  const ended = await context.end("readv", file.readv(buffers, { position, ...early.options }), early.codes);
  early.done();
  if (!ended.ok && early.mayAbandon && ended.error.code === "ABORT_ERR" && ended.error.buffers === undefined) {
    for (const buffer of buffers) context.expectGone("readv", buffer);
    return;
  }
  if (ended.ok) {
    const { bytesRead } = ended.value;
    context.expect(bytesRead > 0, () => `readv: ${bytesRead} of ${length}`);
    let done = 0;
    for (const { bytes } of buffers) {
      const part = bytes.subarray(0, Math.max(0, bytesRead - done));
      known.compare("readv", part, position + done);
      done += part.length;
    }
  }
  home(context, "readv", buffers);
}

/** What is in buffers, one after the other. */
export function partsOf(buffers: readonly OwnedBuffer[]): Uint8Array {
  return Uint8Array.from(buffers.flatMap(({ bytes }) => [...bytes]));
}

/** Up to `partsMax` buffers of `length` bytes in all; `undefined` when there are not enough. */
export async function takeParts(
  context: Context,
  random: Random,
  length: number,
  partsMax: number,
): Promise<OwnedBuffer[] | undefined> {
  const buffers: OwnedBuffer[] = [];
  let left = length;
  while (left > 0) {
    const part = buffers.length === partsMax - 1 ? left : random.between(1, left);
    const buffer = await context.take(part);
    if (buffer === undefined) {
      for (const taken of buffers) context.letGo(taken);
      return undefined;
    }
    buffers.push(buffer);
    left -= part;
  }
  return buffers;
}

function home(context: Context, where: string, buffers: readonly OwnedBuffer[]): void {
  for (const buffer of buffers) {
    context.expectHome(where, buffer);
    context.letGo(buffer);
  }
}
