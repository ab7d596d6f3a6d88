/** What is closed, and what is only to be looked at. See buffers.ts for how this is checked. */
import { type Backend, createBackend, type Driver, type File, type TcpListener, type TcpStream } from "@baton-io/core";

export async function closedFile(io: Backend, file: File): Promise<void> {
  const buffer = io.buffers.take(8);
  const closed = await file.close();
  // @ts-expect-error 2339: reading a closed file
  await closed.read(buffer);
  // @ts-expect-error 2551: closing it again
  await closed.close();
  // @ts-expect-error 2740: submitting on it
  io.submit({ opcode: "fsync", file: closed });
  const yes: true = closed.closed;
  void yes;
}

export async function closedStream(stream: TcpStream): Promise<void> {
  const closed = await stream.close();
  // @ts-expect-error 2339: receiving from a closed connection
  await closed.receive();
  // @ts-expect-error 2339: shutting it down
  await closed.shutdown();
}

export async function closedListener(listener: TcpListener): Promise<void> {
  const closed = await listener.close();
  // @ts-expect-error 2339: accepting from a closed listener
  await closed.accept();
  // @ts-expect-error 2504: looping over it
  for await (const stream of closed) void stream;
}

export async function unixSockets(io: Backend, stream: TcpStream): Promise<void> {
  const listener = await io.listen({ path: "/run/x.sock" });
  // @ts-expect-error 2339: a path has no port
  void listener.address.port;
  const accepted = await listener.accept();
  const submitted = await io.submit({ opcode: "accept", listener }).done;
  // @ts-expect-error 2339: nor has the address of such a connection
  void (await accepted.peerAddress()).port;
  // @ts-expect-error 2339: whichever way it was accepted
  void (await submitted.localAddress()).port;
  const { path } = await (await io.connect({ path: "/run/x.sock" })).localAddress();
  void path;
  // @ts-expect-error 2339: and an address of the internet has no path
  void (await stream.localAddress()).path;
  // @ts-expect-error 2769: a path and a port
  await io.listen({ path: "/run/x.sock", port: 80 });
  // @ts-expect-error 2769: an option of TCP
  await io.connect({ path: "/run/x.sock", noDelay: true });
}

export async function datagrams(io: Backend, file: File, stream: TcpStream): Promise<void> {
  const socket = await io.bindUdp({ broadcast: true });
  const buffer = io.buffers.take(64);
  const { address, truncated } = await socket.receive(buffer);
  await socket.send(buffer, { ...address, length: truncated ? 0 : 8 });
  // @ts-expect-error 2345: a datagram goes to somebody
  await socket.send(buffer, {});
  // @ts-expect-error 2345: a socket for datagrams is no connection
  await file.pipeTo(socket);
  // @ts-expect-error 2345: nor is a connection a file
  await stream.pipeTo(stream);
  const closed = await socket.close();
  // @ts-expect-error 2339: receiving from a closed one
  await closed.receive(buffer);
}

export async function closedBackend(io: Backend): Promise<void> {
  const report = await io.close();
  // @ts-expect-error 2339: opening a file on a closed backend
  await report.openFile("/");
  const { resourcesClosed, buffersOut, unconfirmedOperations, quarantinedBytes } = report;
  void (resourcesClosed + buffersOut + unconfirmedOperations + quarantinedBytes);
}

export function readOnly(io: Backend, file: File, listener: TcpListener): void {
  // @ts-expect-error 2540: a path is not set
  file.path = "/other";
  // @ts-expect-error 2540: an address is not set
  listener.address.port = 80;
  // @ts-expect-error 2540: counters are counted by core
  io.inspect().counters.submitted = 0;
  // @ts-expect-error 2540: capabilities are the driver's
  io.capabilities.operations.read = { kind: "native" };
  // @ts-expect-error 2540: the list of operations is a view
  io.inspect().operations.length = 0;
}

export function creating(driver: Driver): void {
  // @ts-expect-error 2345: a backend needs a driver
  createBackend({});
  // @ts-expect-error 2561: operationMax
  createBackend({ driver, operationMax: 64 });
  // @ts-expect-error 2322: a driver, not its name
  createBackend({ driver: "libuv" });
  createBackend({ driver, operationsMax: 64 });
}
