import { ERRNO } from "@baton-io/core/driver";
import { describe, expect, it } from "vitest";
import { createHandDriver, flushed, handBackend, handListener, handStream } from "./hand-driver.js";

describe("results that mean 'try again'", () => {
  for (const code of ["EINTR", "EAGAIN"] as const) {
    it(`re-arms a multishot accept that ends with -${code} after a connection`, async () => {
      const hand = createHandDriver();
      const io = handBackend(hand);
      const listener = await handListener(io, hand);
      const first = listener.accept();
      await flushed();
      const accept = hand.last("accept");
      hand.complete(accept, 7, { more: true, auxiliary: 1 });
      await first;
      const second = listener.accept();
      const before = hand.taken.length;
      hand.complete(accept, -ERRNO[code]);
      await expect.poll(() => hand.taken.length).toBeGreaterThan(before);
      const again = hand.last("accept");
      expect({ slot: again.slot, generation: again.generation }).toEqual({
        slot: accept.slot,
        generation: accept.generation,
      });
      hand.complete(again, 8, { more: true, auxiliary: 1 });
      await second;
    });

    it(`takes -${code} of an operation that is being canceled for the cancellation it is`, async () => {
      const hand = createHandDriver();
      const io = handBackend(hand);
      const stream = await handStream(io, hand);
      const buffer = io.buffers.take(10);
      const operation = io.submit({ opcode: "receive", stream, buffer });
      await flushed();
      const answer = operation.cancel();
      await flushed();
      hand.complete(hand.last("receive"), -ERRNO[code]);
      await expect(operation.done).rejects.toMatchObject({ code: "ERR_OPERATION_CANCELED", buffer });
      expect(await answer).toBe("canceled");
      expect(buffer.state).toBe("owned");
    });
  }

  it("takes -ENOBUFS of a receive that is being canceled for the cancellation it is", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const operation = io.submit({ opcode: "receive", stream });
    await flushed();
    void operation.cancel();
    await flushed();
    hand.complete(hand.last("receive"), -ERRNO.ENOBUFS);
    await expect(operation.done).rejects.toMatchObject({ code: "ERR_OPERATION_CANCELED" });
  });

  it("provides a buffer again that came with an error", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand, { receiveBuffersMax: 2, receiveBufferBytes: 64 });
    const stream = await handStream(io, hand);
    const receiving = stream.receive();
    await flushed();
    expect(hand.provided.length).toBe(2);
    const before = io.buffers.stats().out;
    hand.complete(hand.last("receive"), -ERRNO.ECONNRESET, { provided: hand.provided[0]! });
    await expect(receiving).rejects.toMatchObject({ code: "ECONNRESET" });
    // Handed over again with the next submission.
    void io.nop();
    await flushed();
    expect(hand.provided.length).toBe(3);
    expect(io.buffers.stats().out).toBe(before);
  });
});

describe("the end of a stream", () => {
  it("gives a provided buffer back that came with it while the stream was being closed", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand, { receiveBuffersMax: 1, receiveBufferBytes: 64 });
    const stream = await handStream(io, hand);
    const receiving = stream.receive();
    await flushed();
    void stream.close().catch(() => undefined);
    await flushed();
    hand.complete(hand.last("receive"), 0, { provided: hand.provided[0]! });
    await expect(receiving).rejects.toMatchObject({ code: "ERR_RESOURCE_CLOSED" });
    void io.nop();
    await flushed();
    // Provided anew with the next submission: the driver has one again.
    expect(hand.provided.length).toBe(2);
  });
});

describe("operations that shall move all their bytes", () => {
  it("say how many bytes went out when they are canceled in the middle", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const buffer = io.buffers.take(100);
    const controller = new AbortController();
    const sending = stream.send(buffer, { signal: controller.signal });
    await flushed();
    hand.complete(hand.last("send"), 30);
    await flushed();
    controller.abort();
    await flushed();
    hand.complete(hand.last("send"), 20);
    await expect(sending).rejects.toMatchObject({ code: "ABORT_ERR", bytesTransferred: 50, buffer });
  });

  for (const [how, code] of [
    ["timeoutMs", "ERR_TIMEOUT"],
    ["close", "ERR_RESOURCE_CLOSED"],
  ] as const) {
    it(`do not pass a part for the whole when ended early by ${how}`, async () => {
      const hand = createHandDriver();
      const io = handBackend(hand);
      const stream = await handStream(io, hand);
      const buffer = io.buffers.take(100);
      const sending = stream.send(buffer, how === "timeoutMs" ? { timeoutMs: 1 } : {});
      await flushed();
      if (how === "close") void stream.close().catch(() => undefined);
      await expect.poll(() => hand.taken.some(({ opcode }) => opcode === "cancel")).toBe(true);
      hand.complete(hand.last("send"), 40);
      await expect(sending).rejects.toMatchObject({ code, bytesTransferred: 40, buffer });
    });
  }
});
