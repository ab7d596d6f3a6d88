/** Sockets and pipes that a program was started with: each driver takes them over as if it had made them. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeFifos } from "@baton-io/core/testing";
import { afterAll, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms } from "./bundle-programs.js";
import { reportOf, runProgram } from "./run-program.js";

const programs = bundlePrograms(new URL("programs/adopted.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "baton-adopt-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Report {
  readonly refused: Readonly<Record<string, string>>;
  readonly twice: Readonly<Record<string, string>>;
  readonly served: readonly string[];
  readonly addresses: readonly object[];
  readonly kinds: readonly string[];
  readonly open: readonly number[];
}

/** The runtime's own: its objects do not tell. */
function descriptorOf(owner: object): number {
  return (owner as { readonly _handle: { readonly fd: number } })._handle.fd;
}

async function listening(where: { port: number } | { path: string }): Promise<Server> {
  const server = createServer({ pauseOnConnect: true });
  server.listen({ host: "127.0.0.1", ...where } as object);
  await once(server, "listening");
  return server;
}

/** Two ends of a connection; the runtime has read nothing of the far one. */
async function connectionOf(server: Server): Promise<{ near: Socket; far: Socket }> {
  const address = server.address();
  const near = typeof address === "string" ? connect(address) : connect((address as { port: number }).port);
  const [[far]] = (await Promise.all([once(server, "connection"), once(near, "connect")])) as [[Socket], unknown];
  return { near, far };
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk.toString();
}

/** O_NONBLOCK as it stands in fdinfo. Source: include/uapi/asm-generic/fcntl.h. */
function isNonBlocking(descriptor: number): boolean {
  const [, flags = ""] = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1")) ?? [];
  return (Number.parseInt(flags, 8) & 0o4000) !== 0;
}

for (const driver of await findDrivers()) {
  // mutant: listener-adopted-as-a-stream
  test(`${driver.name}: listeners, connections and a pipe that it was started with`, async ({ skip }) => {
    if (!isFound(driver)) return skip(driver.why);
    if (process.platform !== "linux") return skip("what a descriptor is, is looked up under /proc");
    const socketPath = join(directory, `${driver.name}.sock`);
    const fifoPath = join(directory, `${driver.name}.fifo`);
    makeFifos([fifoPath]);
    const [tcp, unix] = await Promise.all([listening({ port: 0 }), listening({ path: socketPath })]);
    const [overTcp, overUnix] = await Promise.all([connectionOf(tcp), connectionOf(unix)]);
    const fifo = openSync(fifoPath, "r+");
    const datagram = createSocket("udp4").bind(0, "127.0.0.1");
    await once(datagram, "listening");
    const { port } = tcp.address() as { port: number };
    const answers: Promise<string>[] = [];
    const ending = runProgram(programs.path("adopted"), {
      arguments: [driver.name],
      descriptors: [...[tcp, unix, overTcp.far, overUnix.far].map(descriptorOf), fifo, descriptorOf(datagram)],
      onLine: (line) => {
        if (!line.includes('"ready"')) return;
        answers.push(
          ask(connect(port, "127.0.0.1"), "tcp"),
          ask(connect(socketPath), "unix"),
          ask(overTcp.near, "given tcp"),
          ask(overUnix.near, "given unix"),
        );
        writeSync(fifo, "bytes");
      },
    });
    // The program has its own by now: what is left here would take connections away from it.
    overTcp.far.destroy();
    overUnix.far.destroy();
    tcp.close();
    // The runtime removes the file where it was made.
    renameSync(socketPath, `${socketPath}.kept`);
    unix.close();
    renameSync(`${socketPath}.kept`, socketPath);
    const report = reportOf<Report>(await ending);
    expect(await Promise.all(answers)).toEqual(["TCP", "UNIX", "GIVEN TCP", "GIVEN UNIX"]);
    expect(report.served).toEqual(["tcp", "unix", "given tcp", "given unix", "bytes"]);
    expect(report.refused).toEqual({
      listenerAsStream: "EINVAL",
      streamAsListener: "EINVAL",
      socketAsFile: "EINVAL",
      datagramAsStream: "EPROTOTYPE",
    });
    expect(report.twice).toEqual({ listener: "EBUSY", stream: "EBUSY", fifo: "EBUSY" });
    expect(report.addresses).toEqual([
      { family: "ipv4", address: "127.0.0.1", port },
      { family: "unix", path: socketPath },
    ]);
    expect(report.kinds).toEqual([
      "file fd 7",
      "tcp-listener fd 3",
      "tcp-stream fd 5",
      "unix-listener fd 4",
      "unix-stream control",
    ]);
    // All that was adopted is closed; what was refused is not.
    expect(report.open).toEqual([8]);
    expect(isNonBlocking(fifo)).toBe(false);
    overTcp.near.destroy();
    overUnix.near.destroy();
    datagram.close();
    closeSync(fifo);
  });
}
