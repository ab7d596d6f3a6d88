/** The runtime accepts whether or not anybody wants the connections: how many may wait here has a bound. */
import { connect, type Socket } from "node:net";
import { createBackend } from "@baton-io/core";
import { libuvDriver } from "@baton-io/driver-libuv";
import { expect, test } from "vitest";

const BACKLOG = 130;
const BEYOND = 20;

// mutant: listener-without-bound
test("a listener that nobody accepts from holds as many connections as its backlog; those beyond its backlog are reset", async () => {
  await using io = createBackend({ driver: libuvDriver() });
  const listener = await io.listen({ backlog: BACKLOG });
  const sockets: Socket[] = [];
  const reset = new Set<Socket>();
  for (let index = 0; index < BACKLOG + BEYOND; index++) {
    const socket = connect(listener.address.port, "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => reset.add(socket));
    // Those beyond the bound may be reset before their end has heard that it is connected.
    await new Promise<void>((resolve) => {
      socket.once("connect", resolve);
      socket.once("close", () => resolve());
    });
  }
  while (reset.size < BEYOND) await new Promise((resolve) => setImmediate(resolve));
  expect(sockets.filter((socket) => reset.has(socket))).toEqual(sockets.slice(BACKLOG));
  // Those that wait are all there, and so is room for the next.
  for (let index = 0; index < BACKLOG; index++) await (await listener.accept()).close();
  const next = connect(listener.address.port, "127.0.0.1");
  await (await listener.accept()).close();
  for (const socket of [...sockets, next]) socket.destroy();
});
