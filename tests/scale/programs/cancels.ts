/**
 * Operations of several kinds in flight at once, half of them canceled at random:
 * `cancels.mjs DRIVER COUNT SEED PATH`. Every one ends once, and every buffer comes home.
 */
import { type Backend, createBackend, type Operation, type OwnedBuffer, type TcpStream } from "@baton-io/core";
import { createDriver, say } from "../../life/programs/drivers.js";

const READ_BYTES = 4096;
const FILE_PAGES = 1024;
const STREAMS = 50;

let state = Number(process.argv[4]) >>> 0;
/** A number from 0 to below 1, the same ones for the same seed. */
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

async function connectedStreams(io: Backend): Promise<TcpStream[]> {
  const listener = await io.listen({ host: "127.0.0.1" });
  const { address: host, port } = listener.address;
  const streams: TcpStream[] = [];
  for (let index = 0; index < STREAMS; index++) {
    const [near, far] = await Promise.all([listener.accept(), io.connect({ host, port })]);
    streams.push(near, far);
  }
  return streams;
}

const [driver = "", count = "", , path = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver) });
const file = await io.openFile(path, "r");
const streams = await connectedStreams(io);
const buffers: OwnedBuffer[] = [];
const endings: Record<string, number> = {};
let mostInFlight = 0;

function takeBuffer(): OwnedBuffer {
  const buffer = io.buffers.take(READ_BYTES);
  buffers.push(buffer);
  return buffer;
}

/** A timer, a read, or a receive that nothing will come for. */
function startOne(): Operation<unknown> {
  const kind = random();
  if (kind < 0.4) return io.submit({ opcode: "timer", afterMs: random() * 400 });
  if (kind < 0.7) {
    const position = Math.floor(random() * FILE_PAGES) * READ_BYTES;
    return io.submit({ opcode: "read", file, buffer: takeBuffer(), position });
  }
  const stream = streams[Math.floor(random() * streams.length)]!;
  return io.submit({ opcode: "receive", stream, buffer: takeBuffer() });
}

const all: Promise<void>[] = [];
const receives: Operation<unknown>[] = [];
for (let index = 0; index < Number(count); index++) {
  const operation = startOne();
  const settled = operation.done.then(
    () => "ok",
    ({ code }: { code: string }) => code,
  );
  all.push(
    settled.then((ending) => {
      endings[ending] = (endings[ending] ?? 0) + 1;
    }),
  );
  if (random() < 0.5) setTimeout(() => operation.cancel(), random() * 300);
  else receives.push(operation);
}
await io.batch([]);
mostInFlight = io.inspect().operations.length;
// What would wait for ever is canceled in the end.
setTimeout(() => {
  for (const operation of receives) operation.cancel();
}, 500);
await Promise.all(all);

const lent = buffers.filter((buffer) => buffer.state !== "owned").length;
for (const buffer of buffers) buffer.release();
const { counters, operations, buffers: pool } = io.inspect();
const { unconfirmedOperations } = await io.close();
say({
  endings,
  ended: Object.values(endings).reduce((sum, number) => sum + number, 0),
  mostInFlight,
  lent,
  inFlight: operations.length,
  buffersOut: pool.out,
  stale: counters.completionsStale,
  unconfirmedOperations,
});
