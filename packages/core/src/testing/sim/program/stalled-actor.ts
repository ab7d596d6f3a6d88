/**
 * A server as pages show it, peers that send and never read, a program that has taken all the pool gives, and one honest
 * client: it is served all the same, because a receive can always have a piece of the reserve.
 */
import type { OwnedBuffer, TcpListener, TcpStream } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, fillPattern, patternMismatch } from "./context.js";

const MESSAGE_BYTES_MAX = 200;
/** Connections break and operations are refused; so often the honest client tries again. */
const TRIES_MAX = 100;

export async function stalledActor(context: Context, random: Random): Promise<void> {
  const listener = await context.insist("listen", () => context.io.listen({ port: 0 }));
  if (listener === undefined) return;
  const serving = serve(context, listener);
  const peers = Array.from({ length: random.between(1, 4) }, () => new Peer(context, random.fork()));
  const stalling = Promise.all(peers.map((peer) => peer.sendAndNeverRead(listener)));
  await beServed(context, random, listener);
  for (const peer of peers) await peer.stop();
  await stalling;
  if (!listener.closed) await context.end("close of a listener", listener.close());
  await serving;
}

/** Sends back what it receives. */
async function serve(context: Context, listener: TcpListener): Promise<void> {
  const answering: Promise<unknown>[] = [];
  while (!listener.closed && !context.closing) {
    const accepting = async () => {
      for await (const stream of listener) answering.push(answer(context, stream));
    };
    const ended = await context.end("accept in a loop", accepting());
    context.expect(ended.ok || ended.error.code !== "EMFILE", () => "accept in a loop: a shortage has ended it");
    await context.pause(0.2);
  }
  await Promise.all(answering);
}

async function answer(context: Context, stream: TcpStream): Promise<void> {
  const loop = async () => {
    for await (const { buffer, bytesReceived } of stream) {
      try {
        await stream.send(buffer, { length: bytesReceived });
      } finally {
        context.letGo(buffer);
      }
    }
  };
  await context.end("answers in a loop", loop());
  if (!stream.closed) await context.end("close", stream.close());
}

/** One that sends for as long as anybody takes it. */
class Peer {
  readonly #context: Context;
  readonly #random: Random;
  #stream: TcpStream | undefined = undefined;
  #stopped = false;

  constructor(context: Context, random: Random) {
    this.#context = context;
    this.#random = random;
  }

  async sendAndNeverRead(listener: TcpListener): Promise<void> {
    const context = this.#context;
    const connected = await context.end("connect", context.io.connect({ port: listener.address.port }));
    if (!connected.ok) return;
    this.#stream = connected.value;
    const buffer = this.#stopped ? undefined : await context.take(this.#random.between(100, 2000));
    if (buffer !== undefined) {
      while (!this.#stopped && !this.#stream.closed && !context.closing) {
        const ended = await context.end("send without end", this.#stream.send(buffer));
        context.expectHome("send without end", buffer);
        if (!ended.ok) break;
      }
      context.letGo(buffer);
    }
    if (!this.#stream.closed) await context.end("close", this.#stream.close());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#stream !== undefined && !this.#stream.closed) await this.#context.end("close", this.#stream.close());
  }
}

/** Asks until it has been answered, at last while the program has all the pool. */
async function beServed(context: Context, random: Random, listener: TcpListener): Promise<void> {
  const message = await context.insist("takeWhenFree", () =>
    context.io.buffers.takeWhenFree(random.between(1, MESSAGE_BYTES_MAX)),
  );
  if (message === undefined) return;
  const seed = random.next();
  fillPattern(message.bytes, seed, 0);
  let isServed = false;
  for (let tries = 0; !isServed && !context.closing; tries++) {
    if (tries > TRIES_MAX) {
      context.fail(`an honest client was not served in ${tries} tries`);
      break;
    }
    const connected = await context.end("connect", context.io.connect({ port: listener.address.port }));
    if (connected.ok) isServed = await talk(context, random, connected.value, { message, seed });
    else await context.pause(1);
  }
  context.letGo(message);
}

/** Two questions and two answers; false when the connection broke before the second answer. */
async function talk(
  context: Context,
  random: Random,
  stream: TcpStream,
  question: { readonly message: OwnedBuffer; readonly seed: number },
): Promise<boolean> {
  // Nothing is set aside before the first receive that needs a buffer.
  let isServed = await ask(context, stream, question);
  if (isServed) {
    const taken: OwnedBuffer[] = [];
    for (let one = takeSome(context, random); one !== undefined; one = takeSome(context, random)) taken.push(one);
    isServed = await ask(context, stream, question);
    for (const buffer of taken) context.letGo(buffer);
  }
  if (!stream.closed) await context.end("close", stream.close());
  return isServed;
}

function takeSome({ io, closing }: Context, random: Random): OwnedBuffer | undefined {
  return closing ? undefined : (io.buffers.tryTake(random.pick([4096, 16_384])) ?? io.buffers.tryTake(1));
}

/** Sends and receives at once, because the server holds no more than it can send back. */
async function ask(
  context: Context,
  stream: TcpStream,
  { message, seed }: { readonly message: OwnedBuffer; readonly seed: number },
): Promise<boolean> {
  const { length } = message;
  const send = async () => {
    const ended = await context.end("a question", stream.send(message));
    context.expectHome("a question", message);
    // An answer would never come.
    if (!ended.ok && !stream.closed) await context.end("close", stream.close());
  };
  const sending = send();
  let received = 0;
  while (received < length) {
    const ended = await context.end("an answer", stream.receive());
    if (!ended.ok || ended.value.buffer === undefined) break;
    const { buffer, bytesReceived } = ended.value;
    const mismatch = patternMismatch(buffer.bytes.subarray(0, bytesReceived), seed, received);
    context.expect(mismatch < 0, () => `an answer: byte ${received + mismatch} is wrong`);
    received += bytesReceived;
    context.letGo(buffer);
  }
  if (received < length && !stream.closed) await context.end("close", stream.close());
  await sending;
  return received === length;
}
