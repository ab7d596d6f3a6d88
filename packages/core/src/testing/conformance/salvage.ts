/** Whatever wins the race against its cancel is not lost; it goes to the next caller. */
import type { TcpListener, TcpStream } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, sequence, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok, oneOf, rejects } from "./expect.js";
import { keepText, receiveAll, receiveBytes, sendText } from "./stream-talk.js";
import { giveUp, type WayOut, waysOut } from "./ways-out.js";

/** A connection that comes while the accept that waited for it is given up. */
function acceptCase(way: WayOut): Clause["cases"][number] {
  return {
    id: `accept-${way}`,
    title: `an accept that is given up (${way}) as a connection comes leaves it to the next accept`,
    run: async (context) => {
      await using listener = await context.listen();
      const clients: TcpStream[] = [];
      const streams: TcpStream[] = [];
      for (let round = 0; round < 5; round++) {
        const connecting = context.connectTo(listener);
        const won = await giveUp(context, way, (options) =>
          context.io.submit({ opcode: "accept", listener, ...options }),
        );
        clients.push(await connecting);
        streams.push(won === undefined ? await listener.accept() : (won as TcpStream));
      }
      for (const [index, client] of clients.entries()) {
        await sendText(context.far, client, `${index}`);
        await client.close();
      }
      const heard: string[] = [];
      for (const stream of streams) {
        heard.push(await receiveAll(context.io, stream));
        await stream.close();
      }
      equal(heard.sort().join(), "0,1,2,3,4", "what the accepted streams received");
      context.expect({ orphans: context.io.inspect().orphans.total });
    },
  };
}

/** Bytes that come while the receive that waited for them is given up. */
function receiveCase(way: WayOut): Clause["cases"][number] {
  return {
    id: `receive-${way}`,
    title: `a receive that is given up (${way}) as bytes come leaves them to the next receive`,
    run: async (context) => {
      await using pair = await context.pair();
      let text = "";
      for (let round = 0; round < 5; round++) {
        const buffer = context.io.buffers.take(16);
        const sending = sendText(context.far, pair.far, `<${round}>`);
        const won = (await giveUp(context, way, (options) =>
          context.io.submit({ opcode: "receive", stream: pair.near, buffer, ...options }),
        )) as { bytesReceived: number } | undefined;
        if (won !== undefined) text += textOf(buffer.bytes.subarray(0, won.bytesReceived));
        await sending;
        // Abandoned, it is the pool's again, sooner or later.
        buffer[Symbol.dispose]();
      }
      await pair.far.close();
      text += await receiveAll(context.io, pair.near);
      equal(text, "<0><1><2><3><4>", "all that was received");
      context.expect({ orphans: context.io.inspect().orphans.total });
    },
  };
}

export const salvageClause: Clause = {
  id: "salvage",
  title: "nothing that wins a race is lost",
  promise: "nothing-is-lost",
  needs: [...connectionNeeds, "send", "receive", "cancelSocket"],
  cases: [
    ...waysOut.map(acceptCase),
    ...waysOut.map(receiveCase),
    {
      id: "accept-already-answered",
      title: "an accept aborted when its connection is in already rejects, and the next accept gets the connection",
      run: async (context) => {
        await using listener = await context.listen();
        const client = await context.connectTo(listener);
        const controller = new AbortController();
        const operation = context.io.submit({ opcode: "accept", listener, signal: controller.signal });
        const flushed = context.flush();
        controller.abort();
        const outcome = await operation.done.then(
          (stream) => stream,
          (error: { code: string }) => error.code,
        );
        const stream = typeof outcome === "string" ? await listener.accept() : outcome;
        await flushed;
        await client.close();
        equal(await receiveAll(context.io, stream), "", "what the stream receives at its end");
        await stream.close();
      },
    },
    {
      id: "receive-already-answered",
      title: "a receive aborted when its bytes are in already rejects, and the next receive gets them",
      run: async (context) => {
        await using pair = await context.pair();
        await sendText(context.far, pair.far, "kept");
        using buffer = context.io.buffers.take(4);
        let text = "";
        for (let round = 0; round < 20 && text.length < 4; round++) {
          const controller = new AbortController();
          const pending = pair.near.receive(buffer, { signal: controller.signal });
          await context.turn();
          controller.abort();
          await pending.then(
            ({ bytesReceived }) => {
              text += textOf(buffer.bytes.subarray(0, bytesReceived));
            },
            (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
          );
        }
        text += textOf(await receiveBytes(context.io, pair.near, 4 - text.length));
        equal(text, "kept", "what was received");
      },
    },
    {
      id: "smaller-steps",
      title: "bytes that were kept are given out in the sizes that the next receives ask for",
      run: async (context) => {
        await using pair = await context.pair();
        await keepText(context, pair, "abcdefghij");
        using small = context.io.buffers.take(3);
        let text = "";
        while (text.length < 10) {
          const { bytesReceived } = await pair.near.receive(small);
          ok(bytesReceived > 0, "bytes");
          text += textOf(small.bytes.subarray(0, bytesReceived));
        }
        equal(text, "abcdefghij", "what was received");
        context.expect({ orphans: 1 });
      },
    },
    {
      id: "provided",
      title: "bytes of an abandoned receive without a buffer go to the next one, and their buffer goes home",
      needs: ["providedBuffer"],
      run: async (context) => {
        await using pair = await context.pair();
        const operation = context.io.submit({ opcode: "receive", stream: pair.near });
        await context.untilTaken(operation);
        operation.abandon();
        await rejects(operation.done, "ERR_OPERATION_ABANDONED");
        await sendText(context.far, pair.far, "provided");
        let text = "";
        while (text.length < 6) {
          const { bytesReceived, buffer } = await pair.near.receive();
          text += textOf(buffer!.bytes.subarray(0, bytesReceived));
          buffer!.release();
        }
        equal(text, "provided", "what was received");
        context.expect({ orphans: 1 });
      },
    },
    {
      id: "byte-ledger",
      title: "a reader that aborts at every second receive has all bytes in order in the end",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(20_000, 41);
        const random = sequence(7);
        const writer = (async () => {
          for (let at = 0; at < bytes.length; ) {
            const length = 1 + random(300);
            using buffer = context.far.buffers.copyFrom(bytes.subarray(at, at + length));
            await pair.far.send(buffer);
            at += length;
            if (random(3) === 0) await context.turn();
          }
          await pair.far.close();
        })();
        const received: number[] = [];
        using buffer = context.io.buffers.take(128);
        for (let round = 0, ended = false; !ended; round++) {
          const controller = new AbortController();
          const pending = pair.near.receive(buffer, { signal: controller.signal });
          if (round % 2 === 0) {
            if (random(2) === 0) await context.flush();
            controller.abort();
          }
          await pending.then(
            ({ bytesReceived }) => {
              received.push(...buffer.bytes.subarray(0, bytesReceived));
              ended = bytesReceived === 0;
            },
            (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
          );
        }
        await writer;
        equalBytes(Uint8Array.from(received), bytes, "what was received");
      },
    },
    {
      id: "connection-ledger",
      title:
        "with accepts raced against aborts in a loop, as many connections are accepted as were made, each with its bytes",
      run: async (context) => {
        await using listener = await context.listen();
        const count = 40;
        const heard = new Set<string>();
        const server = serveUntil(context, listener, count, heard);
        const clients = Array.from({ length: count }, async (_, index) => {
          if (index % 4 === 0) await context.turn(index % 3);
          const client = await context.connectTo(listener);
          await sendText(context.far, client, `client ${index}`);
          await client.close();
        });
        await Promise.all([...clients, server]);
        equal(heard.size, count, "the number of clients that were heard");
      },
    },
    {
      id: "race-with-a-timer",
      title: "the loser of Promise.race can be aborted: no connection is lost, however short the deadline",
      needs: ["timer"],
      run: async (context) => {
        await using listener = await context.listen();
        const accepted: TcpStream[] = [];
        const clients: Promise<TcpStream>[] = [];
        for (let round = 0; accepted.length < 10; round++) {
          if (round < 10) clients.push(context.connectTo(listener));
          const controller = new AbortController();
          const accept = listener.accept({ signal: controller.signal });
          const winner = await Promise.race([accept, context.io.sleep(round % 2)]);
          controller.abort();
          if (winner !== undefined) accepted.push(winner);
          else {
            await accept.then(
              (stream) => accepted.push(stream),
              (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
            );
          }
        }
        equal(new Set(accepted).size, 10, "the number of connections accepted");
        for (const stream of [...accepted, ...(await Promise.all(clients))]) await stream.close();
      },
    },
    {
      id: "connect-aborted",
      title: "a connect that is aborted leaves no connection open: the other side sees its end, or never saw it",
      run: async (context) => {
        await using listener = await context.far.listen();
        const { address: host, port } = listener.address;
        const accepting = new AbortController();
        const ends: Promise<unknown>[] = [];
        const server = (async () => {
          for (;;) {
            const stream = await listener.accept({ signal: accepting.signal });
            ends.push(receiveAll(context.far, stream).finally(() => stream.close()));
          }
        })().catch((error: { code: string }) => error.code);
        for (let round = 0; round < 10; round++) {
          const controller = new AbortController();
          const connecting = context.io.connect({ host, port, signal: controller.signal });
          await context.turn(round % 3);
          controller.abort();
          await connecting.then(
            (stream) => stream.close(),
            (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
          );
        }
        // One that is not aborted: what came before it has been accepted when it has.
        const last = await context.io.connect({ host, port });
        await context.until(() => ends.length > 0, "the last connection to be accepted");
        await last.close();
        await context.turn(3);
        accepting.abort();
        equal(await server, "ABORT_ERR", "how the server's loop ended");
        for (const end of await Promise.allSettled(ends)) {
          if (end.status === "rejected")
            oneOf((end.reason as { code: string }).code, ["ECONNRESET"], "how a connection ended");
        }
      },
    },
    {
      id: "send-says-how-many",
      title: "a send that is canceled says how many bytes went out, and exactly these arrive",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(8 * 2 ** 20, 43);
        using buffer = context.io.buffers.copyFrom(bytes);
        const controller = new AbortController();
        const sending = pair.near.send(buffer, { signal: controller.signal });
        await context.flush();
        await context.turn(2);
        controller.abort();
        const receiving = receiveBytes(context.far, pair.far, Number.POSITIVE_INFINITY, 2 ** 20);
        const sent = await sending.then(
          ({ bytesSent }) => bytesSent,
          (error: { code: string; bytesTransferred: number; buffer: unknown }) => {
            equal(error.code, "ABORT_ERR", "the code of the error");
            equal(error.buffer, buffer, "error.buffer");
            return error.bytesTransferred;
          },
        );
        await pair.near.close();
        equalBytes(await receiving, bytes.subarray(0, sent), "what arrived");
      },
    },
  ],
};

/** Accepts until `count` connections have been heard, giving up half of the accepts. */
async function serveUntil(
  context: CaseContext,
  listener: TcpListener,
  count: number,
  heard: Set<string>,
): Promise<void> {
  const random = sequence(11);
  const conversations: Promise<void>[] = [];
  while (conversations.length < count) {
    const controller = new AbortController();
    const accepting = listener.accept({ signal: controller.signal, ...(random(4) === 0 && { timeoutMs: 1 }) }).then(
      (stream) => {
        conversations.push(
          receiveAll(context.io, stream).then(async (text) => {
            heard.add(text);
            await stream.close();
          }),
        );
      },
      (error: { code: string }) => oneOf(error.code, ["ABORT_ERR", "ERR_TIMEOUT"], "the code of the error"),
    );
    if (random(2) === 0) {
      await context.turn(random(3));
      controller.abort();
    }
    await accepting;
  }
  await Promise.all(conversations);
}
