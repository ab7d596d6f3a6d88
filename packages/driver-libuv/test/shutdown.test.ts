/** Shutting a connection down again and again: each is told, and nothing of it stays with the socket. */
import { createBackend } from "@baton-io/core";
import { libuvDriver } from "@baton-io/driver-libuv";
import { expect, test } from "vitest";

/** More than the listeners that the runtime takes for a leak. */
const TIMES = 30;

test("shutting down many times, one after the other and at once, leaves no listener behind", async () => {
  const warnings: string[] = [];
  const keep = ({ message }: Error) => void warnings.push(message);
  process.on("warning", keep);
  const io = createBackend({ driver: libuvDriver() });
  const listener = await io.listen({ host: "127.0.0.1" });
  const [near, far] = await Promise.all([listener.accept(), io.connect({ port: listener.address.port })]);
  for (let round = 0; round < TIMES; round++) await near.shutdown("send");
  await Promise.all(Array.from({ length: TIMES }, () => near.shutdown("send")));
  using buffer = io.buffers.take(16);
  expect((await far.receive(buffer)).bytesReceived).toBe(0);
  await io.close();
  // Warnings are told in a tick of their own.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", keep);
  expect(warnings).toEqual([]);
});
