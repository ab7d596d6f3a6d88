/** Who holds on to what was received, as a server does whose peers send and never read, and everybody else. */
import type { OwnedBuffer, TcpStream } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok } from "./expect.js";
import { sendBytes, sendText } from "./stream-talk.js";

const KIB = 1024;
/** With so many, a pool of 256 KiB has a quarter of a page for each. */
const STALLED = 100;
const POOL_BYTES = 256 * KIB;

/** A server that keeps what it receives until it is let go, one chunk at a time, as if each waited in a send. */
function holdAll(stream: TcpStream, released: Promise<void>): Promise<Uint8Array> {
  return (async () => {
    const received: number[] = [];
    for await (const { buffer, bytesReceived } of stream) {
      received.push(...buffer.bytes.subarray(0, bytesReceived));
      await released;
      buffer.release();
    }
    return Uint8Array.from(received);
  })();
}

async function withStalled(
  context: CaseContext,
  run: (io: ReturnType<CaseContext["open"]>) => Promise<void>,
): Promise<void> {
  const io = context.open({ poolBytesMax: POOL_BYTES });
  let letGo: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const sent = pattern(3 * KIB, 3);
  const pairs = [];
  const loops = [];
  for (let index = 0; index < STALLED; index++) {
    const pair = await context.pair();
    pairs.push(pair);
    loops.push(holdAll(pair.near, released));
    await sendBytes(context.far, pair.far, sent);
    await pair.far.shutdown();
  }
  await run(io);
  letGo();
  for (const received of await Promise.all(loops)) equalBytes(received, sent, "what one of the stalled received");
  for (const pair of pairs) await pair[Symbol.asyncDispose]();
}

export const stalledClause: Clause = {
  id: "stalled",
  title: "peers that stall",
  promise: "full-is-back-pressure",
  needs: [...connectionNeeds, "send", "receive", "shutdown", "providedBuffer"],
  cases: [
    {
      id: "honest-served",
      mutants: ["no-reserve"],
      title: "however many connections hold what they received, another one is served, and none of them loses a byte",
      run: (context) =>
        withStalled(context, async (io) => {
          for (let round = 0; round < 3; round++) {
            await using pair = await context.pair();
            await sendText(context.far, pair.far, "honest");
            let text = "";
            for await (const { buffer, bytesReceived } of pair.near) {
              text += String.fromCharCode(...buffer.bytes.subarray(0, bytesReceived));
              buffer.release();
              if (text.length === 6) break;
            }
            equal(text, "honest", "what was received");
            await sendText(context.far, pair.far, "again");
            const { buffer, bytesReceived } = await pair.near.receive();
            ok(bytesReceived > 0, "a receive without a loop to be served too");
            buffer?.release();
          }
          const { receiving, buffers } = io.inspect();
          ok(receiving.short, "the inspector to say that the pool is short");
          ok(buffers.bytes <= POOL_BYTES, "the pool to stay within its limit");
        }),
    },
    {
      id: "program-takes-all",
      mutants: ["no-reserve"],
      title: "a program that has taken all that the pool gives can still receive",
      run: async (context) => {
        const io = context.open({ poolBytesMax: POOL_BYTES });
        await using pair = await context.pair();
        using letter = context.far.buffers.copyFrom("a");
        const taken: OwnedBuffer[] = [];
        const takeAll = () => {
          for (let one = tryTake(io); one !== undefined; one = tryTake(io)) taken.push(one);
        };
        // More than the driver has got before the pool was empty; what is received is held as well.
        for (let round = 0; round < 40; round++) {
          await pair.far.send(letter);
          const { buffer, bytesReceived } = await pair.near.receive();
          equal(bytesReceived, 1, "the bytes received");
          takeAll();
          await context.turn();
          buffer!.release();
          takeAll();
        }
        for (const buffer of taken) buffer.release();
      },
    },
    {
      id: "fast-and-slow",
      title: "a peer that sends as fast as it can does not keep the buffers from one that sends a byte now and then",
      run: async (context) => {
        context.open({ receiveBufferBytes: 1024, receiveBuffersMax: 4 });
        await using fast = await context.pair();
        await using slow = await context.pair();
        let stopped = false;
        const flood = (async () => {
          const some = pattern(32 * KIB, 5);
          // For as long as the slow one has not had its turn: if that never comes, this does not end.
          while (!stopped) await sendBytes(context.far, fast.far, some);
          await fast.far.shutdown();
        })();
        const drain = (async () => {
          for await (const { buffer } of fast.near) buffer.release();
        })();
        for (let round = 0; round < 10; round++) {
          await sendText(context.far, slow.far, "s");
          const { buffer, bytesReceived } = await slow.near.receive();
          equal(bytesReceived, 1, "the bytes that the slow one received");
          buffer?.release();
        }
        stopped = true;
        await Promise.all([flood, drain]);
      },
    },
    {
      id: "no-memory-for-a-while",
      mutants: ["refused-receive-waits-for-ever"],
      title: "receives for which the system has no memory go on when it has some again, though nothing comes home",
      run: async (context) => {
        let lacks = true;
        context.useOtherFar();
        const io = context.openWithoutMemory(() => lacks);
        await using pair = await context.pair();
        await using other = await context.pair();
        const receiving = pair.near.receive();
        const looping = other.near[Symbol.asyncIterator]().next();
        await sendText(context.far, pair.far, "alone");
        await sendText(context.far, other.far, "looped");
        await context.until(() => io.inspect().receiving.paused > 0, "a receive to be paused");
        await context.turn(3);
        lacks = false;
        const { bytesReceived, buffer } = await receiving;
        ok(bytesReceived > 0, "bytes to be received");
        buffer!.release();
        const { value } = await looping;
        ok(value!.bytesReceived > 0, "the loop to receive some");
        value!.buffer.release();
      },
    },
  ],
};

function tryTake(io: ReturnType<CaseContext["open"]>) {
  try {
    return io.buffers.take(4 * KIB);
  } catch {
    return undefined;
  }
}
