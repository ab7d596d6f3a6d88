import { ERRNO } from "@baton-io/core/driver";
import { describe, expect, it } from "vitest";
import { createHandDriver, flushed, handBackend, handStream } from "./hand-driver.js";

describe("a driver that is full", () => {
  it("is offered the rest again when it says that it has room, without any completion", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const buffer = io.buffers.take(10);
    void stream.receive(buffer).catch(() => undefined);
    await flushed();
    hand.accept = () => 0;
    const nop = io.nop();
    await flushed();
    hand.accept = (offered) => offered.length;
    hand.room();
    await flushed();
    hand.complete(hand.last("nop"), 0);
    await nop;
  });

  it("shows what it did not take as queued, with no age", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    await handStream(io, hand);
    hand.accept = () => 1;
    void io.nop();
    void io.nop();
    await flushed();
    const ages = io.inspect().operations.map(({ state, ageMs }) => [state, ageMs > 0]);
    expect(ages).toEqual([
      ["submitted", true],
      ["queued", false],
    ]);
  });

  it("gets a cancel first again after the cancel itself was interrupted", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const operation = io.submit({ opcode: "receive", stream, buffer: io.buffers.take(10) });
    operation.done.catch(() => undefined);
    await flushed();
    hand.accept = (offered) => offered.findIndex(({ opcode }) => opcode !== "cancel") >>> 0;
    void io.nop();
    void operation.cancel();
    await flushed();
    hand.complete(hand.last("cancel"), -ERRNO.EINTR);
    await flushed();
    expect(hand.taken.filter(({ opcode }) => opcode === "cancel").length).toBe(2);
  });
});
