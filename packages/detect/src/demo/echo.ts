/** A TCP echo server on loopback and its clients, every byte that comes back compared. */
import { type Backend, release, type TcpListener, type TcpStream } from "@baton-io/core";
import { Finding } from "./finding.js";
import { handled } from "./handled.js";
import { together } from "./together.js";

export interface EchoOptions {
  /** 0: the system chooses. */
  readonly port: number;
  readonly connections: number;
  /** In all, over all connections. */
  readonly roundTrips: number;
  /** Bytes of one message. */
  readonly messageBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (roundTrips: number) => void;
}

export interface EchoResult {
  readonly connections: number;
  readonly roundTrips: number;
  readonly bytes: number;
  readonly elapsedMs: number;
}

/** Serves and calls, both over the same backend, until all round trips are made. */
export async function runEcho(io: Backend, options: EchoOptions): Promise<EchoResult> {
  const { connections, roundTrips, messageBytes } = options;
  await using listener = await io.listen({ port: options.port, noDelay: true });
  const { port } = listener.address;
  let done = 0;
  let elapsedMs = 0;

  const client = async (number: number, signal: AbortSignal): Promise<void> => {
    await using stream = await io.connect({ port, noDelay: true, signal });
    const trips = Math.floor(roundTrips / connections) + (number < roundTrips % connections ? 1 : 0);
    for (let trip = 0; trip < trips; trip++) {
      await roundTrip(io, stream, message(messageBytes, number, trip), signal);
      options.onProgress?.(++done);
    }
  };

  await together(options.signal, (signal) => {
    const startMs = performance.now();
    const clients = Array.from({ length: connections }, (_, number) => client(number, signal));
    const served = serveAll(io, listener);
    const closed = Promise.allSettled(clients).then(() => {
      elapsedMs = performance.now() - startMs;
      return listener.close();
    });
    return [served, ...clients, closed];
  });
  return { connections, roundTrips: done, bytes: done * messageBytes * 2, elapsedMs };
}

/** Serves every connection until the listener is closed and the last client has left. */
async function serveAll(io: Backend, listener: TcpListener): Promise<void> {
  const served: Promise<void>[] = [];
  for await (const stream of listener) served.push(handled(serve(io, stream)));
  await Promise.all(served);
}

/** One connection: what is received is sent back, in the buffer it came in. */
async function serve(io: Backend, connection: TcpStream): Promise<void> {
  await using stream = connection;
  using buffer = io.buffers.take(4096);
  try {
    for (;;) {
      const { bytesReceived } = await stream.receive(buffer);
      if (bytesReceived === 0) return;
      await stream.send(buffer, { length: bytesReceived });
    }
  } catch (error) {
    // A client that broke off has its own error; the server goes on with the others.
    if (!(error instanceof Error && "errno" in error)) throw error;
  }
}

/** Sends a message and receives until it is complete; throws when a byte differs. */
async function roundTrip(io: Backend, stream: TcpStream, sent: Uint8Array, signal: AbortSignal): Promise<void> {
  const buffer = io.buffers.copyFrom(sent);
  try {
    await stream.send(buffer, { signal });
    let offset = 0;
    while (offset < sent.length) {
      const { bytesReceived } = await stream.receive(buffer, { offset, signal });
      if (bytesReceived === 0) throw new Finding("the echo server ended the connection");
      offset += bytesReceived;
    }
    if (Buffer.compare(sent, buffer.bytes) !== 0) throw new Finding("the echo came back changed");
  } finally {
    release(buffer);
  }
}

/** A message that no other round trip sends: the bytes follow from connection and trip. */
function message(bytes: number, connection: number, trip: number): Uint8Array {
  const content = new Uint8Array(bytes);
  let state = (connection * 2_654_435_761 + trip * 40_503 + 1) >>> 0;
  for (let index = 0; index < bytes; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    content[index] = state >>> 24;
  }
  return content;
}
