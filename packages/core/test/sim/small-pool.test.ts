import { createBackend } from "@baton-io/core";
import { createSimulation } from "@baton-io/core/testing";
import { describe, expect, it } from "vitest";
import { createHandDriver, flushed, handBackend, handStream } from "./hand-driver.js";

describe("a small pool", () => {
  it("does not go to the first size that is asked for", () => {
    const { driver, clock } = createSimulation({ seed: 1 });
    const io = createBackend({ driver, clock, poolBytesMax: 262_144 });
    const small = io.buffers.take(1);
    const large = io.buffers.take(65_536);
    expect(io.buffers.stats().bytes).toBeLessThanOrEqual(131_072);
    small.release();
    large.release();
  });

  // mutant: no-reserve
  it("keeps most of its bytes for the program when receives without a buffer wait", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand, { poolBytesMax: 65_536, receiveBufferBytes: 4096, receiveBuffersMax: 64 });
    const stream = await handStream(io, hand);
    stream.receive().catch(() => undefined);
    await flushed();
    // A quarter waits with the driver, an eighth is kept for receives when all else is out.
    expect(hand.provided.length).toBe(4);
    expect(io.inspect().receiving).toMatchObject({ provided: 4, providedMax: 4, reserveBytes: 8192, short: false });
    const taken = Array.from({ length: 10 }, () => io.buffers.take(4096));
    expect(() => io.buffers.take(4096)).toThrow(expect.objectContaining({ code: "ERR_POOL_EMPTY" }));
    for (const buffer of taken) buffer.release();
  });
});
