import { type Backend, type Clock, systemClock, type TcpStream } from "@baton-io/core";
import { ERRNO, WORD } from "@baton-io/core/driver";
import { describe, expect, it } from "vitest";
import { createHandDriver, flushed, type HandDriver, handBackend } from "./hand-driver.js";

/** Retries by hand: nothing happens by itself. */
function handClock() {
  const retries: { delayMs: number; callback: () => void }[] = [];
  const clock: Clock = { ...systemClock, retryAfter: (delayMs, callback) => retries.push({ delayMs, callback }) };
  return { clock, retries };
}

/** Connections number 10, 11, … that the driver has made. */
async function connect(io: Backend, hand: HandDriver, count: number): Promise<TcpStream[]> {
  const streams: TcpStream[] = [];
  for (let index = 0; index < count; index++) {
    const connecting = io.connect({ port: 1 });
    await flushed();
    hand.complete(hand.last("connect"), 10 + index, { auxiliary: 1 });
    streams.push(await connecting);
  }
  return streams;
}

const receives = (hand: HandDriver) => hand.taken.filter(({ opcode }) => opcode === "receive");

describe("receives that found no buffer", () => {
  it("go on one by one, first come, first served, as buffers are handed over", async () => {
    const { clock } = handClock();
    const hand = createHandDriver();
    const io = handBackend(hand, { clock, receiveBuffersMax: 1, receiveBufferBytes: 64 });
    const streams = await connect(io, hand, 3);
    const receiving = streams.map((stream) => stream.receive());
    await flushed();
    const [first, second, third] = receives(hand);
    hand.complete(second!, -ERRNO.ENOBUFS);
    hand.complete(third!, -ERRNO.ENOBUFS);
    await flushed();
    expect(receives(hand).length).toBe(3);
    hand.complete(first!, 5, { provided: hand.provided[0]! });
    (await receiving[0]!).buffer?.release();
    await flushed();
    // A new buffer went to the driver, and the second receive with it; the third waits its turn.
    expect(hand.provided.length).toBe(2);
    expect(receives(hand).slice(3)).toMatchObject([{ slot: second!.slot }]);
    hand.complete(second!, 5, { provided: hand.provided[1]! });
    (await receiving[1]!).buffer?.release();
    await flushed();
    expect(receives(hand).slice(4)).toMatchObject([{ slot: third!.slot }]);
    hand.complete(third!, 5, { provided: hand.provided[2]! });
    (await receiving[2]!).buffer?.release();
  });

  // mutant: quiet-peers-paused-like-others
  it("of a peer that says little go before those of peers that fill their buffers", async () => {
    const { clock } = handClock();
    const hand = createHandDriver();
    const io = handBackend(hand, { clock, receiveBuffersMax: 1, receiveBufferBytes: 64 });
    const [busy, quiet, other] = await connect(io, hand, 3);
    const answer = async (stream: TcpStream, bytes: number) => {
      const receiving = stream.receive();
      await flushed();
      hand.complete(hand.last("receive"), bytes, { provided: hand.provided.at(-1)! });
      (await receiving).buffer?.release();
      await flushed();
    };
    // Twice: what a peer says first says nothing about it.
    for (let round = 0; round < 2; round++) {
      await answer(busy!, 64);
      await answer(quiet!, 5);
    }
    const before = receives(hand).length;
    const first = other!.receive();
    await flushed();
    const all = [busy!.receive(), quiet!.receive()];
    await flushed();
    const [holding, ofBusy, ofQuiet] = receives(hand).slice(before);
    hand.complete(ofBusy!, -ERRNO.ENOBUFS);
    hand.complete(ofQuiet!, -ERRNO.ENOBUFS);
    await flushed();
    hand.complete(holding!, 5, { provided: hand.provided.at(-1)! });
    (await first).buffer?.release();
    await flushed();
    expect(receives(hand).slice(before + 3)).toMatchObject([{ slot: ofQuiet!.slot }]);
    hand.complete(hand.last("receive"), 5, { provided: hand.provided.at(-1)! });
    (await all[1]!).buffer?.release();
    await flushed();
    hand.complete(hand.last("receive"), 64, { provided: hand.provided.at(-1)! });
    expect((await all[0]!).bytesReceived).toBe(64);
  });

  // mutant: loop-takes-what-others-wait-for
  it("have a loop end that would take what is handed over for them", async () => {
    const { clock } = handClock();
    const hand = createHandDriver(["providedBuffer", "multishotReceive"]);
    const io = handBackend(hand, { clock, receiveBuffersMax: 1, receiveBufferBytes: 64 });
    const [looping, other] = await connect(io, hand, 2);
    const chunks = looping![Symbol.asyncIterator]();
    void chunks.next();
    await flushed();
    const loop = hand.last("receive");
    void other!.receive();
    await flushed();
    hand.complete(hand.last("receive"), -ERRNO.ENOBUFS);
    await flushed();
    const cancel = hand.last("cancel");
    expect([cancel.record[WORD.argument0], cancel.record[WORD.argument1]]).toEqual([loop.slot, loop.generation]);
  });

  it("wait for a buffer to come home when the pool has none to spare", async () => {
    const { clock, retries } = handClock();
    const hand = createHandDriver();
    const io = handBackend(hand, { clock, receiveBuffersMax: 1, receiveBufferBytes: 4096, poolBytesMax: 8192 });
    const held = [io.buffers.take(4096), io.buffers.take(4096)];
    const [stream] = await connect(io, hand, 1);
    const receiving = stream!.receive();
    await flushed();
    hand.complete(hand.last("receive"), -ERRNO.ENOBUFS);
    await flushed();
    expect([receives(hand).length, retries.length]).toEqual([1, 0]);
    held[0]!.release();
    await flushed();
    expect(receives(hand).length).toBe(2);
    hand.complete(hand.last("receive"), 5, { provided: hand.provided[0]! });
    expect((await receiving).bytesReceived).toBe(5);
  });

  it("are tried again, at growing intervals, when the driver had a buffer after all", async () => {
    const { clock, retries } = handClock();
    const hand = createHandDriver();
    const io = handBackend(hand, { clock, receiveBuffersMax: 1, receiveBufferBytes: 64 });
    const [stream] = await connect(io, hand, 1);
    const receiving = stream!.receive();
    await flushed();
    for (const delayMs of [1, 2, 4, 8, 16, 32, 64, 64]) {
      const before = receives(hand).length;
      hand.complete(hand.last("receive"), -ERRNO.ENOBUFS);
      await flushed();
      // No busy loop: nothing is submitted until the time has come.
      expect(receives(hand).length).toBe(before);
      expect(retries.length).toBe(1);
      const retry = retries.pop()!;
      expect(retry.delayMs).toBe(delayMs);
      retry.callback();
      await flushed();
      expect(receives(hand).length).toBe(before + 1);
    }
    hand.complete(hand.last("receive"), 5, { provided: hand.provided[0]! });
    expect((await receiving).bytesReceived).toBe(5);
  });
});

describe("submissions of peers that say little", () => {
  // mutant: quiet-peers-wait-like-others
  it("do not wait behind all others when more than a portion waits", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand, { receiveBuffersMax: 4, receiveBufferBytes: 64 });
    const [busy, quiet] = await connect(io, hand, 2);
    for (const [stream, bytes] of [
      [busy!, 64],
      [busy!, 64],
      [quiet!, 5],
      [quiet!, 5],
    ] as const) {
      const receiving = stream.receive();
      await flushed();
      hand.complete(hand.last("receive"), bytes, { provided: hand.provided.at(-1)! });
      (await receiving).buffer?.release();
    }
    const before = hand.taken.length;
    for (let index = 0; index < 400; index++) void io.nop();
    void busy!.receive();
    void quiet!.receive();
    await flushed();
    const order = hand.taken.slice(before).map(({ opcode, record }) => [opcode, record[WORD.handleIndex]]);
    const placeOf = (handle: number) => order.findIndex(([opcode, index]) => opcode === "receive" && index === handle);
    expect(placeOf(11)).toBe(0);
    expect(placeOf(10)).toBe(401);
  });
});

describe("the clock of the system", () => {
  it("keeps the process alive for an operation that is to be tried again, and not for a deadline", () => {
    const hasRef = (timer: unknown) => (timer as { hasRef(): boolean }).hasRef();
    const deadline = systemClock.after(1000, () => undefined);
    const retry = systemClock.retryAfter(1000, () => undefined);
    expect([hasRef(deadline), hasRef(retry)]).toEqual([false, true]);
    systemClock.clear(deadline);
    systemClock.clear(retry);
  });
});
