/**
 * What idle connections cost a server in memory: `idle.mjs DRIVER CLIENT WARM_UP COUNT`, with `--expose-gc`. The
 * connections wait in `receive()` without a buffer where the driver takes one.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createBackend, isSupported, type TcpStream } from "@baton-io/core";
import { createDriver, say } from "../../life/programs/drivers.js";

const MESSAGE_BYTES = 64;
const BUFFER_BYTES = 4096;
/** More than are on their way at once while all connections are opened: the pool has them from before. */
const BUFFERS_READY = 1024;

const after = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

/** Bytes of the process's own memory that are in use, whoever allocated them; not what is mapped of files. */
async function memoryBytes(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await after(50);
  }
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

const [driver = "", clientPath = "", warmUp = "", count = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver), receiveBufferBytes: BUFFER_BYTES, receiveBuffersMax: 64 });
const provided = isSupported(io.capabilities.features.providedBuffer);
const listener = await io.listen({ host: "127.0.0.1", backlog: 4096 });
const client = fork(clientPath, [driver, String(listener.address.port)], { execArgv: [] });
await once(client, "message");
const streams: TcpStream[] = [];

/** With callbacks, so that what waits is as little as a program can have. */
function serve(stream: TcpStream): void {
  const receiving = provided ? stream.receive() : stream.receive(io.buffers.take(MESSAGE_BYTES));
  receiving.then(({ buffer, bytesReceived }) => {
    if (bytesReceived === 0) return;
    stream.send(buffer!, { length: bytesReceived }).then(({ buffer: sent }) => {
      sent.release();
      serve(stream);
    });
  });
}

/** Each connection has had a message sent back and then waits for the next. */
async function openMany(connections: number): Promise<void> {
  const answered = once(client, "message");
  client.send({ connect: connections });
  for (let index = 0; index < connections; index++) {
    const stream = await listener.accept();
    streams.push(stream);
    serve(stream);
  }
  await answered;
}

// How many messages are on their way at once is a matter of chance, and their buffers are the pool's, not a connection's.
for (const buffer of Array.from({ length: BUFFERS_READY }, () => io.buffers.take(BUFFER_BYTES))) {
  buffer.bytes.fill(1);
  buffer.release();
}
await openMany(Number(warmUp));
const before = await memoryBytes();
await openMany(Number(count));
const after_ = await memoryBytes();
const { buffers } = io.inspect();
say({
  provided,
  connections: Number(count),
  bytesEach: Math.round((after_ - before) / Number(count)),
  buffersOut: buffers.out,
});
client.kill();
process.exit(0);
