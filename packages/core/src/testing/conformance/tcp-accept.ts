/** Accepting. */
import type { TcpStream } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause } from "./case.js";
import { equal, oneOf, rejects } from "./expect.js";
import { signalThat } from "./own-signals.js";
import { receiveAll, sendText } from "./stream-talk.js";

export const acceptClause: Clause = {
  id: "tcp-accept",
  title: "accepting",
  needs: connectionNeeds,
  cases: [
    {
      id: "waiting-connections",
      title: "connections that were made before anybody accepts are all there, in whatever order",
      run: async (context) => {
        await using listener = await context.listen();
        const clients = await Promise.all(Array.from({ length: 5 }, () => context.connectTo(listener)));
        const streams: TcpStream[] = [];
        for (let index = 0; index < 5; index++) streams.push(await listener.accept());
        equal(new Set(streams).size, 5, "the number of different streams");
        await Promise.all([...clients, ...streams].map((stream) => stream.close()));
      },
    },
    {
      id: "fifty-at-once",
      title: "fifty accepts and fifty connects at once meet, and each pair talks to itself",
      needs: ["send", "receive"],
      run: async (context) => {
        await using listener = await context.listen();
        const accepts = Array.from({ length: 50 }, () => listener.accept());
        const clients = await Promise.all(Array.from({ length: 50 }, () => context.connectTo(listener)));
        await Promise.all(
          clients.map(async (client, index) => {
            await sendText(context.far, client, `client ${index}`);
            await client.close();
          }),
        );
        const heard = await Promise.all(
          accepts.map(async (accept) => {
            const stream = await accept;
            const text = await receiveAll(context.io, stream);
            await stream.close();
            return text;
          }),
        );
        equal(
          heard.sort().join(),
          Array.from({ length: 50 }, (_, index) => `client ${index}`)
            .sort()
            .join(),
          "what was heard",
        );
      },
    },
    {
      id: "iterator",
      title: "for await gives stream after stream, and ends when the listener is closed",
      run: async (context) => {
        const listener = await context.listen();
        const seen: TcpStream[] = [];
        const loop = (async () => {
          for await (const stream of listener) {
            seen.push(stream);
            if (seen.length === 3) await listener.close();
          }
        })();
        const clients = await Promise.all(Array.from({ length: 3 }, () => context.connectTo(listener)));
        await loop;
        equal(seen.length, 3, "the number of streams");
        await Promise.all([...clients, ...seen].map((stream) => stream.close()));
      },
    },
    {
      id: "iterator-waiting-at-close",
      title: "a loop that waits for the next connection ends without an error when the listener is closed",
      promise: "closing-is-orderly",
      run: async (context) => {
        const listener = await context.listen();
        const loop = (async () => {
          for await (const stream of listener) await stream.close();
        })();
        await context.flush();
        await context.turn();
        await listener.close();
        await loop;
      },
    },
    {
      id: "iterator-left",
      title: "breaking out of the loop loses no connection: the next accept gets it, and the listener is open",
      promise: "nothing-is-lost",
      run: async (context) => {
        await using listener = await context.listen();
        const clients = await Promise.all(Array.from({ length: 3 }, () => context.connectTo(listener)));
        const streams: TcpStream[] = [];
        for await (const stream of listener) {
          streams.push(stream);
          break;
        }
        equal(listener.closed, false, "listener.closed after the loop");
        streams.push(await listener.accept());
        for await (const stream of listener) {
          streams.push(stream);
          if (streams.length === 3) break;
        }
        equal(new Set(streams).size, 3, "the number of different streams");
        await Promise.all([...clients, ...streams].map((stream) => stream.close()));
      },
    },
    {
      id: "close-with-callers",
      title: "closing the listener rejects every waiting accept with ERR_RESOURCE_CLOSED",
      promise: "closing-is-orderly",
      run: async (context) => {
        const listener = await context.listen();
        const waiting = Array.from({ length: 5 }, () => rejects(listener.accept(), "ERR_RESOURCE_CLOSED"));
        await context.flush();
        await listener.close();
        equal((await Promise.all(waiting)).length, 5, "the number of rejections");
      },
    },
    {
      id: "closed-by-the-signal",
      title:
        "an accept whose signal closes the listener while it is listened to is told so, and one that calls back is",
      promise: "ends-once",
      mutants: ["accept-on-a-closed-listener", "early-end-before-its-wait"],
      run: async (context) => {
        await using other = await context.listen();
        const calls = signalThat((callback) => callback());
        await rejects(other.accept({ signal: calls, timeoutMs: 60_000 }), "ABORT_ERR");
        const listener = await context.listen();
        // With some drivers there is an accept in flight from now on.
        const client = await context.connectTo(listener);
        const accepted = await listener.accept();
        let closing: Promise<unknown> | undefined;
        const closes = signalThat(() => {
          closing = listener.close();
        });
        await rejects(listener.accept({ signal: closes }), "ERR_RESOURCE_CLOSED");
        await closing;
        for (const stream of [client, accepted]) await stream.close();
      },
    },
    {
      id: "close-with-connections",
      title: "closing the listener ends connections that nobody took, and leaves alone those that were accepted",
      promise: "closing-is-orderly",
      needs: ["send", "receive"],
      run: async (context) => {
        const listener = await context.listen();
        const taken = await context.connectTo(listener);
        const accepted = await listener.accept();
        const left = await context.connectTo(listener);
        await listener.close();
        using buffer = context.far.buffers.take(16);
        const ended = await left.receive(buffer).then(
          (result) => result.bytesReceived,
          (error: { code: string }) => error.code,
        );
        oneOf(ended, [0, "ECONNRESET"], "how the connection that nobody took ended");
        await sendText(context.far, taken, "still here");
        await taken.close();
        equal(await receiveAll(context.io, accepted), "still here", "what the accepted stream received");
        await Promise.all([accepted.close(), left.close()]);
      },
    },
  ],
};
