/**
 * A file at its own position: reads and writes of every kind, several asked for at once, which end short, fail on a full
 * disk and are ended early. Each result must say exactly how far the position has moved, so each byte of the file and
 * each that is read is known all along.
 */
import type { BatonError, File, Operation, OwnedBuffer } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, type EarlyEnd, type Ended, fillPattern, LOW_LEVEL_CODES } from "./context.js";
import { bytesGone, closeFile } from "./file-actor.js";
import { partsOf, takeParts } from "./vector-steps.js";

const TRANSFER_BYTES_MAX = 1500;

/** What one operation has come to. */
type Move =
  /** These bytes are in the file. */
  | { readonly kind: "wrote"; readonly bytes: Uint8Array }
  /** These were read; with `whole` as many as were asked for, if there were so many. */
  | { readonly kind: "read"; readonly bytes: Uint8Array; readonly asked: number; readonly whole: boolean }
  /** The file and the position are as they were. */
  | { readonly kind: "none" }
  /** Some of these may be in the file: the write was given up. */
  | { readonly kind: "unknown" };

const NO_MOVE: Move = { kind: "none" };

export async function ownPositionActor(context: Context, random: Random, path: string): Promise<void> {
  const appends = random.chance(0.3);
  let file = await context.insist("open", () => context.io.openFile(path, appends ? "a+" : "w+"));
  const model = new Model(context, appends);
  for (let round = random.between(3, 12); round > 0 && !context.closing && file !== undefined; round--) {
    const isKnown = await (random.chance(0.2)
      ? moveNothing(context, random, file, model)
      : moveSome(random, file, model));
    if (isKnown || context.closing) continue;
    // Closing waits for what was given up; then the file itself tells, and a new one starts at 0.
    await closeFile(context, random, file, () => Promise.resolve());
    if (context.closing) return;
    model.learn(context.simulation.files.read(path));
    file = await context.insist("open", () => context.io.openFile(path, appends ? "a+" : "r+"));
  }
  if (file === undefined) return;
  await closeFile(context, random, file, () => Promise.resolve());
  if (!context.closing) model.compare("the file", context.simulation.files.read(path), 0, model.size);
}

/** One to three transfers, asked for before the first has ended; false when nobody knows any more where it stands. */
async function moveSome(random: Random, file: File, model: Model): Promise<boolean> {
  const moves: Promise<Move>[] = [];
  for (let left = random.between(1, 3); left > 0; left--) {
    // Behind a write that was given up nothing can be known, so it comes last.
    const transfer = await Transfer.prepare(model.context, random, {
      writes: random.chance(0.5),
      mayAbandon: left === 1,
    });
    if (transfer !== undefined) moves.push(transfer.run(file));
  }
  let isKnown = true;
  for (const move of moves) isKnown = model.apply(await move) && isKnown;
  return isKnown;
}

/** What leaves the own position where it is: reads and writes at positions, and another length. */
async function moveNothing(context: Context, random: Random, file: File, model: Model): Promise<boolean> {
  // Behind an append the position is the end, wherever that is by the next read.
  if (random.chance(0.3) && !model.appends) {
    const size = random.below(model.size + 200);
    const ended = await context.end("truncate", file.truncate(size));
    if (ended.ok) model.resize(size);
    return true;
  }
  const buffer = await context.take(random.between(1, TRANSFER_BYTES_MAX));
  if (buffer === undefined) return true;
  const position = random.below(model.size + 1);
  // Where a file appends, a position says nothing to a write. Source: pwrite(2), BUGS.
  if (random.chance(0.5) || model.appends) {
    const ended = await context.end("read at a position", file.readFull(buffer, { position }));
    if (ended.ok) {
      const { bytesRead } = ended.value;
      model.compare("read at a position", buffer.bytes.subarray(0, bytesRead), position, position + buffer.length);
    }
  } else {
    fillPattern(buffer.bytes, random.next(), 0);
    const ended = await context.end("write at a position", file.writeFull(buffer, { position }));
    const count = ended.ok ? ended.value.bytesWritten : bytesGone(context, "write at a position", ended.error);
    if (!context.closing) model.put(buffer.bytes.subarray(0, count), position);
  }
  context.letGo(buffer);
  return true;
}

/** A read or a write at the own position. */
class Transfer {
  readonly #context: Context;
  readonly #writes: boolean;
  readonly #buffers: readonly OwnedBuffer[];
  readonly #early: EarlyEnd;
  readonly #how: "plain" | "whole" | "vector" | "submitted";
  readonly #random: Random;

  private constructor(
    context: Context,
    random: Random,
    { writes, mayAbandon, buffers }: { writes: boolean; mayAbandon: boolean; buffers: readonly OwnedBuffer[] },
  ) {
    this.#context = context;
    this.#random = random;
    this.#writes = writes;
    this.#buffers = buffers;
    this.#how = buffers.length > 1 ? "vector" : random.pick(["plain", "whole", "vector", "submitted"]);
    this.#early = context.earlyEnd(random, 0.4, mayAbandon);
  }

  /** Takes the buffers, and fills them for a write; `undefined` when there are none. */
  static async prepare(
    context: Context,
    random: Random,
    options: { readonly writes: boolean; readonly mayAbandon: boolean },
  ): Promise<Transfer | undefined> {
    const length = random.between(1, TRANSFER_BYTES_MAX);
    const buffers = await takeParts(context, random, length, random.chance(0.3) ? 4 : 1);
    if (buffers === undefined) return undefined;
    if (options.writes) for (const { bytes } of buffers) fillPattern(bytes, random.next(), 0);
    return new Transfer(context, random, { ...options, buffers });
  }

  async run(file: File): Promise<Move> {
    const context = this.#context;
    // Kept aside: while the kernel has them, the buffers cannot be looked at.
    const source = this.#writes ? partsOf(this.#buffers) : undefined;
    const ended = await this.#start(file);
    this.#early.done();
    if (ended === undefined) return this.#home(NO_MOVE);
    if (!ended.ok && this.#isGone(ended.error)) {
      for (const buffer of this.#buffers) context.expectGone(this.#where, buffer);
      return source === undefined ? NO_MOVE : { kind: "unknown" };
    }
    const asked = this.#buffers.reduce((sum, { length }) => sum + length, 0);
    if (source !== undefined) {
      const count = ended.ok ? ended.value : bytesGone(context, this.#where, ended.error);
      const enough = !ended.ok || (this.#how === "whole" ? count === asked : count > 0);
      context.expect(enough, () => `${this.#where}: ${count} of ${asked}`);
      return this.#home({ kind: "wrote", bytes: source.subarray(0, count) });
    }
    // What nobody was told of is read again.
    if (!ended.ok || context.closing) return this.#home(NO_MOVE);
    const bytes = partsOf(this.#buffers).subarray(0, ended.value);
    return this.#home({ kind: "read", bytes, asked, whole: this.#how === "whole" });
  }

  get #where(): string {
    return `${this.#writes ? "write" : "read"} at the own position (${this.#how})`;
  }

  /** How many bytes were moved; `undefined` when it was refused on the spot. */
  #start(file: File): Promise<Ended<number> | undefined> {
    const { options, codes } = this.#early;
    const buffers = this.#buffers;
    const buffer = buffers[0]!;
    const end = (promise: Promise<{ readonly bytesRead: number } | { readonly bytesWritten: number }>) =>
      this.#context.end(this.#where, promise.then(bytesOf), codes);
    switch (this.#how) {
      case "plain":
        return end(this.#writes ? file.write(buffer, options) : file.read(buffer, options));
      case "whole":
        return end(this.#writes ? file.writeFull(buffer, options) : file.readFull(buffer, options));
      case "vector":
        return end(this.#writes ? file.writev(buffers, options) : file.readv(buffers, options));
      case "submitted":
        return this.#submit(file, buffer);
    }
  }

  async #submit(file: File, buffer: OwnedBuffer): Promise<Ended<number> | undefined> {
    const context = this.#context;
    const operation = context.trySubmit(
      (): Operation<Moved> =>
        this.#writes
          ? context.io.submit({ opcode: "write", file, buffer })
          : context.io.submit({ opcode: "read", file, buffer }),
    );
    if (operation === undefined) {
      await context.pause(0.5);
      return undefined;
    }
    if (!this.#early.isNone) context.cancelSoon(this.#where, this.#random, operation);
    return context.end(this.#where, operation.done.then(bytesOf), LOW_LEVEL_CODES);
  }

  /** It was given up: nobody knows what it did. */
  #isGone(error: BatonError): boolean {
    const { code, buffer, buffers } = error;
    // Refused before it began, it still has its buffers.
    return this.#early.mayAbandon && code === "ABORT_ERR" && buffer === undefined && buffers === undefined;
  }

  #home(move: Move): Move {
    for (const buffer of this.#buffers) {
      this.#context.expectHome(this.#where, buffer);
      this.#context.letGo(buffer);
    }
    return move;
  }
}

type Moved = { readonly bytesRead: number } | { readonly bytesWritten: number };

function bytesOf(moved: Moved): number {
  return "bytesRead" in moved ? moved.bytesRead : moved.bytesWritten;
}

/** What is in the file, and where its own position stands. */
class Model {
  readonly context: Context;
  /** Writes go to the end. */
  readonly appends: boolean;
  #bytes = new Uint8Array(0);
  #position = 0;

  constructor(context: Context, appends: boolean) {
    this.context = context;
    this.appends = appends;
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** False when nobody knows what is in the file after it. */
  apply(move: Move): boolean {
    switch (move.kind) {
      case "wrote":
        if (move.bytes.length === 0) return true;
        if (this.appends) this.#position = this.size;
        this.put(move.bytes, this.#position);
        this.#position += move.bytes.length;
        return true;
      case "read": {
        const end = move.whole ? this.#position + move.asked : this.#position + move.bytes.length;
        this.compare("read at the own position", move.bytes, this.#position, end);
        const atEnd = move.bytes.length === 0;
        this.context.expect(!atEnd || this.#position >= this.size, () => {
          return `read: nothing at ${this.#position} of a file of ${this.size} bytes`;
        });
        this.#position += move.bytes.length;
        return true;
      }
      case "none":
        return true;
      case "unknown":
        return false;
    }
  }

  put(bytes: Uint8Array, position: number): void {
    if (position + bytes.length > this.size && bytes.length > 0) this.resize(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  resize(size: number): void {
    const resized = new Uint8Array(size);
    resized.set(this.#bytes.subarray(0, size));
    this.#bytes = resized;
  }

  /** The file was opened anew, and this is in it. */
  learn(content: Uint8Array): void {
    this.resize(0);
    this.put(content, 0);
    this.#position = 0;
  }

  /** `bytes` must be those from `from` to `to`, or to the end where that comes first. */
  compare(where: string, bytes: Uint8Array, from: number, to: number): void {
    const expected = this.#bytes.subarray(from, to);
    this.context.expect(bytes.length === expected.length, () => {
      return `${where}: ${bytes.length} bytes from ${from} on, not ${expected.length}`;
    });
    const at = bytes.findIndex((byte, index) => byte !== expected[index]);
    this.context.expect(at < 0, () => `${where}: byte ${from + at} is ${bytes[at]}, not ${expected[at]}`);
  }
}
