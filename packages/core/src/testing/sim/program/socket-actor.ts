/**
 * Actors that talk over connections: a server that accepts in every way there is, and clients. Each connection
 * carries a pattern of its own in both directions, so every byte that is lost, doubled or out of place is seen.
 */

import type { OperationOptions, StreamListener, StreamSocket } from "@baton-io/core";
import type { EndBook } from "../connection-books.js";
import type { Random } from "../random.js";
import { type Context, LOW_LEVEL_CODES } from "./context.js";
import { endSending, type Heard, Reader, type Sent, sendPattern } from "./stream-transfer.js";

/** Number of the connection and length of the pattern, 32 bits each. */
const HEADER_BYTES = 8;

/** One connection as both of its ends know it. */
interface Conversation {
  readonly number: number;
  readonly clientBytes: number;
  readonly serverBytes: number;
  /** Port of the client's end, once it is connected. */
  port: number | undefined;
  clientSent: Sent | undefined;
  serverSent: Sent | undefined;
  clientHeard: Heard | undefined;
  serverHeard: Heard | undefined;
  /** An end closes before its time. */
  isAbrupt: boolean;
  /** The server has it. */
  isServed: boolean;
}

/** A server and its clients, from the first connect to the close of the listener. */
export async function socketActor(context: Context, random: Random): Promise<void> {
  const isUnix = random.chance(0.3);
  const listener = await context.insist("listen", () => {
    const early = context.earlyEnd(random, 0.2, true);
    return listen(context, random, isUnix, early.options).finally(early.done);
  }, ["ABORT_ERR", "ERR_TIMEOUT"]);
  if (listener === undefined) return;
  const conversations: Conversation[] = Array.from({ length: random.between(1, 4) }, (_, index) => ({
    number: (random.next() & 0xffff_ff00) | index,
    clientBytes: random.below(4000),
    serverBytes: random.below(4000),
    port: undefined,
    clientSent: undefined,
    serverSent: undefined,
    clientHeard: undefined,
    serverHeard: undefined,
    isAbrupt: random.chance(0.15),
    isServed: false,
  }));
  const server = new Server(context, random.fork(), listener, conversations);
  const serving = server.run();
  await Promise.all(conversations.map((conversation) => client(context, random.fork(), listener, conversation)));
  await server.stop();
  await serving;
  for (const conversation of conversations) checkEnds(context, conversation);
}

function listen({ io }: Context, random: Random, isUnix: boolean, options: OperationOptions): Promise<StreamListener> {
  const backlog = random.between(1, 8);
  // A name of its own each time: what was given up may have made its socket file and not removed it yet.
  return isUnix
    ? io.listen({ path: `${random.pick(["/tmp/socket-", "\0socket-"])}${random.next()}`, backlog, ...options })
    : io.listen({ port: 0, backlog, ...options });
}

/** Connects to where a listener is. */
function connectTo({ io }: Context, { address }: StreamListener, options: OperationOptions): Promise<StreamSocket> {
  return address.family === "unix"
    ? io.connect({ path: address.path, ...options })
    : io.connect({ port: address.port, host: address.address, ...options });
}

/** The port of a client's end; all that have none are one to the books of the simulated network. */
const NO_PORT = 0;

/** A connection that nobody broke and nobody left early must have been served, and is complete in both directions. */
function checkEnds(context: Context, conversation: Conversation): void {
  const { port, isAbrupt, isServed, number } = conversation;
  if (context.closing) return;
  const isBroken = isAbrupt || port === undefined || context.simulation.brokenConnections.has(port);
  context.expect(isBroken || isServed, () => `connection ${number} (port ${port}) was made and never accepted`);
  const { clientHeard, clientSent, serverHeard, serverSent } = conversation;
  checkDirection(context, `client ${number}`, isBroken, clientHeard, serverSent);
  checkDirection(context, `server ${number}`, isBroken, serverHeard, clientSent);
  const books = port === undefined ? undefined : context.simulation.connectionBooks.get(port);
  if (books === undefined) return;
  checkEnd(context, `client ${number}`, books.client, { heard: clientHeard, sent: clientSent, peer: serverSent });
  checkEnd(context, `server ${number}`, books.server, { heard: serverHeard, sent: serverSent, peer: clientSent });
}

/**
 * How one end of a connection ended, however that was. What the program was told of its sends is what the kernel has
 * taken, also when a reset cuts them short. A reset comes behind the bytes that had arrived before it, and somebody on
 * this end is told of it: it is no end of the stream with bytes missing.
 */
function checkEnd(
  context: Context,
  who: string,
  { accepted, receivable }: EndBook,
  { heard, sent, peer }: { heard: Heard | undefined; sent: Sent | undefined; peer: Sent | undefined },
): void {
  if (sent !== undefined) {
    const { least, most } = sent.total;
    context.expect(
      accepted >= least && accepted <= most,
      () => `${who}: told that ${least} to ${most} bytes have gone out, and the kernel took ${accepted}`,
    );
  }
  if (heard === undefined || receivable === undefined) return;
  const received = heard.received + HEADER_BYTES;
  if (heard.isReset || heard.endedWell) {
    context.expect(
      received === receivable,
      () => `${who}: told of the end after ${received} bytes, and ${receivable} had come before the reset`,
    );
  }
  context.expect(
    !heard.endedWell || sent?.toldOfReset === true || heard.received >= (peer?.least ?? 0),
    () => `${who}: a reset was taken for the end, after ${heard.received} of ${peer?.least} bytes`,
  );
}

/** What one end has heard is what the other has sent; less only on a connection that broke. */
function checkDirection(
  context: Context,
  who: string,
  isBroken: boolean,
  heard: Heard | undefined,
  sent: Sent | undefined,
): void {
  const received = heard?.received ?? 0;
  const most = sent?.most ?? 0;
  context.expect(received <= most, () => `${who}: received ${received}, only ${most} were sent`);
  if (isBroken) return;
  context.expect(
    sent?.isBroken !== true,
    () => `${who}: the other end could not send, and nobody broke the connection`,
  );
  context.expect(heard?.endedWell === true, () => `${who}: the connection broke, and nobody broke it`);
  context.expect(received >= (sent?.least ?? 0), () => `${who}: received ${received} of ${sent?.least}`);
}

// --- clients ------------------------------------------------------------------------------------------------------

async function client(
  context: Context,
  random: Random,
  listener: StreamListener,
  conversation: Conversation,
): Promise<void> {
  await context.pause(random.below(3));
  const stream = await connect(context, random, listener);
  if (stream === undefined) return;
  const address = await context.insist("localAddress", () => stream.localAddress());
  conversation.port = address === undefined || "port" in address ? address?.port : NO_PORT;
  if (conversation.port !== undefined) {
    const { number, clientBytes } = conversation;
    await talk(context, random, stream, conversation, {
      header: header(number, clientBytes),
      seed: number,
      length: clientBytes,
      note: (sent) => {
        conversation.clientSent = sent;
      },
      hear: async (reader) => {
        const head = await reader.header(HEADER_BYTES);
        if (head === undefined) return missing(context, "client", conversation);
        context.expect(readHeader(head).number === number, () => `client ${number}: answered by another connection`);
        conversation.clientHeard = await reader.pattern(~number);
      },
    });
  }
  await closeStream(context, "client", stream);
}

/** Connects, with attempts that are ended early now and then. */
async function connect(context: Context, random: Random, listener: StreamListener): Promise<StreamSocket | undefined> {
  for (let tries = 0; !context.closing; tries++) {
    const early = context.earlyEnd(random, 0.2, true);
    const ended = await context.end("connect", connectTo(context, listener, early.options), early.codes);
    early.done();
    if (ended.ok) return ended.value;
    if (tries > 500) return void context.fail(`connect: failed ${tries} times, last with ${ended.error.code}`);
    await context.pause(1);
  }
  return undefined;
}

// --- the server ---------------------------------------------------------------------------------------------------

class Server {
  readonly #context: Context;
  readonly #random: Random;
  readonly #listener: StreamListener;
  readonly #conversations: readonly Conversation[];
  readonly #serving: Promise<void>[] = [];
  #stopped = false;

  constructor(context: Context, random: Random, listener: StreamListener, conversations: readonly Conversation[]) {
    this.#context = context;
    this.#random = random;
    this.#listener = listener;
    this.#conversations = conversations;
  }

  /** Accepts until it is stopped, then waits for the connections it has. */
  async run(): Promise<void> {
    while (!this.#stopped && !this.#context.closing) await this.#acceptSome();
    await Promise.all(this.#serving);
  }

  /** Closes the listener, with accepts in flight as likely as not. */
  async stop(): Promise<void> {
    if (this.#random.chance(0.5)) this.#straggle();
    this.#stopped = true;
    if (!this.#listener.closed) await this.#context.end("close of a listener", this.#listener.close());
  }

  /** A client that comes when the server is about to close: whatever becomes of it, nothing may be left over. */
  #straggle(): void {
    const late = async () => {
      const ended = await this.#context.end("late connect", connectTo(this.#context, this.#listener, {}));
      if (ended.ok) await closeStream(this.#context, "late client", ended.value);
    };
    this.#serving.push(late());
  }

  async #acceptSome(): Promise<void> {
    const context = this.#context;
    const random = this.#random;
    const listener = this.#listener;
    switch (random.below(5)) {
      case 0: {
        // Leaving the loop must lose nothing.
        let left = random.between(1, 2);
        try {
          for await (const stream of listener) {
            this.#serve(stream);
            if (--left === 0) break;
          }
        } catch (error) {
          this.#expectNoShortage(error);
          await context.pause(1);
        }
        return;
      }
      case 1: {
        const accepts = Array.from({ length: random.between(2, 3) }, () => this.#acceptOnce());
        await Promise.all(accepts);
        return;
      }
      case 2: {
        if (listener.closed) return;
        const operation = context.trySubmit(() => context.io.submit({ opcode: "accept", listener, timeoutMs: 5 }));
        if (operation === undefined) return context.pause(1);
        if (random.chance(0.4)) context.cancelSoon("accept", random, operation);
        else if (random.chance(0.3)) operation.abandon();
        const ended = await context.end("accept", operation.done, [...LOW_LEVEL_CODES, "ERR_TIMEOUT"]);
        if (ended.ok) this.#serve(ended.value);
        else await context.pause(0.2);
        return;
      }
      default:
        return this.#acceptOnce();
    }
  }

  async #acceptOnce(): Promise<void> {
    const context = this.#context;
    const early = context.earlyEnd(this.#random, 0.6, false);
    const ended = await context.end("accept", this.#listener.accept(early.options), early.codes);
    early.done();
    if (ended.ok) return this.#serve(ended.value);
    this.#expectNoShortage(ended.error);
    await context.pause(0.2);
  }

  /** A listener waits until there are descriptors again. */
  #expectNoShortage(error: unknown): void {
    const { code } = error as { readonly code?: unknown };
    this.#context.expect(code !== "EMFILE", () => "accept: a caller is told of a shortage");
  }

  #serve(stream: StreamSocket): void {
    this.#serving.push(this.#answer(stream, this.#random.fork()));
  }

  async #answer(stream: StreamSocket, random: Random): Promise<void> {
    const context = this.#context;
    const reader = new Reader(context, random, stream);
    const head = await reader.header(HEADER_BYTES);
    // A client that gave up, or was closed by the backend because it was canceled.
    if (head !== undefined) {
      const { number } = readHeader(head);
      const conversation = this.#conversations.find((candidate) => candidate.number === number);
      if (conversation === undefined) {
        context.fail(`server: a connection says it is ${number}, which nobody is`);
      } else {
        context.expect(!conversation.isServed, () => `server: connection ${number} was accepted twice`);
        conversation.isServed = true;
        await talk(context, random, stream, conversation, {
          header: header(number, conversation.serverBytes),
          seed: ~number,
          length: conversation.serverBytes,
          note: (sent) => {
            conversation.serverSent = sent;
          },
          hear: async () => {
            conversation.serverHeard = await reader.pattern(number);
          },
        });
      }
    }
    await closeStream(context, "server", stream);
  }
}

// --- both ends ----------------------------------------------------------------------------------------------------

interface Part {
  readonly header: Uint8Array;
  readonly seed: number;
  readonly length: number;
  readonly note: (sent: Sent) => void;
  readonly hear: (reader: Reader) => Promise<void>;
}

/** Sends and receives at once; an abrupt end closes in the middle of both. */
async function talk(
  context: Context,
  random: Random,
  stream: StreamSocket,
  conversation: Conversation,
  part: Part,
): Promise<void> {
  const speak = async () => {
    const sent = await sendPattern(context, random, stream, part);
    part.note(sent);
    if (!sent.isBroken) await endSending(context, stream);
  };
  const both = Promise.all([speak(), part.hear(new Reader(context, random, stream))]);
  if (conversation.isAbrupt && random.chance(0.5)) {
    await context.pause(random.below(2000) / 1000);
    await closeStream(context, "abrupt", stream);
  }
  await both;
}

function missing(context: Context, who: string, { port, isAbrupt, number }: Conversation): void {
  if (isAbrupt || context.closing || port === undefined || context.simulation.brokenConnections.has(port)) return;
  context.fail(`${who} ${number}: the connection (port ${port}) ended before the other end had said a word`);
}

async function closeStream(context: Context, who: string, stream: StreamSocket): Promise<void> {
  if (stream.closed) return;
  const ended = await context.end(`close of a ${who}`, stream.close());
  if (!ended.ok && !context.closing) context.fail(`close of a ${who}: rejects with ${ended.error.code}`);
}

function header(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, number);
  view.setInt32(4, length);
  return bytes;
}

function readHeader(bytes: Uint8Array): { number: number; length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { number: view.getInt32(0), length: view.getInt32(4) };
}
