/** The other end of `server.ts`, driven by messages of the process that forked it: `client.mjs DRIVER PORT`. */
import { createBackend, type TcpStream } from "@baton-io/core";
import { createDriver } from "../../life/programs/drivers.js";

const MESSAGE_BYTES = 64;
/** Connections that are being made at a time: less than the listener queues. */
const AT_ONCE = 200;

const [driver = "", port = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver) });
let streams: TcpStream[] = [];
let cpu = process.cpuUsage();

async function connectOne(): Promise<void> {
  const stream = await io.connect({ host: "127.0.0.1", port: Number(port) });
  streams.push(stream);
  const buffer = io.buffers.take(MESSAGE_BYTES);
  buffer.bytes.fill(streams.length);
  await stream.send(buffer);
  let received = 0;
  while (received < MESSAGE_BYTES) {
    const { bytesReceived } = await stream.receive(buffer);
    if (bytesReceived === 0) throw new Error("the server closed before it had answered");
    received += bytesReceived;
  }
  buffer.release();
}

async function connectAll(count: number): Promise<void> {
  cpu = process.cpuUsage();
  let left = count;
  const connectMany = async () => {
    while (left-- > 0) await connectOne();
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, connectMany));
}

async function closeAll(): Promise<void> {
  await Promise.all(streams.map((stream) => stream.close()));
  streams = [];
}

process.on("message", async ({ connect, close }: { connect?: number; close?: true }) => {
  if (connect !== undefined) await connectAll(connect);
  if (close === true) await closeAll();
  const { user, system } = process.cpuUsage(cpu);
  process.send?.({ cpuMs: (user + system) / 1000 });
});
process.on("disconnect", async () => {
  await io.close();
  process.exit(0);
});
process.send?.("ready");
