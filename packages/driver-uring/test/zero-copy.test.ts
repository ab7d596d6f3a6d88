/** Sends without a copy to a peer that does not read: the network keeps what it has for as long as the peer likes. */
import { createBackend } from "@baton-io/core";
import { uringDriver } from "@baton-io/driver-uring";
import { expect, test } from "vitest";
import { findDriver, isFound } from "../../../tests/conformance/drivers.js";

const CHUNK_BYTES = 2 ** 20;

test("each ends within its timeoutMs, with the peer's count and with its buffer home", async ({ skip }) => {
  const uring = await findDriver("uring");
  if (!isFound(uring)) return skip(uring.why);
  const far = createBackend({ driver: uringDriver() });
  const near = createBackend({ driver: uringDriver({ zeroCopySendMinBytes: 1 }) });
  try {
    const listener = await far.listen({ port: 0 });
    const [peer, stream] = await Promise.all([
      listener.accept(),
      near.connect({ host: "127.0.0.1", port: listener.address.port }),
    ]);
    const buffer = near.buffers.take(CHUNK_BYTES);
    let sent = 0;
    let cut = "";
    for (let index = 0; cut === ""; index++) {
      buffer.bytes.fill(index);
      const count = await stream.send(buffer, { timeoutMs: 20 }).then(
        ({ bytesSent }) => bytesSent,
        (error: { code: string; bytesTransferred: number }) => {
          cut = error.code;
          return error.bytesTransferred;
        },
      );
      sent += count;
    }
    expect(cut).toBe("ERR_TIMEOUT");
    buffer.bytes.fill(255);
    await stream.close();
    let received = 0;
    for await (const { buffer: chunk, bytesReceived } of peer) {
      const bytes = chunk.bytes.subarray(0, bytesReceived);
      for (let at = 0; at < bytes.length; at += 512) {
        expect(bytes[at]).toBe(Math.floor((received + at) / CHUNK_BYTES));
      }
      received += bytes.length;
      chunk.release();
    }
    expect(received).toBe(sent);
    buffer.release();
  } finally {
    expect((await near.close()).unconfirmedOperations).toBe(0);
    await far.close();
  }
});
