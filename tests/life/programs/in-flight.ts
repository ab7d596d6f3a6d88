/** A backend with something of every kind in flight, for programs that then end in some way. */
import {
  type Backend,
  createBackend,
  type File,
  type OwnedBuffer,
  type TcpListener,
  type TcpStream,
} from "@baton-io/core";
import { createDriver } from "./drivers.js";

const READ_BYTES = 262_144;
const READS = 16;

export interface InFlight {
  readonly io: Backend;
  /** Kept, or the collector would close them. */
  readonly kept: { readonly file: File; readonly listener: TcpListener; readonly streams: readonly TcpStream[] };
  /** Everything that was started, settled or not. */
  readonly all: readonly Promise<unknown>[];
}

/** Starts reads past the page cache, an accept, receives and timers; they are with the driver when this resolves. */
export async function startAll(driver: string, path: string): Promise<InFlight> {
  const io = createBackend({ driver: createDriver(driver) });
  const direct = io.capabilities.features.directIo.kind !== "unsupported";
  const file = await io.openFile(path, "r", { direct });
  const listener = await io.listen({ host: "127.0.0.1" });
  const { address: host, port } = listener.address;
  const [near, far] = await Promise.all([listener.accept(), io.connect({ host, port })]);
  const all: Promise<unknown>[] = [listener.accept(), io.sleep(60_000), near.receive(io.buffers.take(4096))];
  all.push(io.sleep(3), far.receive(io.buffers.take(4096)));
  for (let index = 0; index < READS; index++) {
    all.push(file.read(io.buffers.take(READ_BYTES) as OwnedBuffer, { position: index * READ_BYTES }));
  }
  // How they end is not the matter here.
  for (const one of all) one.catch(() => undefined);
  await io.batch([]);
  return { io, kept: { file, listener, streams: [near, far] }, all };
}
