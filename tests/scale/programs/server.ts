/**
 * Accepts connections of a client in a process of its own, echoes one message on each, and closes them all:
 * `server.mjs DRIVER CLIENT COUNT…`, one round for each COUNT. Reports what each round cost both processes and what was
 * left of it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type Backend, createBackend, isSupported, type TcpListener, type TcpStream } from "@baton-io/core";
import { createDriver, say } from "../../life/programs/drivers.js";

const MESSAGE_BYTES = 64;
const SETTLE_MS = 5000;

const after = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));
const descriptors = () => readdirSync("/proc/self/fd").length;

/** What a round cost and left behind. */
interface Round {
  readonly connections: number;
  readonly openMs: number;
  readonly closeMs: number;
  /** Of both processes, opening and closing. */
  readonly cpuMs: number;
  readonly descriptorsLeft: number;
  readonly resourcesLeft: number;
  /** Those that the driver takes from among them, of which there are never more than 64. */
  readonly buffersLeft: number;
}

/**
 * Sends back what comes until the peer or this end closes. An idle connection holds no buffer where the driver takes.
 */
async function echo(io: Backend, stream: TcpStream, onMessage: () => void): Promise<void> {
  const provided = isSupported(io.capabilities.features.providedBuffer);
  for (;;) {
    const { buffer, bytesReceived } = provided
      ? await stream.receive()
      : await stream.receive(io.buffers.take(MESSAGE_BYTES));
    if (bytesReceived > 0) await stream.send(buffer!, { length: bytesReceived });
    buffer?.release();
    if (bytesReceived === 0) return;
    onMessage();
  }
}

/** Accepts and serves so many connections; resolves when each has had its message sent back. */
async function acceptAll(io: Backend, listener: TcpListener, count: number): Promise<TcpStream[]> {
  const streams: TcpStream[] = [];
  let echoed = 0;
  let allEchoed = () => {};
  const done = new Promise<void>((resolve) => {
    allEchoed = resolve;
  });
  const onMessage = () => {
    if (++echoed === count) allEchoed();
  };
  while (streams.length < count) {
    const stream = await listener.accept();
    streams.push(stream);
    // Closing it ends it with an error, and its buffer with it.
    echo(io, stream, onMessage).catch((error: { buffer?: { release(): void } }) => error.buffer?.release());
  }
  await done;
  return streams;
}

async function answerOf(client: ChildProcess): Promise<{ cpuMs: number }> {
  const [answer] = await once(client, "message");
  return answer;
}

async function runRound(io: Backend, listener: TcpListener, client: ChildProcess, connections: number): Promise<Round> {
  const before = descriptors();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  client.send({ connect: connections });
  const [streams] = await Promise.all([acceptAll(io, listener, connections), answerOf(client)]);
  const openedMs = performance.now();
  await Promise.all(streams.map((stream) => stream.close()));
  const closedMs = performance.now();
  client.send({ close: true });
  const { cpuMs } = await answerOf(client);
  const { user, system } = process.cpuUsage(cpuBefore);
  const endMs = performance.now() + SETTLE_MS;
  while (descriptors() > before && performance.now() < endMs) await after(5);
  const { resources, buffers } = io.inspect();
  return {
    connections,
    openMs: Math.round(openedMs - startMs),
    closeMs: Math.round(closedMs - openedMs),
    cpuMs: Math.round((user + system) / 1000 + cpuMs),
    descriptorsLeft: descriptors() - before,
    resourcesLeft: resources.length - 1,
    buffersLeft: buffers.out,
  };
}

const [driver = "", clientPath = "", ...counts] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver), receiveBufferBytes: 4096, receiveBuffersMax: 64 });
const listener = await io.listen({ host: "127.0.0.1", backlog: 4096 });
const client = fork(clientPath, [driver, String(listener.address.port)], { execArgv: [] });
await once(client, "message");
const rounds: Round[] = [];
for (const count of counts) rounds.push(await runRound(io, listener, client, Number(count)));
client.disconnect();

// What is open when a backend is closed, it closes; the client's end is gone by itself.
const { unconfirmedOperations, buffersOut } = await io.close();
say({ rounds, unconfirmedOperations, buffersOut });
