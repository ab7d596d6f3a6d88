/** Resets that find bytes in the runtime's own buffer, which the kit cannot fill on every driver. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { createBackend } from "@baton-io/core";
import { expect, test } from "vitest";
import { libuvDriver } from "../src/index.js";

/** Bytes that the driver reads ahead, and a few that wait behind them in the runtime. */
const AHEAD_BYTES = 65_536;
const BEHIND_BYTES = 10_000;

// mutant: reset-drops-what-was-read
test("a reset behind bytes that the runtime has read ahead loses nothing of it, and is told", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  await using io = createBackend({ driver: libuvDriver() });
  const [[peer], stream] = await Promise.all([
    once(server, "connection") as Promise<[Socket]>,
    io.connect({ port: (server.address() as AddressInfo).port }),
  ]);
  using buffer = io.buffers.take(1000);
  // Reading begins with the first receive, and goes on ahead of the next.
  const first = stream.receive(buffer, { length: 1 });
  for (const bytes of [AHEAD_BYTES, BEHIND_BYTES]) {
    await new Promise((resolve) => peer.write(new Uint8Array(bytes), resolve));
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  }
  let received = (await first).bytesReceived;
  peer.resetAndDestroy();
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  while (received < AHEAD_BYTES + BEHIND_BYTES) {
    const { bytesReceived } = await stream.receive(buffer);
    expect(bytesReceived).toBeGreaterThan(0);
    received += bytesReceived;
  }
  await expect(stream.receive(buffer)).rejects.toMatchObject({ code: "ECONNRESET" });
  expect((await stream.receive(buffer)).bytesReceived).toBe(0);
  await stream.close();
  server.close();
});
