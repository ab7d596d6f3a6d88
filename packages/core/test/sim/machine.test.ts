/** The simulated machine by itself: files and connections behave as those of a kernel. */
import { type Backend, createBackend, type File, type TcpListener, type TcpStream } from "@baton-io/core";
import { createSimulation, type Simulation, type SimulationOptions } from "@baton-io/core/testing";
import { afterEach, describe, expect, it } from "vitest";

let simulation: Simulation;
let io: Backend;

function start(options: Partial<SimulationOptions> = {}): Backend {
  simulation = createSimulation({ seed: 1, ...options });
  io = createBackend({ driver: simulation.driver, clock: simulation.clock, poolBytesMax: 2 ** 20 });
  return io;
}

afterEach(async () => {
  await io.close();
  expect(simulation.violations).toEqual([]);
  expect(simulation.ledger.balance()).toEqual([]);
  expect(simulation.ledger.handlesOpen).toBe(0);
});

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function write(file: File, text: string, position?: number): Promise<number> {
  const buffer = io.buffers.copyFrom(text);
  const { bytesWritten } = await file.writeFull(buffer, position === undefined ? {} : { position });
  buffer.release();
  return bytesWritten;
}

async function read(file: File, length: number, position?: number): Promise<string> {
  const buffer = io.buffers.take(length);
  const { bytesRead } = await file.readFull(buffer, position === undefined ? {} : { position });
  const text = textOf(buffer.bytes.subarray(0, bytesRead));
  buffer.release();
  return text;
}

describe("simulated files", () => {
  it("keep what is written, at positions, at the handle's own position and at the end", async () => {
    start();
    const file = await io.openFile("/tmp/a", "w+");
    await write(file, "hello");
    await write(file, " world");
    await write(file, "HE", 0);
    expect(await read(file, 100, 0)).toBe("HEllo world");
    await file.close();
    const appending = await io.openFile("/tmp/a", "a+");
    await write(appending, "!");
    expect(await read(appending, 100, 0)).toBe("HEllo world!");
    await appending.close();
    expect(textOf(simulation.files.read("/tmp/a"))).toBe("HEllo world!");
  });

  it("read as zero where nothing was written, and where they were cut off and grew again", async () => {
    start();
    const file = await io.openFile("/tmp/a", "w+");
    await write(file, "end", 5);
    expect(await read(file, 8, 0)).toBe("\0\0\0\0\0end");
    await file.truncate(6);
    await file.truncate(8);
    expect(await read(file, 8, 0)).toBe("\0\0\0\0\0e\0\0");
    expect((await file.stat()).size).toBe(8);
    await file.close();
  });

  it("have the errors of a file system", async () => {
    start();
    simulation.files.write("/tmp/file", "x");
    simulation.files.makeDirectory("/tmp/directory");
    simulation.files.link("/tmp/loop", "loop");
    const cases = [
      ["/tmp/none", "r", "ENOENT"],
      ["/none/file", "w", "ENOENT"],
      ["/tmp/file", "wx", "EEXIST"],
      ["/tmp/file/below", "r", "ENOTDIR"],
      ["/tmp/directory", "w", "EISDIR"],
      ["/tmp/loop", "r", "ELOOP"],
      [`/tmp/${"n".repeat(256)}`, "w", "ENAMETOOLONG"],
    ] as const;
    for (const [path, flags, code] of cases) {
      await expect(io.openFile(path, flags), path).rejects.toMatchObject({ code, path, driver: "sim" });
    }
    const reading = await io.openFile("/tmp/file", "r");
    await expect(write(reading, "x")).rejects.toMatchObject({ code: "EBADF" });
    await expect(reading.truncate(0)).rejects.toMatchObject({ code: "EINVAL" });
    const directory = await io.openFile("/tmp/directory", "r");
    await expect(read(directory, 1)).rejects.toMatchObject({ code: "EISDIR" });
    await Promise.all([reading.close(), directory.close()]);
    expect(io.buffers.stats().out).toBe(2);
  });

  it("are found by links, and told apart from them", async () => {
    start();
    simulation.files.write("/tmp/file", "content");
    simulation.files.link("/tmp/link", "/tmp/./file");
    const file = await io.openFile("/tmp/../tmp/link", "r");
    expect(await read(file, 10)).toBe("content");
    await file.close();
    expect((await io.stat("/tmp/link")).isFile()).toBe(true);
    expect((await io.stat("/tmp/link", { followLinks: false })).isSymbolicLink()).toBe(true);
    expect((await io.stat("/tmp")).isDirectory()).toBe(true);
    simulation.files.remove("/tmp/link");
    expect(simulation.files.exists("/tmp/link")).toBe(false);
  });

  it("fill the disk up, and stop at what a session may have open", async () => {
    start({ diskBytes: 10, handlesMax: 1 });
    const file = await io.openFile("/tmp/a", "w");
    const buffer = io.buffers.copyFrom("0123456789ab");
    expect((await file.write(buffer)).bytesWritten).toBe(10);
    await expect(file.write(buffer)).rejects.toMatchObject({ code: "ENOSPC", buffer });
    buffer.release();
    await expect(io.openFile("/tmp/b", "w")).rejects.toMatchObject({ code: "EMFILE" });
    await file.close();
    await (await io.openFile("/tmp/b", "w")).close();
  });

  for (const [fault, code] of [
    ["diskFull", "ENOSPC"],
    ["sizeLimit", "EFBIG"],
  ] as const) {
    it(`take a part of a write and then nothing that needs room for a while: ${code}`, async () => {
      start({ faults: { [fault]: 1 } });
      await using file = await io.openFile("/tmp/a", "w+");
      using buffer = io.buffers.copyFrom("0123456789");
      const failure = await file.writeFull(buffer).catch((error) => error);
      const { size } = await file.stat();
      expect(failure).toMatchObject({ code, bytesTransferred: size, buffer });
      expect(size).toBeGreaterThan(0);
      expect(size).toBeLessThan(10);
      // What needs no room is written all the same.
      expect(await write(file, "x", 0)).toBe(1);
      simulation.calm();
      await expect(file.writeFull(buffer)).rejects.toMatchObject({ code, bytesTransferred: 0 });
      await io.sleep(10);
      expect(await write(file, "the rest")).toBe(8);
      expect(await read(file, 20, 0)).toBe(`x${"0123456789".slice(1, size)}the rest`);
    });
  }
});

interface Pair {
  readonly listener: TcpListener;
  readonly client: TcpStream;
  readonly server: TcpStream;
}

async function connect(): Promise<Pair> {
  const listener = await io.listen();
  const [client, server] = await Promise.all([io.connect({ port: listener.address.port }), listener.accept()]);
  return { listener, client, server };
}

async function send(stream: TcpStream, text: string): Promise<void> {
  const buffer = io.buffers.copyFrom(text);
  await stream.send(buffer).finally(() => buffer.release());
}

/** What comes with one receive; `""` at the end of the stream. */
async function receive(stream: TcpStream): Promise<string> {
  const { bytesReceived, buffer } = await stream.receive();
  const text = buffer === undefined ? "" : textOf(buffer.bytes.subarray(0, bytesReceived));
  buffer?.release();
  return text;
}

describe("simulated connections", () => {
  it("carry bytes both ways, and half of them when one side has ended", async () => {
    start();
    const { listener, client, server } = await connect();
    await send(client, "ping");
    expect(await receive(server)).toBe("ping");
    await client.shutdown("send");
    expect(await receive(server)).toBe("");
    await send(server, "pong");
    expect(await receive(client)).toBe("pong");
    await expect(send(client, "more")).rejects.toMatchObject({ code: "EPIPE" });
    await Promise.all([client.close(), server.close(), listener.close()]);
  });

  it("have addresses at both ends", async () => {
    start();
    const { listener, client, server } = await connect();
    expect(await client.peerAddress()).toEqual(listener.address);
    expect(await server.localAddress()).toEqual(listener.address);
    expect(await server.peerAddress()).toEqual(await client.localAddress());
    await Promise.all([client.close(), server.close(), listener.close()]);
  });

  it("hold so much, and let the sender wait for more", async () => {
    start({ socketBufferBytes: 10 });
    const { listener, client, server } = await connect();
    let hasSent = false;
    const sending = send(client, "0123456789abcdef").then(() => {
      hasSent = true;
    });
    await simulation.idle();
    expect(hasSent).toBe(false);
    expect(await receive(server)).toBe("0123456789");
    await sending;
    expect(await receive(server)).toBe("abcdef");
    await Promise.all([client.close(), server.close(), listener.close()]);
  });

  it("are reset for a sender whose receiver has gone, after what had arrived", async () => {
    start();
    const { listener, client, server } = await connect();
    await send(client, "unread");
    await send(server, "last words");
    await server.close();
    expect(await receive(client)).toBe("last words");
    await expect(receive(client)).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect(send(client, "x")).rejects.toMatchObject({ code: "EPIPE" });
    await Promise.all([client.close(), listener.close()]);
  });

  it("are refused where nobody listens, and where the address is not of this machine", async () => {
    start();
    await expect(io.connect({ port: 1 })).rejects.toMatchObject({ code: "ECONNREFUSED", port: 1 });
    await expect(io.connect({ host: "192.0.2.1", port: 1 })).rejects.toMatchObject({ code: "ENETUNREACH" });
    await expect(io.listen({ host: "192.0.2.1" })).rejects.toMatchObject({ code: "EADDRNOTAVAIL" });
    await expect(io.connect({ host: "localhost", port: 1 })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("need a port of their own, unless all share it", async () => {
    start();
    const first = await io.listen({ reusePort: true });
    const { port } = first.address;
    await expect(io.listen({ port })).rejects.toMatchObject({ code: "EADDRINUSE", port });
    const second = await io.listen({ port, reusePort: true });
    await Promise.all([first.close(), second.close()]);
    await (await io.listen({ port })).close();
  });

  it("are reset behind bytes that have arrived: these first, then the reset, once", async () => {
    start({ faults: { resetBehindBytes: 1 } });
    const { listener, client, server } = await connect();
    using buffer = io.buffers.copyFrom("last words");
    await client.send(buffer);
    expect((await server.receive(buffer)).bytesReceived).toBe(10);
    await expect(server.receive(buffer)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect((await server.receive(buffer)).bytesReceived).toBe(0);
    for (const resource of [client, server, listener]) await resource.close();
  });

  it("are reset in the middle of a send, which is told how much had gone out", async () => {
    start({ faults: { resetAfterSend: 1, short: 1, networkDelayUsMax: 100 } });
    const { listener, client, server } = await connect();
    using buffer = io.buffers.take(10_000);
    const failure = await client.send(buffer).catch((error) => error);
    expect(failure.code).toBe("ECONNRESET");
    expect(failure.bytesTransferred).toBeGreaterThan(0);
    expect(failure.bytesTransferred).toBeLessThan(10_000);
    for (const resource of [client, server, listener]) await resource.close();
  });

  it("stand still for a while when the other end takes nothing, and go on", async () => {
    start({ faults: { stalled: 1 } });
    const { listener, client, server } = await connect();
    using buffer = io.buffers.copyFrom("late");
    await expect(client.send(buffer, { timeoutMs: 10 })).rejects.toMatchObject({
      code: "ERR_TIMEOUT",
      bytesTransferred: 0,
    });
    const sending = client.send(buffer);
    simulation.calm();
    await sending;
    expect((await server.receive(buffer)).bytesReceived).toBe(4);
    for (const resource of [client, server, listener]) await resource.close();
  });

  it("wait when the backlog is full, and are reset when the listener goes", async () => {
    // One accept takes one connection: the other stays in the backlog.
    start({ without: ["multishotAccept"] });
    const listener = await io.listen({ backlog: 1 });
    const { port } = listener.address;
    const first = await io.connect({ port });
    let second: TcpStream | undefined;
    const connecting = io.connect({ port }).then((stream) => {
      second = stream;
    });
    await simulation.idle();
    expect(second).toBe(undefined);
    const server = await listener.accept();
    await connecting;
    await listener.close();
    await expect(receive(second!)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(simulation.ledger).toMatchObject({ connectionsHandedOver: 1, connectionsDropped: 1 });
    await Promise.all([first.close(), second!.close(), server.close()]);
  });

  it("work over IPv6 and from wildcard addresses", async () => {
    start();
    const listener = await io.listen({ host: "::" });
    const { port } = listener.address;
    for (const host of ["::1", "127.0.0.1"]) {
      const [client, server] = await Promise.all([io.connect({ host, port }), listener.accept()]);
      await send(client, host);
      expect(await receive(server)).toBe(host);
      await Promise.all([client.close(), server.close()]);
    }
    await listener.close();
  });

  it("join two backends of one machine", async () => {
    start();
    const other = createBackend({ driver: simulation.driver, clock: simulation.clock });
    const listener = await other.listen();
    const [client, server] = await Promise.all([io.connect({ port: listener.address.port }), listener.accept()]);
    await send(client, "across");
    expect(await receive(server)).toBe("across");
    await Promise.all([client.close(), server.close(), listener.close()]);
    await other.close();
  });
});

describe("calm()", () => {
  it("ends all trouble: what is in flight comes to its end", async () => {
    start({ faults: { again: 1, interrupted: 1, queueFull: 1, shuffle: 1, delayUsMax: 1000 } });
    const nops = Array.from({ length: 20 }, () => io.nop());
    simulation.clock.after(50, () => simulation.calm());
    const startMs = simulation.clock.nowMs();
    await Promise.all(nops);
    expect(simulation.clock.nowMs() - startMs).toBeGreaterThanOrEqual(50);
    expect(simulation.clock.nowMs() - startMs).toBeLessThan(300);
    expect(simulation.faults.interrupted).toBeGreaterThan(20);
  });
});
