/** Receiving in a loop: `for await (const chunk of stream)`. */
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects } from "./expect.js";
import { receiveAll, sendBytes, sendText } from "./stream-talk.js";

export const streamLoopClause: Clause = {
  id: "stream-loop",
  title: "receiving in a loop",
  needs: [...connectionNeeds, "send", "receive", "shutdown", "providedBuffer"],
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
      promise: "nothing-is-lost",
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
      promise: "full-is-back-pressure",
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
      promise: "closing-is-orderly",
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
      id: "closed-inside",
      promise: "closing-is-orderly",
      title: "a loop that closes its stream gets no chunk after that, and ends with ERR_RESOURCE_CLOSED",
      mutants: ["standing-loop-keeps-chunks"],
      run: async (context) => {
        await using pair = await context.pair();
        for (const letter of "abcdef") await sendText(context.far, pair.far, letter);
        let chunks = 0;
        const loop = (async () => {
          for await (const { buffer } of pair.near) {
            chunks++;
            buffer.release();
            // Time for more to arrive behind it.
            for (const letter of "ghij") await sendText(context.far, pair.far, letter).catch(() => undefined);
            await context.after(2);
            await pair.near.close();
          }
        })();
        await rejects(loop, "ERR_RESOURCE_CLOSED");
        equal(chunks, 1, "the number of chunks");
      },
    },
    {
      id: "left-standing",
      promise: "nothing-is-lost",
      title:
        "a loop that stands still keeps nothing from others: a receive gets what comes next, in order, and the loop what comes after",
      mutants: ["loop-makes-no-way"],
      run: async (context) => {
        const { io, far } = context;
        await using pair = await context.pair();
        const word = "abcdefghijklmnopqrstuvwxyz";
        const loop = pair.near[Symbol.asyncIterator]();
        let text = "";
        const take = async () => {
          const { value } = await loop.next();
          text += textOf(value!.buffer.bytes.subarray(0, value!.bytesReceived));
          value!.buffer.release();
        };
        using buffer = io.buffers.take(3);
        for (let at = 0; at < 20; at += 4) {
          await sendText(far, pair.far, word.slice(at, at + 2));
          await take();
          await sendText(far, pair.far, word.slice(at + 2, at + 3));
          await context.turn(2);
          while (text.length < at + 3) {
            const { bytesReceived } = await pair.near.receive(buffer);
            text += textOf(buffer.bytes.subarray(0, bytesReceived));
          }
          // One that has to wait for its bytes.
          const waiting = pair.near.receive(buffer, { length: 1 });
          await context.flush();
          await sendText(far, pair.far, word.slice(at + 3, at + 4));
          await waiting;
          text += textOf(buffer.bytes.subarray(0, 1));
        }
        equal(text, word.slice(0, 20), "what was received in all");
        await loop.return();
      },
    },
    {
      id: "left-long",
      promise: "nothing-is-lost",
      title: "what had arrived for a loop that has stood still for long goes to the next receive, in order",
      mutants: ["standing-chunks-kept-from-others"],
      run: async (context) => {
        const { io, far } = context;
        await using pair = await context.pair();
        const loop = pair.near[Symbol.asyncIterator]();
        const first = loop.next();
        await context.flush();
        await sendText(far, pair.far, "a");
        (await first).value?.buffer.release();
        for (const letter of "bcd") {
          await sendText(far, pair.far, letter);
          await context.turn(2);
        }
        // Longer than a submission is left standing that nobody waits for.
        await context.after(150);
        using buffer = io.buffers.take(1);
        let text = "";
        while (text.length < 3) {
          const { bytesReceived } = await pair.near.receive(buffer);
          text += textOf(buffer.bytes.subarray(0, bytesReceived));
        }
        equal(text, "bcd", "what was received");
        await loop.return();
      },
    },
    {
      id: "asked-before",
      title: "a receive that is asked for while the loop waits comes behind the loop's next chunk",
      calmOnly: true,
      run: async (context) => {
        await using pair = await context.pair();
        const loop = pair.near[Symbol.asyncIterator]();
        const chunk = loop.next();
        await context.flush();
        using buffer = context.io.buffers.take(8);
        const receiving = pair.near.receive(buffer);
        await context.flush();
        await sendText(context.far, pair.far, "first");
        const { value } = await chunk;
        equal(textOf(value!.buffer.bytes.subarray(0, value!.bytesReceived)), "first", "the chunk of the loop");
        value!.buffer.release();
        await sendText(context.far, pair.far, "second");
        equal((await receiving).bytesReceived, 6, "the bytes of the receive");
        await loop.return();
      },
    },
    {
      id: "closed-standing",
      promise: "buffer-comes-home",
      title: "closing a stream whose loop stands still gives the buffers of the chunks back that nobody took",
      mutants: ["standing-loop-keeps-chunks"],
      run: async (context) => {
        await using pair = await context.pair();
        const loop = pair.near[Symbol.asyncIterator]();
        const chunk = loop.next();
        await context.flush();
        await sendText(context.far, pair.far, "first");
        (await chunk).value?.buffer.release();
        for (const letter of "abcdef") await sendText(context.far, pair.far, letter);
        await context.after(2);
        // The ledger looks for the buffers.
        await pair.near.close();
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
