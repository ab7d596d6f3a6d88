/**
 * A program that was given sockets: `adopted.mjs DRIVER`. Descriptor 3 is a TCP listener, 4 one at a path, 5 and 6 are
 * connections of the same kinds, 7 is a FIFO and 8 a datagram socket. It answers everything that it is sent with the
 * same in capitals, once.
 */
import { fstatSync } from "node:fs";
import { type Backend, createBackend, type StreamListener, type StreamSocket } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

const GIVEN = { tcpListener: 3, unixListener: 4, tcpStream: 5, unixStream: 6, fifo: 7, datagram: 8 } as const;

const io = createBackend({ driver: createDriver(process.argv[2]) });

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "resolved",
    ({ code }: { code: string }) => code,
  );
}

async function answer(stream: StreamSocket): Promise<string> {
  using buffer = io.buffers.take(64);
  const { bytesReceived } = await stream.receive(buffer);
  const text = Buffer.from(buffer.bytes.subarray(0, bytesReceived)).toString();
  using reply = io.buffers.copyFrom(text.toUpperCase());
  await stream.send(reply);
  return text;
}

async function serveOne(listener: StreamListener): Promise<string> {
  await using stream = await listener.accept();
  return await answer(stream);
}

/** What is refused, in the order in which it is tried; nothing of it changes the descriptor. */
const refused = {
  listenerAsStream: await codeOf(io.adoptStream(GIVEN.tcpListener)),
  streamAsListener: await codeOf(io.adoptListener(GIVEN.unixStream)),
  socketAsFile: await codeOf(io.adoptFile(GIVEN.tcpStream)),
  datagramAsStream: await codeOf(io.adoptStream(GIVEN.datagram)),
};
const tcpListener = await io.adoptListener(GIVEN.tcpListener);
const unixListener = await io.adoptListener(GIVEN.unixListener);
const tcpStream = await io.adoptStream(GIVEN.tcpStream);
const unixStream = await io.adoptStream(GIVEN.unixStream, { label: "control" });
const fifo = await io.adoptFile(GIVEN.fifo);
const twice = {
  listener: await codeOf(io.adoptListener(GIVEN.tcpListener)),
  stream: await codeOf(io.adoptStream(GIVEN.unixStream)),
  fifo: await codeOf(io.adoptFile(GIVEN.fifo)),
};
say({ ready: true });
const served = await Promise.all([
  serveOne(tcpListener),
  serveOne(unixListener),
  answer(tcpStream),
  answer(unixStream),
  readOnce(io),
]);
const addresses = [tcpListener.address, unixListener.address];
const kinds = io
  .inspect()
  .resources.map(({ kind, label }) => `${kind} ${label}`)
  .sort();
await io.close();

async function readOnce({ buffers }: Backend): Promise<string> {
  using buffer = buffers.take(64);
  const { bytesRead } = await fifo.read(buffer);
  return Buffer.from(buffer.bytes.subarray(0, bytesRead)).toString();
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

say({ refused, twice, served, addresses, kinds, open: Object.values(GIVEN).filter(isOpen) });
