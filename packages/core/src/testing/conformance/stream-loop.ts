/** Receiving in a loop: `for await (const chunk of stream)`. */
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects } from "./expect.js";
import { receiveAll, sendBytes, sendText } from "./stream-talk.js";

export const streamLoopClause: Clause = {
  id: "stream-loop",
  title: "receiving in a loop",
  needs: [...connectionNeeds, "send", "receive", "shutdown", "bufferSelect"],
  cases: [
    {
      id: "until-the-end",
      title: "it brings every byte in order and ends when the peer ends its side",
      mutants: ["loop-overtakes-itself"],
      run: async (context) => {
        await using pair = await context.pair();
        const sent = pattern(300_000, 7);
        const sending = sendBytes(context.far, pair.far, sent).then(() => pair.far.shutdown());
        const received: number[] = [];
        for await (const { buffer, bytesReceived } of pair.near) {
          ok(bytesReceived > 0, "a chunk to have bytes");
          received.push(...buffer.bytes.subarray(0, bytesReceived));
          buffer.release();
        }
        await sending;
        equalBytes(Uint8Array.from(received), sent, "what was received");
      },
    },
    {
      id: "left-early",
      promise: "P6",
      title: "what had arrived when the program left the loop goes to the next receive, in order",
      mutants: ["loop-left-loses"],
      run: async (context) => {
        const { io, far } = context;
        await using pair = await context.pair();
        let first = "";
        const sending = (async () => {
          for (const letter of "abcdefghijklmnopqrstuvwxyz") await sendText(far, pair.far, letter);
          await pair.far.shutdown();
        })();
        for await (const { buffer, bytesReceived } of pair.near) {
          first = textOf(buffer.bytes.subarray(0, bytesReceived));
          buffer.release();
          // Time for more to arrive.
          await context.after(5);
          break;
        }
        equal(first + (await receiveAll(io, pair.near)), "abcdefghijklmnopqrstuvwxyz", "what was received in all");
        await sending;
      },
    },
    {
      id: "slow-program",
      promise: "P11",
      title: "a program that is slow to read stops the receive, not the other connections, and gets every byte",
      run: async (context) => {
        const io = context.open({ receiveBufferBytes: 1024, receiveBuffersMax: 24 });
        const { far } = context;
        await using slow = await context.pair();
        await using quick = await context.pair();
        const sent = pattern(200_000, 9);
        const sending = sendBytes(far, slow.far, sent).then(() => slow.far.shutdown());
        const received: number[] = [];
        let chunks = 0;
        for await (const { buffer, bytesReceived } of slow.near) {
          received.push(...buffer.bytes.subarray(0, bytesReceived));
          buffer.release();
          if (chunks++ > 0) continue;
          await context.after(5);
          await sendText(far, quick.far, "q");
          const one = await quick.near.receive();
          equal(one.bytesReceived, 1, "the bytes that the other connection received meanwhile");
          one.buffer?.release();
        }
        await sending;
        equalBytes(Uint8Array.from(received), sent, "what was received");
        ok(io.inspect().buffers.out <= 24, "no more buffers out than were provided");
      },
    },
    {
      id: "closed-meanwhile",
      promise: "P8",
      title: "closing the stream ends the loop with ERR_RESOURCE_CLOSED",
      run: async (context) => {
        await using pair = await context.pair();
        const loop = (async () => {
          for await (const { buffer } of pair.near) buffer.release();
        })();
        const ended = rejects(loop, "ERR_RESOURCE_CLOSED");
        await context.flush();
        await pair.near.close();
        await ended;
      },
    },
    {
      id: "after-a-loop",
      title: "a loop can follow a loop, and a receive that waited goes on after it",
      calmOnly: true,
      run: async (context) => {
        const { io, far } = context;
        await using pair = await context.pair();
        await sendText(far, pair.far, "one");
        for await (const { buffer } of pair.near) {
          buffer.release();
          break;
        }
        const loop = pair.near[Symbol.asyncIterator]();
        const chunk = loop.next();
        await sendText(far, pair.far, "2");
        (await chunk).value?.buffer.release();
        using into = io.buffers.take(4);
        const waiting = pair.near.receive(into);
        await loop.return();
        await sendText(far, pair.far, "3");
        equal((await waiting).bytesReceived, 1, "the bytes of the receive that waited");
        equal(textOf(into.bytes.subarray(0, 1)), "3", "what it received");
      },
    },
  ],
};
