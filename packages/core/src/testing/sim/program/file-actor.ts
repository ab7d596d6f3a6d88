/** Actors that work on files of their own and know at any time what must be in them. */

import type { BatonError, File, OperationOptions, OwnedBuffer } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, fillPattern, LOW_LEVEL_CODES, patternByte, patternMismatch } from "./context.js";
import { type KnownFile, readVector, writeVector } from "./vector-steps.js";

/** Reads and writes at positions all over one file, several at once, and compares what comes back. */
export async function positionalFileActor(context: Context, random: Random, path: string): Promise<void> {
  const file = await context.insist("open", () => context.io.openFile(path, "w+"));
  if (file === undefined) return;
  const size = random.between(200, 6000);
  await context.insist("truncate", () => file.truncate(size));
  const model = new FileModel(context, random, file, size);
  for (let step = random.between(3, 10); step > 0 && !context.closing; step--) await model.step();
  await closeFile(context, random, file, () => model.step());
}

/** What must be in a file of fixed size. */
class FileModel implements KnownFile {
  readonly context: Context;
  readonly random: Random;
  readonly file: File;
  readonly #bytes: Uint8Array;
  /** 1 where an operation that was given up may have written or not. */
  readonly #unknown: Uint8Array;
  #syncError: unknown = undefined;

  constructor(context: Context, random: Random, file: File, size: number) {
    this.context = context;
    this.random = random;
    this.file = file;
    this.#bytes = new Uint8Array(size);
    this.#unknown = new Uint8Array(size);
  }

  async step(): Promise<void> {
    switch (this.random.below(10)) {
      case 0:
      case 1:
        return this.#write();
      case 2:
      case 3:
        return this.#read();
      case 4:
        return this.#readSlices();
      case 5:
        return this.#writeShared();
      case 6:
        return this.#sync();
      case 7:
        return writeVector(this);
      case 8:
        return readVector(this);
      default:
        return this.#stat();
    }
  }

  range(lengthMax: number): { position: number; length: number } {
    const position = this.random.below(this.#bytes.length);
    return { position, length: this.random.between(1, Math.min(lengthMax, this.#bytes.length - position)) };
  }

  async #write(): Promise<void> {
    const context = this.context;
    const random = this.random;
    const { position, length } = this.range(3000);
    const buffer = await this.#takeSource(length);
    if (buffer === undefined) return;
    const seed = random.next();
    fillPattern(buffer.bytes, seed, 0);
    const early = context.earlyEnd(random, 0.3, true);
    const whole = random.chance(0.5);
    const write = { position, ...early.options };
    const ended = await context.end(
      "write",
      whole ? this.file.writeFull(buffer, write) : this.file.write(buffer, write),
      early.codes,
    );
    early.done();
    if (ended.ok) {
      const { bytesWritten } = ended.value;
      context.expect(whole ? bytesWritten === length : bytesWritten > 0, () => `write: ${bytesWritten} of ${length}`);
      context.expectHome("write", buffer);
      this.wrote(seed, position, bytesWritten);
    } else if (wasAbandoned(early.mayAbandon, ended.error)) {
      this.forget(position, length);
      return context.expectGone("write", buffer);
    } else {
      context.expectHome("write", buffer);
      this.wrote(seed, position, bytesGone(context, "write", ended.error));
    }
    context.letGo(buffer);
  }

  /** A buffer to write from: the pool's, or foreign memory. */
  #takeSource(length: number): Promise<OwnedBuffer | undefined> {
    const { buffers } = this.context.io;
    if (!this.context.closing && this.random.chance(0.1)) {
      const foreign = new ArrayBuffer(length);
      return Promise.resolve(this.random.chance(0.5) ? buffers.adopt(foreign) : buffers.unsafeBorrow(foreign));
    }
    return this.context.take(length);
  }

  forget(position: number, length: number): void {
    this.#unknown.fill(1, position, position + length);
  }

  wrote(seed: number, position: number, count: number): void {
    for (let at = 0; at < count; at++) this.#bytes[position + at] = patternByte(seed, at);
  }

  async #read(): Promise<void> {
    const context = this.context;
    const { position, length } = this.range(3000);
    const buffer = await context.take(length);
    if (buffer === undefined) return;
    const early = context.earlyEnd(this.random, 0.3, true);
    const whole = this.random.chance(0.5);
    const read = { position, ...early.options };
    const ended = await context.end(
      "read",
      whole ? this.file.readFull(buffer, read) : this.file.read(buffer, read),
      early.codes,
    );
    early.done();
    if (ended.ok) {
      const { bytesRead } = ended.value;
      context.expect(whole ? bytesRead === length : bytesRead > 0, () => `read: ${bytesRead} of ${length}`);
      context.expectHome("read", buffer);
      this.compare("read", buffer.bytes.subarray(0, bytesRead), position);
    } else if (wasAbandoned(early.mayAbandon, ended.error)) {
      return context.expectGone("read", buffer);
    } else {
      context.expectHome("read", buffer);
    }
    context.letGo(buffer);
  }

  compare(where: string, bytes: Uint8Array, position: number): void {
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] === this.#bytes[position + at] || this.#unknown[position + at] === 1) continue;
      this.context.fail(
        `${where} of ${this.file.path}: byte ${position + at} is ${bytes[at]}, not ${this.#bytes[position + at]}`,
      );
      return;
    }
  }

  /** Several reads at once into parts of one buffer. */
  async #readSlices(): Promise<void> {
    const context = this.context;
    const count = this.random.between(2, 4);
    const part = Math.min(500, this.#bytes.length);
    const buffer = await context.take(count * part);
    if (buffer === undefined) return;
    const reads = Array.from({ length: count }, (_, index) => {
      const position = this.random.below(this.#bytes.length - part + 1);
      const slice = buffer.slice(index * part, (index + 1) * part);
      const options = { position, ...(this.random.chance(0.1) && { timeoutMs: this.random.below(3) }) };
      return {
        index,
        position,
        promise: context.end("read into a slice", this.file.readFull(slice, options), ["ERR_TIMEOUT"]),
      };
    });
    for (const { index, position, promise } of reads) {
      const ended = await promise;
      if (ended.ok) context.expect(ended.value.bytesRead === part, () => `slice: ${ended.value.bytesRead} of ${part}`);
      reads[index]!.position = ended.ok ? position : -1;
    }
    context.expectHome("read into slices", buffer);
    for (const { index, position } of reads) {
      if (position >= 0 && buffer.state === "owned")
        this.compare("slice", buffer.bytes.subarray(index * part, (index + 1) * part), position);
    }
    context.letGo(buffer);
  }

  /** One buffer, lent to several writes at once. */
  async #writeShared(): Promise<void> {
    const context = this.context;
    const length = Math.min(300, this.#bytes.length >> 2);
    const buffer = await context.take(length);
    if (buffer === undefined) return;
    const seed = this.random.next();
    fillPattern(buffer.bytes, seed, 0);
    const writes = [0, 2, 3].map((quarter) => {
      const position = quarter * length;
      return { position, promise: context.end("shared write", this.file.writeFull(buffer, { position })) };
    });
    for (const { position, promise } of writes) {
      const ended = await promise;
      this.wrote(seed, position, ended.ok ? ended.value.bytesWritten : bytesGone(context, "write", ended.error));
    }
    context.expectHome("shared writes", buffer);
    context.letGo(buffer);
  }

  async #sync(): Promise<void> {
    for (let times = this.random.between(1, 3); times > 0; times--) await this.#syncOnce();
  }

  async #syncOnce(): Promise<void> {
    const flush = this.random.chance(0.5) ? this.file.sync() : this.file.datasync();
    const ended = await this.context.end("sync", flush);
    if (this.#syncError !== undefined) {
      this.context.expect(!ended.ok && ended.error === this.#syncError, () => "sync: an earlier error did not stick");
    } else if (!ended.ok && ended.error.errno !== undefined) {
      this.#syncError = ended.error;
    }
  }

  async #stat(): Promise<void> {
    const ended = await this.context.end("stat", this.file.stat());
    if (!ended.ok) return;
    const { size } = ended.value;
    this.context.expect(size === this.#bytes.length, () => `stat: size ${size}, not ${this.#bytes.length}`);
  }
}

/**
 * Reads a file from start to end at its own position, with reads that are ended early in every way: no byte may be
 * lost and none may come twice.
 */
export async function sequentialReadActor(context: Context, random: Random, path: string): Promise<void> {
  const seed = random.next();
  const content = new Uint8Array(random.between(500, 8000));
  fillPattern(content, seed, 0);
  context.simulation.files.write(path, content);
  const file = await context.insist("open", () => context.io.openFile(path, "r"));
  if (file === undefined) return;
  let at = 0;
  let isOver = false;
  while (!isOver && !context.closing && context.failures.length === 0) {
    const buffers: OwnedBuffer[] = [];
    for (let count = random.between(1, 3); count > 0; count--) {
      const buffer = await context.take(random.between(1, 1500));
      if (buffer !== undefined) buffers.push(buffer);
    }
    // All of them start before the first has ended; what they bring comes in the order of the calls.
    const reads = buffers.map((buffer) => readOnce(context, random, file, buffer));
    for (const read of reads) {
      const bytes = await read;
      if (bytes === undefined) continue;
      const mismatch = patternMismatch(bytes, seed, at);
      context.expect(mismatch < 0, () => `sequential read of ${path}: byte ${at + mismatch} is wrong`);
      at += bytes.length;
      if (bytes.length === 0) isOver = true;
    }
  }
  if (isOver) context.expect(at === content.length, () => `sequential read: ended at ${at} of ${content.length}`);
  await closeFile(context, random, file, () => Promise.resolve());
}

/** One read, ended early or not; the bytes it brought, `undefined` when it failed. */
async function readOnce(
  context: Context,
  random: Random,
  file: File,
  buffer: OwnedBuffer,
): Promise<Uint8Array | undefined> {
  const where = "sequential read";
  if (random.chance(0.3)) {
    const operation = context.trySubmit(() => context.io.submit({ opcode: "read", file, buffer }));
    if (operation === undefined) {
      await context.pause(0.5);
      return finishRead(context, -1, buffer);
    }
    const abandons = random.chance(0.1);
    if (abandons) operation.abandon();
    else if (random.chance(0.5)) context.cancelSoon(where, random, operation);
    const ended = await context.end(where, operation.done, LOW_LEVEL_CODES);
    if (!ended.ok && abandons) return void context.expectGone(where, buffer);
    return finishRead(context, ended.ok ? ended.value.bytesRead : -1, buffer);
  }
  const early = context.earlyEnd(random, 0.5, true);
  const whole = random.chance(0.3);
  const ended = await context.end(
    where,
    whole ? file.readFull(buffer, early.options) : file.read(buffer, early.options),
    early.codes,
  );
  early.done();
  if (!ended.ok && wasAbandoned(early.mayAbandon, ended.error)) return void context.expectGone(where, buffer);
  return finishRead(context, ended.ok ? ended.value.bytesRead : -1, buffer);
}

function finishRead(context: Context, count: number, buffer: OwnedBuffer): Uint8Array | undefined {
  context.expectHome("sequential read", buffer);
  const bytes = count < 0 ? undefined : buffer.bytes.slice(0, count);
  context.letGo(buffer);
  return bytes;
}

/** Appends to a file, with writes that are ended early: it must always know how many bytes have gone out. */
export async function appendActor(context: Context, random: Random, path: string): Promise<void> {
  const seed = random.next();
  let written = 0;
  for (let session = random.between(1, 3); session > 0 && !context.closing; session--) {
    const file = await context.insist("open", () => context.io.openFile(path, "a"));
    if (file === undefined) return;
    let isKnown = true;
    for (let step = random.between(2, 6); step > 0 && isKnown && !context.closing; step--) {
      const buffer = await context.take(random.between(1, 1500));
      if (buffer === undefined) continue;
      fillPattern(buffer.bytes, seed, written);
      const early = context.earlyEnd(random, 0.4, true);
      const ended = await context.end("append", appendOnce(random, file, buffer, early.options), early.codes);
      early.done();
      if (!ended.ok && wasAbandoned(early.mayAbandon, ended.error)) {
        isKnown = false;
        context.expectGone("append", buffer);
        continue;
      }
      written += ended.ok ? ended.value.bytesWritten : bytesGone(context, "append", ended.error);
      context.letGo(buffer);
    }
    // Closing waits for what was given up; then the file itself tells.
    await closeFile(context, random, file, () => Promise.resolve());
    if (context.closing) return;
    const content = context.simulation.files.read(path);
    context.expect(isKnown ? content.length === written : content.length >= written, () => {
      return `append: the file has ${content.length} bytes and ${written} were written`;
    });
    written = content.length;
    const mismatch = patternMismatch(content, seed, 0);
    context.expect(mismatch < 0, () => `append: byte ${mismatch} is wrong`);
  }
}

function appendOnce(
  random: Random,
  file: File,
  buffer: OwnedBuffer,
  options: OperationOptions,
): Promise<{ readonly bytesWritten: number }> {
  return random.chance(0.5) ? file.writeFull(buffer, options) : file.write(buffer, options);
}

/** Closes a file, now and then with an operation in flight, and checks that it is closed. */
export async function closeFile(
  context: Context,
  random: Random,
  file: File,
  step: () => Promise<void>,
): Promise<void> {
  const last = random.chance(0.3) && !context.closing ? step() : undefined;
  if (file.closed) return;
  const ended = await context.end("close", file.close());
  if (!ended.ok && !context.closing) {
    context.expect(ended.error.code === "EIO", () => `close: rejects with ${ended.error.code}`);
  }
  await last;
  const after = await context.end("stat of a closed file", file.stat());
  context.expect(!after.ok, () => "stat: a closed file answers");
}

/** True when the operation was given up: nobody knows what it did. */
function wasAbandoned(mayAbandon: boolean, error: BatonError): boolean {
  // Refused before it began, it still has its buffer.
  return mayAbandon && error.code === "ABORT_ERR" && error.buffer === undefined;
}

/** How many bytes an operation that failed had moved. */
export function bytesGone(context: Context, where: string, error: BatonError): number {
  const { bytesTransferred } = error;
  // Refused before anything was lent.
  if (bytesTransferred === undefined && NEVER_STARTED.has(error.code)) return 0;
  context.expect(typeof bytesTransferred === "number" || context.closing, () => {
    return `${where}: ${error.code} does not say how many bytes went out`;
  });
  return bytesTransferred ?? 0;
}

const NEVER_STARTED: ReadonlySet<string> = new Set([
  "ABORT_ERR",
  "ERR_OPERATION_LIMIT",
  "ERR_RESOURCE_CLOSED",
  "ERR_BACKEND_CLOSED",
]);
