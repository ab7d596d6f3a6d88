/**
 * A server that answers with what it received, peers that never read the answers, and an honest client that asks one
 * small thing after the other all the time: `stalled-server.mjs DRIVER PEERS POOL_BYTES`. Tells how much the server did
 * between a question and its answer, at most: while peers arrive and fill up, and when they have stalled.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { createBackend, type TcpStream } from "@baton-io/core";
import { createDriver, say } from "../../life/programs/drivers.js";

/** Nothing arrives for so long: they have stalled. */
const QUIET_MS = 300;
const STALLED_QUESTIONS = 50;
/**
 * So many arrive at once, and the next when they have been accepted: a new client has no more before it in the kernel's
 * backlog, where it cannot be overtaken.
 */
const AT_ONCE = 8;

const [driver = "", peerCount = "", poolBytes = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver), poolBytesMax: Number(poolBytes) });
const listener = await io.listen({ host: "127.0.0.1", port: 0 });
let chunks = 0;

async function serve(stream: TcpStream): Promise<void> {
  for await (const { buffer, bytesReceived } of stream) {
    chunks++;
    await stream.send(buffer, { length: bytesReceived });
    buffer.release();
  }
}

let accepted = 0;
let nextAt = Number.POSITIVE_INFINITY;
let callMore: () => void = () => undefined;

async function acceptAll(): Promise<void> {
  for await (const stream of listener) {
    serve(stream).catch(() => undefined);
    if (++accepted < nextAt) continue;
    nextAt += AT_ONCE;
    callMore();
  }
}

/** The most that one answer took: processor time of this process, and chunks of others that were answered before. */
interface Worst {
  questions: number;
  cpuMs: number;
  others: number;
}

/** Asks once, as a new client or as one that is there. */
async function ask(socket: ReturnType<typeof connect>, worst: Worst): Promise<void> {
  const cpu = process.cpuUsage();
  const before = chunks;
  socket.write("?");
  await once(socket, "data");
  const { user, system } = process.cpuUsage(cpu);
  worst.questions++;
  worst.cpuMs = Math.max(worst.cpuMs, (user + system) / 1000);
  worst.others = Math.max(worst.others, chunks - before - 1);
}

async function askAsNewClient(worst: Worst): Promise<void> {
  const socket = connect(listener.address.port, "127.0.0.1");
  await ask(socket, worst);
  socket.destroy();
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

void acceptAll();
const old = connect(listener.address.port, "127.0.0.1");
const warmUp = { questions: 0, cpuMs: 0, others: 0 };
for (let index = 0; index < 200; index++) await ask(old, warmUp);

const filling: Worst = { questions: 0, cpuMs: 0, others: 0 };
const arriving: Worst = { questions: 0, cpuMs: 0, others: 0 };
const peers = spawn(
  process.execPath,
  [
    fileURLToPath(new URL("stalled-peers.mjs", import.meta.url)),
    String(listener.address.port),
    peerCount,
    String(AT_ONCE),
  ],
  { stdio: ["pipe", "pipe", "inherit"] },
);
nextAt = accepted + AT_ONCE;
callMore = () => peers.stdin.write("more\n");
callMore();
let up = false;
peers.stdout.once("data", () => {
  up = true;
});
let lastChunks = -1;
let lastChangeMs = performance.now();
while (!up || performance.now() - lastChangeMs < QUIET_MS) {
  await ask(old, filling);
  if (filling.questions % 10 === 0) await askAsNewClient(arriving);
  await pause(1);
  // Its own questions are not what is waited for.
  const others = chunks - filling.questions - arriving.questions;
  if (others !== lastChunks) lastChangeMs = performance.now();
  lastChunks = others;
}

const stalled: Worst = { questions: 0, cpuMs: 0, others: 0 };
for (let index = 0; index < STALLED_QUESTIONS; index++) {
  await ask(old, stalled);
  await askAsNewClient(stalled);
}
const { receiving, buffers, resources } = io.inspect();
say({ filling, arriving, stalled, receiving, buffers, connections: resources.length });
peers.kill();
process.exit(0);
