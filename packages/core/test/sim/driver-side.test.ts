import { ERRNO, SUBMIT_FLAG, TIMEOUT_US_WORD, WORD } from "@baton-io/core/driver";
import { describe, expect, it } from "vitest";
import { createHandDriver, flushed, handBackend, handFile, handStream, type Taken } from "./hand-driver.js";

const isTimed = ({ record }: Taken) => (record[WORD.operation]! & SUBMIT_FLAG.timeout) !== 0;

describe("a timeout that the driver keeps", () => {
  it("goes with the operation, in microseconds, and no clock of core runs for it", async () => {
    const hand = createHandDriver(["linkTimeout"]);
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const buffer = io.buffers.take(10);
    const receiving = stream.receive(buffer, { timeoutMs: 1.5 });
    const ended = expect(receiving).rejects.toMatchObject({ code: "ERR_TIMEOUT", buffer });
    await flushed();
    const receive = hand.last("receive");
    expect(isTimed(receive)).toBe(true);
    expect(receive.record[TIMEOUT_US_WORD]).toBe(1500);
    // Long past: only the driver may end it.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(io.inspect().operations.length).toBe(1);
    hand.complete(receive, -ERRNO.ECANCELED, { timedOut: true });
    await ended;
    expect(io.inspect().counters.cancelsSent).toBe(0);
    expect(buffer.state).toBe("owned");
  });

  it("is the result's business when the operation won", async () => {
    const hand = createHandDriver(["linkTimeout"]);
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const receiving = stream.receive(io.buffers.take(10), { timeoutMs: 5 });
    await flushed();
    hand.complete(hand.last("receive"), 3);
    expect((await receiving).bytesReceived).toBe(3);
  });

  it("is core's where the driver has no such thing", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const receiving = stream.receive(io.buffers.take(10), { timeoutMs: 1 });
    await flushed();
    const receive = hand.last("receive");
    expect(isTimed(receive)).toBe(false);
    await expect.poll(() => hand.last("cancel").record[WORD.argument0]).toBe(receive.slot);
    hand.complete(receive, -ERRNO.ECANCELED);
    await expect(receiving).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
  });

  // mutant: timeout-starts-over
  it("is core's from the second submission on, for what is left of it", async () => {
    const hand = createHandDriver(["linkTimeout"]);
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const receiving = stream.receive(io.buffers.take(10), { timeoutMs: 30 });
    await flushed();
    hand.complete(hand.last("receive"), -ERRNO.EINTR);
    await flushed();
    expect(hand.taken.filter(({ opcode }) => opcode === "receive").map(isTimed)).toEqual([true, false]);
    const receive = hand.last("receive");
    await expect.poll(() => hand.last("cancel").record[WORD.argument0]).toBe(receive.slot);
    hand.complete(receive, -ERRNO.ECANCELED);
    await expect(receiving).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
  });

  // mutant: refused-keeps-no-time
  it("is core's while a full driver does not take the operation", async () => {
    const hand = createHandDriver(["linkTimeout"]);
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    void io.nop().catch(() => undefined);
    await flushed();
    hand.accept = () => 0;
    const buffer = io.buffers.take(10);
    await expect(stream.receive(buffer, { timeoutMs: 5 })).rejects.toMatchObject({ code: "ERR_TIMEOUT", buffer });
  });

  it("is core's for what waits for its turn", async () => {
    const hand = createHandDriver(["linkTimeout"]);
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    void stream.receive(io.buffers.take(10)).catch(() => undefined);
    await expect(stream.receive(io.buffers.take(10), { timeoutMs: 5 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
  });
});

describe("a chain that the driver links", () => {
  const isLinked = ({ record }: Taken) => (record[WORD.operation]! & SUBMIT_FLAG.link) !== 0;

  it("goes to it at once, each member but the last linked to the next", async () => {
    const hand = createHandDriver(["links"]);
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const [first, second] = [io.buffers.take(4), io.buffers.take(4)];
    const results = io.chain([
      { opcode: "write", file, buffer: first, position: 0 },
      { opcode: "fsync", file },
      { opcode: "read", file, buffer: second, position: 0 },
    ]);
    await flushed();
    const members = hand.taken.slice(-3);
    expect(members.map(({ opcode }) => opcode)).toEqual(["write", "fsync", "read"]);
    expect(members.map(isLinked)).toEqual([true, true, false]);
    expect([first.state, second.state]).toEqual(["lent", "lent"]);
    for (const [member, result] of [4, 0, 4].entries()) hand.complete(members[member]!, result);
    expect((await results).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  });

  it("breaks where the driver says so, with the failure as the cause of all behind it", async () => {
    const hand = createHandDriver(["links"]);
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const results = io.chain([{ opcode: "nop" }, { opcode: "fsync", file }, { opcode: "nop" }]);
    await flushed();
    const members = hand.taken.slice(-3);
    hand.complete(members[0]!, 0);
    hand.complete(members[1]!, -ERRNO.EIO);
    hand.complete(members[2]!, -ERRNO.ECANCELED);
    const [, failed, behind] = await results;
    expect(failed).toMatchObject({ reason: { code: "EIO" } });
    expect(behind).toMatchObject({ reason: { code: "ERR_CHAIN_BROKEN", cause: { code: "EIO" } } });
  });

  // mutant: chain-lost-after-repeat
  it("is taken over when a member has to go again: what the driver ended behind it is done after it", async () => {
    const hand = createHandDriver(["links"]);
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const results = io.chain([{ opcode: "fsync", file }, { opcode: "nop" }, { opcode: "fdatasync", file }]);
    await flushed();
    const members = hand.taken.slice(-3);
    hand.complete(members[0]!, -ERRNO.EINTR);
    hand.complete(members[1]!, -ERRNO.ECANCELED);
    hand.complete(members[2]!, -ERRNO.ECANCELED);
    await flushed();
    expect(hand.taken.slice(-1).map(({ opcode }) => opcode)).toEqual(["fsync"]);
    expect(isLinked(hand.last("fsync"))).toBe(false);
    for (const opcode of ["fsync", "nop", "fdatasync"] as const) {
      await flushed();
      expect(hand.taken.at(-1)?.opcode).toBe(opcode);
      hand.complete(hand.last(opcode), 0);
    }
    expect((await results).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  });
});

describe("the delay of a timer", () => {
  // mutant: timer-rounds-down
  it("goes to the driver in microseconds, rounded up: a driver that keeps to it is never early", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const sleeping = io.sleep(2.7001);
    await flushed();
    const timer = hand.last("timer");
    expect(timer.record[WORD.positionLow]).toBe(2701);
    hand.complete(timer, 0);
    await sleeping;
  });
});
