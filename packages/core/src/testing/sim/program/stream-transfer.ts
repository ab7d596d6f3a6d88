/** Moving a pattern over a connection, with operations that are ended early in every way. */
import type { BatonError, OwnedBuffer, SendResult, StreamSocket } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, type Ended, LOW_LEVEL_CODES, patternByte } from "./context.js";

/** What a sender knows about the bytes of the pattern that went out. */
export interface Sent {
  readonly least: number;
  readonly most: number;
  /** The connection is of no use any more. */
  readonly isBroken: boolean;
  /** A send was told of a reset: then no receive need be. */
  readonly toldOfReset: boolean;
  /** Bytes that the kernel has taken, the header among them: at least, and at most. */
  readonly total: { readonly least: number; readonly most: number };
}

/** What a receiver has got of a pattern. */
export interface Heard {
  readonly received: number;
  /** With the end of the stream, and not with an error. */
  readonly endedWell: boolean;
  /** With a reset. */
  readonly isReset: boolean;
}

/** Sends a header whole, and then the pattern. After an operation was given up nobody knows, so it stops there. */
export async function sendPattern(
  context: Context,
  random: Random,
  stream: StreamSocket,
  what: { readonly header: Uint8Array; readonly seed: number; readonly length: number },
): Promise<Sent> {
  let sent = -what.header.length;
  let toldOfReset = false;
  const sentSoFar = (most: number, isBroken: boolean): Sent => ({
    least: Math.max(0, sent),
    most: Math.max(0, most),
    isBroken,
    toldOfReset,
    total: { least: sent + what.header.length, most: most + what.header.length },
  });
  const byteAt = (index: number) =>
    index < 0 ? what.header[index + what.header.length]! : patternByte(what.seed, index);
  while (sent < what.length && !stream.closed && !context.closing) {
    const length = Math.min(what.length - sent, random.between(1, 1500));
    const buffer = await context.take(length);
    if (buffer === undefined) continue;
    const { bytes } = buffer;
    for (let at = 0; at < length; at++) bytes[at] = byteAt(sent + at);
    // The other end must at least learn whom it talks to.
    const isLast = sent >= 0 && sent + length === what.length;
    const sending = await (isLast && random.chance(0.3)
      ? sendAndEnd(context, stream, buffer)
      : sent < 0
        ? sendPlainly(context, stream, buffer)
        : sendOnce(context, random, stream, buffer));
    if (sending.isGone) context.expectGone("send", buffer);
    else context.letGo(buffer);
    toldOfReset ||= sending.toldOfReset === true;
    if (sending.isUnknown) return sentSoFar(sent + length, false);
    sent += sending.count;
    if (sending.isBroken) return sentSoFar(sent, true);
  }
  return sentSoFar(sent, stream.closed || context.closing);
}

interface Sending {
  readonly count: number;
  readonly isUnknown: boolean;
  readonly isBroken: boolean;
  readonly toldOfReset?: boolean;
  /** The buffer went with an operation that was given up. */
  readonly isGone?: boolean;
}

/** Sends and ends the sending at once: what is sent goes before the end. */
async function sendAndEnd(context: Context, stream: StreamSocket, buffer: OwnedBuffer): Promise<Sending> {
  const sending = sendPlainly(context, stream, buffer);
  if (!stream.closed) await context.end("shutdown", stream.shutdown("send"));
  return sending;
}

async function sendPlainly(context: Context, stream: StreamSocket, buffer: OwnedBuffer): Promise<Sending> {
  const ended = await context.end("send", stream.send(buffer));
  if (ended.ok) return { count: ended.value.bytesSent, isUnknown: false, isBroken: false };
  return failedSending(ended.error);
}

/** What went out of a send that failed. */
function failedSending({ code, bytesTransferred }: BatonError): Sending {
  return {
    count: bytesTransferred ?? 0,
    isUnknown: false,
    isBroken: ENDED_CODES.has(code),
    toldOfReset: code === "ECONNRESET",
  };
}

/** Shuts the sending side down, which the other end waits for. */
export async function endSending(context: Context, stream: StreamSocket): Promise<void> {
  while (!stream.closed && !context.closing) {
    const ended = await context.end("shutdown", stream.shutdown("send"));
    if (ended.ok || ENDED_CODES.has(ended.error.code)) return;
    await context.pause(1);
  }
}

async function sendOnce(context: Context, random: Random, stream: StreamSocket, buffer: OwnedBuffer): Promise<Sending> {
  const where = "send";
  if (random.chance(0.25) && !stream.closed) return submitSend(context, random, stream, buffer);
  if (buffer.length > 8 && random.chance(0.08) && !stream.closed) return sendBurst(context, random, stream, buffer);
  const half = buffer.length >> 1;
  if (half > 0 && random.chance(0.2)) {
    // Two lends of one buffer at once: they go out in the order of the calls.
    const first = context.end(where, stream.send(buffer, { length: half }));
    const second = await context.end(where, stream.send(buffer, { offset: half }));
    const one = await first;
    if (one.ok && second.ok)
      return { count: one.value.bytesSent + second.value.bytesSent, isUnknown: false, isBroken: false };
    // Without the first half the second is out of place.
    const toldOfReset = [one, second].some((ended) => !ended.ok && ended.error.code === "ECONNRESET");
    return { count: 0, isUnknown: true, isBroken: false, toldOfReset };
  }
  const early = context.earlyEnd(random, 0.25, true);
  const ended = await context.end(where, stream.send(buffer, early.options), early.codes);
  early.done();
  if (ended.ok) {
    context.expect(ended.value.bytesSent === buffer.length, () => `send: ${ended.value.bytesSent} of ${buffer.length}`);
    context.expectHome(where, buffer);
    return { count: buffer.length, isUnknown: false, isBroken: false };
  }
  if (ended.error.code === "ABORT_ERR" && early.mayAbandon) {
    // Refused before it began, it still has its buffer.
    return { count: 0, isUnknown: true, isBroken: false, isGone: ended.error.buffer === undefined };
  }
  context.expectHome(where, buffer);
  return failedSending(ended.error);
}

/** Many small sends at once, the last of them ended early together: what went out of them is their beginning. */
async function sendBurst(
  context: Context,
  random: Random,
  stream: StreamSocket,
  buffer: OwnedBuffer,
): Promise<Sending> {
  const where = "send";
  const size = Math.ceil(buffer.length / random.between(2, 16));
  const controller = new AbortController();
  const wholeBytes = random.chance(0.4) ? random.below(buffer.length) : buffer.length;
  const endings: { readonly length: number; readonly end: Promise<Ended<SendResult<OwnedBuffer>>> }[] = [];
  for (let offset = 0; offset < buffer.length; offset += size) {
    const length = Math.min(size, buffer.length - offset);
    const signal = offset < wholeBytes ? {} : { signal: controller.signal };
    endings.push({
      length,
      end: context.end(where, stream.send(buffer, { offset, length, ...signal }), ["ABORT_ERR"]),
    });
  }
  await context.pause(random.below(1000) / 1000);
  controller.abort();
  let count = 0;
  let isShort = false;
  let isBroken = false;
  let toldOfReset = false;
  for (const { length, end } of endings) {
    const ended = await end;
    const sent = ended.ok ? ended.value.bytesSent : (ended.error.bytesTransferred ?? 0);
    context.expect(!isShort || sent === 0, () => "send: bytes went out behind a send that had not all gone out");
    isShort ||= sent < length;
    isBroken ||= !ended.ok && ENDED_CODES.has(ended.error.code);
    toldOfReset ||= !ended.ok && ended.error.code === "ECONNRESET";
    count += sent;
  }
  context.expectHome(where, buffer);
  return { count, isUnknown: false, isBroken, toldOfReset };
}

/** One submission, which may send less than asked. */
async function submitSend(
  context: Context,
  random: Random,
  stream: StreamSocket,
  buffer: OwnedBuffer,
): Promise<Sending> {
  const operation = context.trySubmit(() => context.io.submit({ opcode: "send", stream, buffer }));
  if (operation === undefined) {
    await context.pause(0.5);
    return { count: 0, isUnknown: false, isBroken: false };
  }
  const abandons = random.chance(0.1);
  if (abandons) operation.abandon();
  else if (random.chance(0.5)) context.cancelSoon("send", random, operation);
  const ended = await context.end("send", operation.done, LOW_LEVEL_CODES);
  if (ended.ok) return { count: ended.value.bytesSent, isUnknown: false, isBroken: false };
  if (abandons) return { count: 0, isUnknown: true, isBroken: false, isGone: true };
  context.expectHome("send", buffer);
  return failedSending(ended.error);
}

/** Codes after which nothing can be sent any more. */
const ENDED_CODES: ReadonlySet<string> = new Set([
  "EPIPE",
  "ECONNRESET",
  "ENOTCONN",
  "ERR_RESOURCE_CLOSED",
  "ERR_BACKEND_CLOSED",
]);

/** Receives in every way there is, and keeps what came too much for the next call. */
export class Reader {
  readonly #context: Context;
  readonly #random: Random;
  readonly #stream: StreamSocket;
  #endedWell = false;
  #isReset = false;
  #isOver = false;

  constructor(context: Context, random: Random, stream: StreamSocket) {
    this.#context = context;
    this.#random = random;
    this.#stream = stream;
  }

  /** The first `length` bytes, `undefined` when the connection ends before. */
  async header(length: number): Promise<Uint8Array | undefined> {
    const head = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#isOver) return undefined;
      const bytes = await this.#receive(length - filled);
      head.set(bytes, filled);
      filled += bytes.length;
    }
    return head;
  }

  /** Receives to the end of the stream; each byte must be the one that comes next. */
  async pattern(seed: number): Promise<Heard> {
    let received = 0;
    while (!this.#isOver) {
      const bytes = await this.#receive(this.#random.between(1, 1500));
      for (let at = 0; at < bytes.length; at++) {
        if (bytes[at] === patternByte(seed, received + at)) continue;
        this.#context.fail(`receive: byte ${received + at} of the stream ${seed} is wrong`);
        this.#isOver = true;
        break;
      }
      received += bytes.length;
    }
    return { received, endedWell: this.#endedWell, isReset: this.#isReset };
  }

  async #receive(lengthMax: number): Promise<Uint8Array> {
    const context = this.#context;
    const random = this.#random;
    const stream = this.#stream;
    if (stream.closed || context.closing) {
      this.#isOver = true;
      return new Uint8Array(0);
    }
    // Without a buffer the driver decides how much comes, so not while only so much may be taken.
    if (lengthMax > 8 && random.chance(0.4)) {
      return random.chance(0.3) ? this.#receiveInLoop() : this.#receiveProvided();
    }
    const buffer = await context.take(lengthMax);
    if (buffer === undefined) return new Uint8Array(0);
    if (random.chance(0.3) && !stream.closed) {
      const operation = context.trySubmit(() => context.io.submit({ opcode: "receive", stream, buffer }));
      if (operation !== undefined) {
        const abandons = random.chance(0.1);
        if (abandons) operation.abandon();
        else if (random.chance(0.5)) context.cancelSoon("receive", random, operation);
        const ended = await context.end("receive", operation.done, LOW_LEVEL_CODES);
        if (!ended.ok && abandons) return this.#gone(buffer);
        return this.#keep(buffer, ended.ok ? ended.value.bytesReceived : ended.error.code);
      }
    }
    const early = context.earlyEnd(random, 0.4, true);
    const whole = random.chance(0.3) && lengthMax > 1 ? buffer.slice(1, lengthMax) : buffer;
    const receiving = context.end("receive", stream.receive(whole, early.options), early.codes);
    if (buffer.state === "lent" && random.chance(0.1)) {
      const again = await context.end("a receive into a lent buffer", stream.receive(whole));
      const code = again.ok ? "ok" : again.error.code;
      const allowed = code === "ERR_BUFFER_LENT" || code === "ERR_OPERATION_LIMIT" || context.closing;
      context.expect(allowed, () => `a receive into a lent buffer ends with ${code}`);
    }
    const ended = await receiving;
    early.done();
    if (!ended.ok && ended.error.code === "ABORT_ERR" && early.mayAbandon && ended.error.buffer === undefined) {
      return this.#gone(buffer);
    }
    return this.#keep(buffer, ended.ok ? ended.value.bytesReceived : ended.error.code, whole === buffer ? 0 : 1);
  }

  #gone(buffer: OwnedBuffer): Uint8Array {
    this.#context.expectGone("receive", buffer);
    return new Uint8Array(0);
  }

  async #receiveProvided(): Promise<Uint8Array> {
    const context = this.#context;
    const early = context.earlyEnd(this.#random, 0.4, true);
    const ended = await context.end("receive without a buffer", this.#stream.receive(early.options), early.codes);
    early.done();
    if (!ended.ok) return this.#failed(ended.error.code);
    const { bytesReceived, buffer } = ended.value;
    if (buffer === undefined) return this.#end();
    context.expect(bytesReceived > 0, () => "receive: a buffer came with no bytes");
    context.expectHome("receive without a buffer", buffer);
    const bytes = buffer.bytes.slice(0, bytesReceived);
    // Held for a while, so that the driver runs out of buffers.
    if (this.#random.chance(0.2)) await context.pause(this.#random.below(1000) / 1000);
    buffer.release();
    return bytes;
  }

  /** A few chunks of a loop; leaving it must lose nothing. */
  async #receiveInLoop(): Promise<Uint8Array> {
    const context = this.#context;
    const chunks: number[] = [];
    let left = this.#random.between(1, 3);
    const loop = async (): Promise<boolean> => {
      for await (const { buffer, bytesReceived } of this.#stream) {
        context.expect(bytesReceived > 0, () => "receive in a loop: a buffer came with no bytes");
        context.expectHome("receive in a loop", buffer);
        chunks.push(...buffer.bytes.subarray(0, bytesReceived));
        buffer.release();
        if (--left === 0) return false;
      }
      return true;
    };
    const ended = await context.end("receive in a loop", loop());
    if (!ended.ok) this.#failed(ended.error.code);
    else if (ended.value) this.#end();
    return Uint8Array.from(chunks);
  }

  #keep(buffer: OwnedBuffer, result: number | string, offset = 0): Uint8Array {
    const context = this.#context;
    context.expectHome("receive", buffer);
    if (typeof result === "string") {
      context.letGo(buffer);
      return this.#failed(result);
    }
    const bytes = buffer.bytes.slice(offset, offset + result);
    buffer.release();
    return result === 0 ? this.#end() : bytes;
  }

  #end(): Uint8Array {
    this.#isOver = true;
    this.#endedWell = true;
    return new Uint8Array(0);
  }

  #failed(code: string): Uint8Array {
    if (ENDED_CODES.has(code)) this.#isOver = true;
    if (code === "ECONNRESET") this.#isReset = true;
    return new Uint8Array(0);
  }
}
