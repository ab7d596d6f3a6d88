/** More bytes in one operation than a signed word of 32 bits counts: all of them are moved, and counted. */
import { createBackend } from "@baton-io/core";
import { TRANSFER_BYTES_MAX } from "@baton-io/core/driver";
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { isLong } from "../life/amounts.js";

/** The longest buffer. */
const BYTES = 2 ** 32 - 1;
const TIMEOUT_MS = 300_000;

for (const driver of await findDrivers()) {
  describe(`${driver.name}: ${BYTES} bytes at once`, () => {
    test("are written, read, sent and received in full", { timeout: TIMEOUT_MS }, async ({ skip }) => {
      if (!isFound(driver)) return skip(driver.why);
      if (!isLong) return skip("it takes 4 GiB of memory, so only `npm run life` does it");
      await using io = createBackend({ driver: driver.createDriver() });
      const memory = new Uint8Array(BYTES);
      const buffer = io.buffers.unsafeBorrow(memory);
      await using sink = await io.openFile("/dev/null", "w");
      expect((await sink.writeFull(buffer)).bytesWritten).toBe(BYTES);
      // One call moves no more, however many parts there are.
      expect((await sink.writev([buffer, buffer])).bytesWritten).toBe(TRANSFER_BYTES_MAX);
      await using zeros = await io.openFile("/dev/zero", "r");
      expect((await zeros.readFull(buffer)).bytesRead).toBe(BYTES);
      memory[BYTES - 1] = 0x2a;

      await using listener = await io.listen();
      const accepting = listener.accept();
      await using near = await io.connect({ host: listener.address.address, port: listener.address.port });
      await using far = await accepting;
      const sending = near.send(buffer).then(async (result) => {
        await near.shutdown("send");
        return result;
      });
      let received = 0;
      let last = 0;
      for await (const { buffer: chunk, bytesReceived } of far) {
        received += bytesReceived;
        last = chunk.bytes[bytesReceived - 1] ?? last;
        chunk.release();
      }
      expect((await sending).bytesSent).toBe(BYTES);
      expect({ received, last }).toEqual({ received: BYTES, last: 0x2a });
      buffer.release();
    });
  });
}
