/** Receiving into buffers that the driver takes. */
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok } from "./expect.js";
import { sendBytes, sendText } from "./stream-talk.js";

export const receiveProvidedClause: Clause = {
  id: "receive-provided",
  title: "receiving without a buffer",
  needs: [...connectionNeeds, "send", "receive", "providedBuffer"],
  cases: [
    {
      id: "bytes-and-end",
      title: "it gives a buffer with the bytes, and at the end 0 and no buffer",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(100_000, 37);
        const sending = sendBytes(context.far, pair.far, bytes).then(() => pair.far.close());
        const received: number[] = [];
        for (;;) {
          const { bytesReceived, buffer } = await pair.near.receive();
          if (buffer === undefined) {
            equal(bytesReceived, 0, "bytesReceived without a buffer");
            break;
          }
          ok(bytesReceived > 0 && bytesReceived <= buffer.length, "a buffer with some bytes");
          received.push(...buffer.bytes.subarray(0, bytesReceived));
          buffer.release();
        }
        await sending;
        equalBytes(Uint8Array.from(received), bytes, "what was received");
      },
    },
    {
      id: "no-buffers-left",
      title: "while the program holds all buffers a receive pauses; it goes on when one is home, and nothing is lost",
      promise: "full-is-back-pressure",
      run: async (context) => {
        const io = context.open({ receiveBuffersMax: 2, receiveBufferBytes: 4096, poolBytesMax: 8192 });
        await using pair = await context.pair();
        const held: { buffer: NonNullable<Awaited<ReturnType<typeof pair.near.receive>>["buffer"]>; text: string }[] =
          [];
        const take = async () => {
          const { bytesReceived, buffer } = await pair.near.receive();
          held.push({ buffer: buffer!, text: textOf(buffer!.bytes.slice(0, bytesReceived)) });
        };
        using out =
          context.far === io ? io.buffers.unsafeBorrow(utf8("ab").slice()) : context.far.buffers.copyFrom("ab");
        await pair.far.send(out, { length: 1 });
        await take();
        await pair.far.send(out, { offset: 1, length: 1 });
        await take();
        let paused = true;
        await pair.far.send(out);
        const third = take().then(() => {
          paused = false;
        });
        await context.turn(3);
        equal(paused, true, "that the third receive waits for a buffer");
        equal(held.map(({ text }) => text).join(), "a,b", "what the first two received");
        held[0]!.buffer.release();
        await third;
        equal(held[2]!.text.startsWith("a"), true, "that the third has the bytes that waited");
        for (const { buffer } of held.slice(1)) buffer.release();
        if (held[2]!.text === "a") {
          await take();
          held[3]!.buffer.release();
        }
      },
    },
    {
      id: "on-many-connections",
      title: "on thirty connections at once each gets its own bytes",
      run: async (context) => {
        const pairs = await Promise.all(Array.from({ length: 30 }, () => context.pair()));
        const receives = pairs.map(({ near }) => near.receive());
        await Promise.all(pairs.map(({ far }, index) => sendText(context.far, far, `to ${index}`)));
        for (const [index, receive] of receives.entries()) {
          const { bytesReceived, buffer } = await receive;
          let text = textOf(buffer!.bytes.subarray(0, bytesReceived));
          buffer!.release();
          while (text.length < `to ${index}`.length) {
            const next = await pairs[index]!.near.receive();
            text += textOf(next.buffer!.bytes.subarray(0, next.bytesReceived));
            next.buffer!.release();
          }
          equal(text, `to ${index}`, `what connection ${index} received`);
        }
        for (const pair of pairs) await pair[Symbol.asyncDispose]();
      },
    },
    {
      id: "mixed-with-buffers",
      title: "with and without a buffer by turns, the bytes come in order",
      run: async (context) => {
        await using pair = await context.pair();
        using own = context.io.buffers.take(1);
        let text = "";
        await sendText(context.far, pair.far, "a");
        await pair.near.receive(own);
        text += textOf(own.bytes);
        await sendText(context.far, pair.far, "b");
        const provided = await pair.near.receive();
        text += textOf(provided.buffer!.bytes.subarray(0, 1));
        provided.buffer!.release();
        await sendText(context.far, pair.far, "c");
        await pair.near.receive(own);
        equal(text + textOf(own.bytes), "abc", "what was received");
      },
    },
  ],
};
