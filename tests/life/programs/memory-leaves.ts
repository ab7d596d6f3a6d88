/**
 * Memory of a backend leaves its thread, and the thread ends: `memory-leaves.mjs DRIVER`. Whoever received it writes to
 * all of it, after the end. Says which ways it went and which were refused.
 */
import { once } from "node:events";
import { isMainThread, MessageChannel, parentPort, Worker, workerData } from "node:worker_threads";
import { type Backend, createBackend, type OwnedBuffer } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

interface Way {
  readonly name: string;
  /** What happens before the memory is sent. */
  before(io: Backend, buffer: OwnedBuffer, memory: ArrayBuffer): ArrayBuffer | Promise<ArrayBuffer>;
  /** What happens after. */
  after?(io: Backend, buffer: OwnedBuffer): unknown;
}

const move = (memory: ArrayBuffer): ArrayBuffer =>
  "transfer" in memory ? memory.transfer() : structuredClone(memory, { transfer: [memory] });
const as = (name: string, rest: Omit<Way, "name">): Way => ({ name, ...rest });

const ways: readonly Way[] = [
  as("as it is", { before: (_io, _buffer, memory) => memory }),
  as("transferred by the program first", { before: (_io, _buffer, memory) => move(memory) }),
  as("transferred twice", { before: (_io, _buffer, memory) => move(move(memory)) }),
  as("then released", {
    before: (_io, _buffer, memory) => move(memory),
    after: (_io, buffer) => buffer.release(),
  }),
  as("then released, and its size taken again", {
    before: (_io, _buffer, memory) => move(memory),
    after: (io, buffer) => {
      buffer.release();
      for (let index = 0; index < 20; index++) io.buffers.take(buffer.length).bytes.fill(9);
    },
  }),
  as("then the backend closed", {
    before: (_io, _buffer, memory) => move(memory),
    after: (io) => io.close(),
  }),
  as("after the backend was closed", {
    before: async (io, buffer) => {
      await io.close();
      return move(buffer.bytes.buffer);
    },
  }),
  as("released before", {
    before: (_io, buffer, memory) => {
      buffer.release();
      return memory;
    },
  }),
  as("after an operation had it", {
    before: async (io, buffer) => {
      const file = await io.openFile("/dev/zero");
      for (let round = 0; round < 3; round++) {
        await file.read(buffer);
        buffer.bytes.fill(1);
      }
      return buffer.bytes.buffer;
    },
  }),
];
/** A part of a slab, and a slab of its own. */
const roads = [
  { length: 4096, through: "message" },
  { length: 2 << 20, through: "message" },
  { length: 2 << 20, through: "channel" },
] as const;
const DRIVER = process.argv[2];

interface Task {
  readonly way: string;
  readonly length: number;
  readonly through: "message" | "channel";
}

/** In the worker: sends the memory away and ends. */
async function send({ way, length, through }: Task): Promise<void> {
  const io = createBackend({ driver: createDriver(DRIVER) });
  const buffer = io.buffers.take(length);
  buffer.bytes.fill(7);
  const { before, after } = ways.find(({ name }) => name === way)!;
  const memory = await before(io, buffer, buffer.bytes.buffer);
  let answer: object = { memory };
  const transfer: (ArrayBuffer | MessageChannel["port1"])[] = [memory];
  if (through === "channel") {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage({ memory }, [memory]);
    } catch (error) {
      parentPort!.postMessage({ refused: String(error) });
      return;
    }
    answer = { port: port2 };
    transfer.splice(0, 1, port2);
  }
  try {
    parentPort!.postMessage(answer, transfer);
  } catch (error) {
    parentPort!.postMessage({ refused: String(error) });
  }
  await after?.(io, buffer);
}

/** In the main thread: what arrived, once the worker is gone. */
async function receive(task: Task): Promise<"touched" | "refused" | "empty"> {
  const worker = new Worker(new URL(import.meta.url), { argv: [DRIVER], workerData: task });
  const messages: { memory?: ArrayBuffer; port?: MessageChannel["port1"]; refused?: string }[] = [];
  worker.on("message", (message) => messages.push(message));
  await once(worker, "exit");
  const [answer] = messages;
  if (answer === undefined) throw new Error(`nothing came: ${JSON.stringify(task)}`);
  if (answer.refused !== undefined) return "refused";
  const memory = answer.memory ?? (await fromPort(answer.port!));
  if (memory.byteLength === 0) return "empty";
  new Uint8Array(memory).fill(1);
  return "touched";
}

async function fromPort(port: MessageChannel["port1"]): Promise<ArrayBuffer> {
  const arrived = once(port, "message") as Promise<[{ memory: ArrayBuffer }]>;
  const [{ memory }] = await arrived;
  port.close();
  return memory;
}

if (isMainThread) {
  const counts = { touched: 0, refused: 0, empty: 0 };
  for (const { name } of ways) {
    for (const road of roads) counts[await receive({ way: name, ...road })]++;
  }
  say(counts);
} else {
  await send(workerData as Task);
}
