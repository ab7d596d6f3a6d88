import { ERRNO } from "@baton-io/core/driver";
import { describe, expect, it } from "vitest";
import { createHandDriver, flushed, handBackend, handFile, handListener, handStream } from "./hand-driver.js";

describe("closing a backend whose driver does not come to an end", () => {
  it("brings the buffer of what the driver never took home, with the bytes that went out", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const buffer = io.buffers.take(100);
    const writing = file.writeFull(buffer, { position: 0 });
    await flushed();
    // A part is written, and then the driver takes nothing any more.
    hand.accept = () => 0;
    hand.complete(hand.last("write"), 30);
    await flushed();
    const closing = io.close({ deadlineMs: 5 });
    await expect(writing).rejects.toMatchObject({ code: "ERR_BACKEND_CLOSED", bytesTransferred: 30, buffer });
    expect(buffer.state).toBe("owned");
    await closing;
  });

  it("gives the driver nothing new once it ends the session", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const listener = await handListener(io, hand);
    const operation = io.submit({ opcode: "accept", listener });
    operation.done.catch(() => undefined);
    await flushed();
    operation.abandon();
    await flushed();
    let takenAtClose = 0;
    hand.close = async () => {
      takenAtClose = hand.taken.length;
      // Too late: the connection is the driver's to close now.
      hand.complete(hand.last("accept"), 9, { auxiliary: 1 });
      hand.complete(hand.last("cancel"), 0);
      await flushed();
      return { unconfirmedOperations: 0, quarantinedBytes: 0 };
    };
    await io.close({ deadlineMs: 5 });
    expect(hand.taken.slice(takenAtClose)).toEqual([]);
    expect(io.inspect().operations).toEqual([]);
  });

  it("keeps the provided buffers when the driver may still take one", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand, { receiveBuffersMax: 2, receiveBufferBytes: 64 });
    const stream = await handStream(io, hand);
    const receiving = stream.receive();
    await flushed();
    hand.close = () => Promise.resolve({ unconfirmedOperations: 1, quarantinedBytes: 128 });
    const closing = io.close({ deadlineMs: 5 });
    await expect(receiving).rejects.toMatchObject({ code: "ERR_BACKEND_CLOSED" });
    await closing;
    expect(io.buffers.stats().out).toBe(2);
  });

  it("settles the close of a resource that still waits for an operation", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const reading = file.read(io.buffers.take(10), { position: 0 });
    await flushed();
    const closingFile = file.close();
    hand.close = () => Promise.resolve({ unconfirmedOperations: 1, quarantinedBytes: 10 });
    const closing = io.close({ deadlineMs: 5 });
    await expect(reading).rejects.toMatchObject({ code: "ERR_BACKEND_CLOSED" });
    await expect(closingFile).rejects.toMatchObject({ code: "ERR_BACKEND_CLOSED" });
    expect(file.closed).toBe(true);
    await closing;
  });

  it("calls an operation that the driver's own close canceled closed, not canceled", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const buffer = io.buffers.take(10);
    const reading = file.read(buffer, { position: 0 });
    await flushed();
    hand.close = () => {
      hand.complete(hand.last("read"), -ERRNO.ECANCELED);
      return Promise.resolve({ unconfirmedOperations: 0, quarantinedBytes: 0 });
    };
    const closing = io.close({ deadlineMs: 5 });
    await expect(reading).rejects.toMatchObject({ code: "ERR_BACKEND_CLOSED", buffer });
    await closing;
  });

  it("answers a cancel of an operation that was never confirmed: it is too late", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const operation = io.submit({ opcode: "read", file, buffer: io.buffers.take(10) });
    await flushed();
    hand.close = () => Promise.resolve({ unconfirmedOperations: 1, quarantinedBytes: 10 });
    const closing = io.close({ deadlineMs: 5 });
    await expect(operation.done).rejects.toMatchObject({ code: "ERR_BACKEND_CLOSED" });
    expect(operation.outcome).toBe("canceled");
    expect(await operation.cancel()).toBe("too-late");
    await closing;
  });
});
