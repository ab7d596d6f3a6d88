/** Waiting until a connection is ready. */
import { connectionNeeds } from "../traits/socket-specimens.js";
import { textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, ok, rejects } from "./expect.js";
import { keepText, sendText } from "./stream-talk.js";

export const pollClause: Clause = {
  id: "poll",
  title: "waiting until a connection is ready",
  needs: [...connectionNeeds, "send", "receive", "poll"],
  cases: [
    {
      id: "writable",
      title: "a fresh connection is writable at once, and not readable",
      run: async (context) => {
        await using pair = await context.pair();
        for (const options of [{ writable: true }, { writable: true, readable: true }]) {
          const ready = await pair.near.poll(options);
          equal(ready.writable, true, "writable");
          equal(ready.readable, false, "readable");
          equal(ready.error || ready.hangUp, false, "an error or hang-up");
        }
      },
    },
    {
      id: "readable",
      title: "it waits until bytes are there, moves none of them, and says so again until they are received",
      needs: ["cancelSocket"],
      run: async (context) => {
        await using pair = await context.pair();
        const operation = context.io.submit({ opcode: "poll", stream: pair.near, readable: true });
        await context.untilTaken(operation);
        await context.turn(3);
        equal(operation.outcome, "pending", "the outcome before bytes are there");
        await sendText(context.far, pair.far, "x");
        equal((await operation.done).readable, true, "readable");
        equal((await pair.near.poll({ readable: true })).readable, true, "readable again");
        using buffer = context.io.buffers.take(4);
        const { bytesReceived } = await pair.near.receive(buffer);
        equal(textOf(buffer.bytes.subarray(0, bytesReceived)), "x", "what is received");
        await rejects(pair.near.poll({ readable: true, timeoutMs: 5 }), "ERR_TIMEOUT");
      },
    },
    {
      id: "end",
      title: "at the peer's end it is readable: a receive gives 0 at once",
      run: async (context) => {
        await using pair = await context.pair();
        await pair.far.close();
        equal((await pair.near.poll({ readable: true })).readable, true, "readable");
        using buffer = context.io.buffers.take(4);
        equal((await pair.near.receive(buffer)).bytesReceived, 0, "bytesReceived");
      },
    },
    {
      id: "kept-bytes",
      title: "bytes that were kept for the next receive make it readable, though the driver has none",
      promise: "nothing-is-lost",
      needs: ["cancelSocket"],
      run: async (context) => {
        await using pair = await context.pair();
        await keepText(context, pair, "kept");
        const ready = await pair.near.poll({ readable: true });
        ok(ready.readable, "the connection to be readable");
        using buffer = context.io.buffers.take(16);
        let text = "";
        while (text.length < 4) {
          const { bytesReceived } = await pair.near.receive(buffer);
          text += textOf(buffer.bytes.subarray(0, bytesReceived));
        }
        equal(text, "kept", "what is received");
        context.expect({ orphans: 1 });
      },
    },
    {
      id: "beside-transfers",
      title: "polls wait beside receives and sends, and hold none of them up",
      run: async (context) => {
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(4);
        const receiving = pair.near.receive(buffer);
        const polls = Array.from({ length: 5 }, () => pair.near.poll({ writable: true }));
        for (const ready of await Promise.all(polls)) equal(ready.writable, true, "writable");
        await sendText(context.io, pair.near, "out");
        await sendText(context.far, pair.far, "in");
        ok((await receiving).bytesReceived > 0, "bytes");
      },
    },
    {
      id: "bad-arguments",
      title: "neither readable nor writable, values that are none and misspelt options are refused",
      run: async (context) => {
        await using pair = await context.pair();
        const { submitted } = context.io.inspect().counters;
        for (const options of [{}, { readable: false }, { readable: false, writable: false }]) {
          await rejects(pair.near.poll(options), "ERR_INVALID_ARG_VALUE");
        }
        await rejects(pair.near.poll({ readable: 1 } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(pair.near.poll(undefined as never), "ERR_INVALID_ARG_TYPE");
        await rejects(pair.near.poll({ readable: true, priority: true } as never), "ERR_UNKNOWN_OPTION");
        equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
      },
    },
  ],
};
