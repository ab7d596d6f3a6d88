/**
 * What is in use is never taken for dropped, though the program holds nothing of it but a promise; and what is dropped
 * is noticed, reported and closed. Each case collects garbage while it waits.
 */

import type { SocketAddress, TcpListener, TcpStream } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern } from "./bytes.js";
import type { CaseDefinition, Clause, Need } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, ok, rejects } from "./expect.js";
import { receiveBytes, sendText } from "./stream-talk.js";

/** A way to wait for bytes on a connection that nothing else refers to; resolves with their count, five at most. */
interface Way {
  readonly title: string;
  readonly needs?: readonly Need[];
  /** Resources that are dropped with it. */
  readonly drops?: number;
  wait(context: CaseContext, connect: () => Promise<TcpStream>): Promise<number>;
}

const ways: Readonly<Record<string, Way>> = {
  chained: {
    title: "a receive that is chained to its connect",
    wait: ({ io }, connect) =>
      connect()
        .then((stream) => stream.receive(io.buffers.take(16)))
        .then(counted),
  },
  nested: {
    title: "a receive on what was awaited in the same expression",
    wait: async ({ io }, connect) => counted(await (await connect()).receive(io.buffers.take(16))),
  },
  provided: {
    title: "a receive without a buffer",
    needs: ["providedBuffer"],
    wait: async (_context, connect) => {
      const { buffer, bytesReceived } = await (await connect()).receive();
      buffer?.release();
      return bytesReceived;
    },
  },
  loop: {
    title: "a loop over the chunks",
    needs: ["providedBuffer"],
    wait: async (_context, connect) => {
      for await (const { buffer, bytesReceived } of await connect()) {
        buffer.release();
        return bytesReceived;
      }
      return 0;
    },
  },
  submitted: {
    title: "an operation that was submitted",
    wait: async ({ io }, connect) => {
      const buffer = io.buffers.take(16);
      const { done } = io.submit({ opcode: "receive", stream: await connect(), buffer });
      return counted(await done);
    },
  },
  "in-a-lane": {
    title: "a receive that waits behind another one",
    wait: async ({ io }, connect) => {
      const { first, second } = await (async () => {
        const stream = await connect();
        return { first: stream.receive(io.buffers.take(2)), second: stream.receive(io.buffers.take(16)) };
      })();
      return counted(await first) + counted(await second);
    },
  },
  poll: {
    title: "a poll",
    needs: ["poll"],
    wait: async (_context, connect) => ((await (await connect()).poll({ readable: true })).readable ? 5 : 0),
  },
  piped: {
    title: "a transfer into a file",
    needs: ["pipeTo", "open", "write"],
    drops: 2,
    wait: async (context, connect) => {
      const piping = async () =>
        (await connect()).pipeTo(await context.io.openFile(context.path(), "w"), { bytesMax: 5 });
      return (await piping()).bytesTransferred;
    },
  },
};

function counted({ buffer, bytesReceived }: { buffer: { release(): unknown }; bytesReceived: number }): number {
  buffer.release();
  return bytesReceived;
}

/** Connects to a listener over the driver under test. */
function connectTo({ io }: CaseContext, { address }: { readonly address: SocketAddress }): Promise<TcpStream> {
  return io.connect({ host: address.address, port: address.port });
}

/** Collects until no more than so many resources are open: what was dropped has been noticed and closed. */
function untilOpen(context: CaseContext, count: number): Promise<void> {
  return context.collectUntil(
    () => context.io.inspect().resources.length <= count,
    () => `${count} resources to be open; there are ${context.io.inspect().resources.map(({ label }) => label)}`,
  );
}

function awaitedCase([id, way]: [string, Way]): CaseDefinition {
  const { title, needs = [], drops = 1, wait } = way;
  return {
    id: `awaited-${id}`,
    title: `${title} gets its bytes, whatever is collected meanwhile; after that the connection is noticed as dropped`,
    needs,
    subjectNeeds: ["collectGarbage"],
    mutants: ["in-use-taken-for-dropped"],
    run: async (context) => {
      context.expect({ dropped: drops });
      await using listener = await context.io.listen();
      const told = wait(context, () => connectTo(context, listener)).catch((error: unknown) => error);
      await using near = await listener.accept();
      await context.collect();
      await sendText(context.io, near, "hello");
      const bytes = await told;
      ok(typeof bytes === "number" && bytes > 0 && bytes <= 5, `some of the bytes to come, not ${bytes}`);
      await untilOpen(context, 2);
    },
  };
}

/** A listener of which nothing is kept but what `use` answers. */
async function withListener<T>(
  context: CaseContext,
  use: (listener: TcpListener) => T,
): Promise<{ readonly address: SocketAddress; readonly used: T }> {
  const listener = await context.io.listen();
  return { address: listener.address, used: use(listener) };
}

export const lifetimeClause: Clause = {
  id: "lifetime",
  title: "what is used and what is dropped",
  promise: "closing-is-orderly",
  needs: [...connectionNeeds, "send", "receive", "shutdown"],
  cases: [
    ...Object.entries(ways).map(awaitedCase),
    {
      id: "awaited-send",
      title: "a send goes out whole, whatever is collected meanwhile",
      subjectNeeds: ["collectGarbage"],
      mutants: ["in-use-taken-for-dropped"],
      run: async (context) => {
        const { io } = context;
        context.expect({ dropped: 1 });
        await using listener = await io.listen();
        const message = pattern(4 << 20, 3);
        const sending = (async () => {
          const stream = await connectTo(context, listener);
          return stream.send(io.buffers.copyFrom(message));
        })();
        await using near = await listener.accept();
        await context.collect();
        const received = receiveBytes(io, near, message.length);
        const { bytesSent, buffer } = await sending;
        buffer.release();
        equal(bytesSent, message.length, "the bytes that were sent");
        equal((await received).length, message.length, "the bytes that were received");
        await untilOpen(context, 2);
      },
    },
    {
      id: "awaited-close",
      title: "a close that nobody else waits for ends well, whatever is collected meanwhile",
      subjectNeeds: ["collectGarbage"],
      run: async (context) => {
        await using listener = await context.io.listen();
        const closing = connectTo(context, listener).then((stream) => stream.close());
        await using _near = await listener.accept();
        await context.collect();
        await closing;
      },
    },
    {
      id: "awaited-accept",
      title:
        "an accept gets its connection, whatever is collected meanwhile; after that the listener is noticed as dropped",
      subjectNeeds: ["collectGarbage"],
      mutants: ["in-use-taken-for-dropped"],
      run: async (context) => {
        context.expect({ dropped: 1 });
        const { address, used: accepting } = await withListener(context, (listener) => listener.accept());
        await context.collect();
        await using _far = await connectTo(context, { address });
        await using _near = await accepting;
        await untilOpen(context, 2);
      },
    },
    {
      id: "awaited-accept-loop",
      title: "a loop over a listener gets its connections, whatever is collected meanwhile",
      subjectNeeds: ["collectGarbage"],
      mutants: ["in-use-taken-for-dropped"],
      run: async (context) => {
        context.expect({ dropped: 1 });
        const { address, used: accepting } = await withListener(context, async (listener) => {
          const streams: TcpStream[] = [];
          for await (const stream of listener) if (streams.push(stream) === 2) break;
          return streams;
        });
        const streams: TcpStream[] = [];
        for (let connection = 0; connection < 2; connection++) {
          await context.collect();
          streams.push(await connectTo(context, { address }));
        }
        for (const stream of [...streams, ...(await accepting)]) await stream.close();
        await untilOpen(context, 0);
      },
    },
    {
      id: "awaited-datagram",
      title:
        "a receive gets its datagram, whatever is collected meanwhile; after that the socket is noticed as dropped",
      needs: ["datagram", "sendMessage", "receiveMessage"],
      subjectNeeds: ["collectGarbage"],
      mutants: ["in-use-taken-for-dropped"],
      run: async (context) => {
        const { io } = context;
        context.expect({ dropped: 1 });
        const { address, port, receiving } = await (async () => {
          const socket = await io.bindUdp();
          return { ...socket.address, receiving: socket.receive(io.buffers.take(16)) };
        })();
        await context.collect();
        await using sender = await io.bindUdp();
        using message = io.buffers.copyFrom("hello");
        await sender.send(message, { address, port, length: 5 });
        equal(counted(await receiving), 5, "the bytes that came");
        await untilOpen(context, 1);
      },
    },
    {
      id: "dropped-listener",
      title: "a listener that was dropped is closed, though a connection that it accepted lives on",
      subjectNeeds: ["collectGarbage"],
      mutants: ["standing-accept-kept", "dropped-listener-kept"],
      run: async (context) => {
        const { io } = context;
        context.expect({ dropped: 1 });
        const { address, used: accepting } = await withListener(context, (listener) => listener.accept());
        await using far = await connectTo(context, { address });
        await using near = await accepting;
        await untilOpen(context, 2);
        await rejects(connectTo(context, { address }), "ECONNREFUSED");
        await sendText(io, far, "still");
        equal((await receiveBytes(io, near, 5)).length, 5, "what the connection still carries");
      },
    },
    {
      id: "dropped-loop",
      title: "a connection whose loop was dropped between two chunks is closed",
      needs: ["providedBuffer"],
      subjectNeeds: ["collectGarbage"],
      mutants: ["standing-receive-kept"],
      run: async (context) => {
        context.expect({ dropped: 1 });
        await using listener = await context.io.listen();
        const taking = (async () => {
          const stream = await connectTo(context, listener);
          const { value } = await stream[Symbol.asyncIterator]().next();
          value?.buffer.release();
        })();
        await using near = await listener.accept();
        await sendText(context.io, near, "x");
        await taking;
        await untilOpen(context, 2);
        using into = context.io.buffers.take(16);
        const ended = await near.receive(into).then(
          ({ bytesReceived }) => bytesReceived,
          ({ code }: { code?: string }) => code,
        );
        ok(ended === 0 || ended === "ECONNRESET", "the other end to learn of it");
      },
    },
    {
      id: "accepted-and-dropped",
      title:
        "an accepted connection that was dropped unused goes to one more caller, and is closed when that drops it too",
      promise: "nothing-is-lost",
      subjectNeeds: ["collectGarbage"],
      mutants: ["dropped-connection-comes-for-ever"],
      run: async (context) => {
        const { io } = context;
        context.expect({ dropped: 2 });
        await using listener = await io.listen();
        await using far = await connectTo(context, listener);
        const acceptAndDrop = async () => void (await listener.accept());
        await acceptAndDrop();
        await context.collectUntil(() => listener.ready === 1, "the connection to come back");
        await acceptAndDrop();
        await untilOpen(context, 2);
        equal(listener.ready, 0, "the connections that wait for a caller");
        using into = io.buffers.take(16);
        const ended = await far.receive(into).then(
          ({ bytesReceived }) => bytesReceived,
          ({ code }: { code?: string }) => code,
        );
        ok(ended === 0 || ended === "ECONNRESET", "the other end to learn of it");
      },
    },
  ],
};
