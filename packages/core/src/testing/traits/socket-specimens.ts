/** One of each operation on listeners and connections. */
import type { Backend, Lendable, OperationOptions, Readiness, TcpListener, TcpStream } from "@baton-io/core";
import type { Need } from "../conformance/case.js";
import type { CaseContext, Pair } from "../conformance/context.js";
import { equal, equalBytes } from "../conformance/expect.js";
import { endsByItself, putAway, type Specimen, type Stage } from "./specimen.js";

const word = new TextEncoder().encode("word");

/** What it takes to have two connected ends. */
export const connectionNeeds: readonly Need[] = ["listen", "accept", "connect", "close"];

const base = {
  waits: false,
  finishes: true,
  takesOptions: true,
  submittable: true,
  onResource: false,
  buffer: "none",
} as const;

/** Sends four bytes from the other end. */
async function sendWord(far: Backend, stream: TcpStream): Promise<void> {
  using buffer = far.buffers.copyFrom(word);
  await stream.send(buffer);
}

/** Making connections. */
const connecting: readonly Specimen[] = [
  {
    ...base,
    id: "listen",
    title: "listening",
    needs: ["listen", "close"],
    submittable: false,
    prepare: async ({ io }) => ({
      call: (options) => io.listen(options),
      finish: endsByItself,
      check: async (result) => {
        await (result as TcpListener).close();
      },
      [Symbol.asyncDispose]: putAway(),
    }),
  },
  {
    ...base,
    id: "connect",
    title: "connecting",
    needs: connectionNeeds,
    submittable: false,
    prepare: async ({ io, far }) => {
      const listener = await far.listen();
      const { address: host, port } = listener.address;
      return {
        call: (options) => io.connect({ host, port, ...options }),
        finish: endsByItself,
        check: async (result) => {
          await (result as TcpStream).close();
        },
        [Symbol.asyncDispose]: putAway(listener),
      };
    },
  },
  {
    ...base,
    id: "accept",
    title: "an accept",
    needs: connectionNeeds,
    waits: true,
    cancelNeeds: "cancelSocket",
    onResource: true,
    prepare: async (context) => {
      const listener = await context.io.listen();
      const connections: TcpStream[] = [];
      return {
        resource: listener,
        call: (options) => listener.accept(options),
        request: (options) => ({ opcode: "accept", listener, ...options }),
        finish: async () => {
          connections.push(await context.connectTo(listener));
        },
        check: async (result) => {
          await (result as TcpStream).close();
        },
        [Symbol.asyncDispose]: async () => putAway(...connections, listener)(),
      };
    },
  },
];

/** An operation on one end of a connection. */
function onStream(
  specimen: Pick<Specimen, "id" | "title"> & Partial<Specimen>,
  need: Need,
  parts: (context: CaseContext, pair: Pair) => Omit<Stage, "resource" | typeof Symbol.asyncDispose>,
): Specimen {
  return {
    ...base,
    onResource: true,
    ...specimen,
    needs: [...connectionNeeds, need, ...(specimen.needs ?? [])],
    prepare: async (context) => {
      const pair = await context.pair();
      const stage = parts(context, pair);
      return { resource: pair.near, ...stage, [Symbol.asyncDispose]: putAway(stage.buffer, pair) };
    },
  };
}

const receiving: readonly Specimen[] = [
  onStream(
    {
      id: "receive",
      title: "a receive",
      waits: true,
      cancelNeeds: "cancelSocket",
      buffer: "exclusive",
      needs: ["send"],
    },
    "receive",
    ({ io, far }, { near, far: other }) => {
      const buffer = io.buffers.take(4);
      return {
        buffer,
        call: (options) => near.receive(buffer, options),
        request: (options) => ({ opcode: "receive", stream: near, buffer, ...options }),
        transfer: (lent, options) => near.receive(lent, options),
        finish: () => sendWord(far, other),
        check: async (result) => {
          const { bytesReceived, buffer: home } = result as { bytesReceived: number; buffer: unknown };
          equal(home, buffer, "the buffer in the result");
          equalBytes(buffer.bytes.subarray(0, bytesReceived), word.subarray(0, bytesReceived), "what was received");
          // A short receive leaves the rest for the next one; the word must be whole in the end.
          for (let got = bytesReceived; got < word.length; ) {
            const next = await near.receive(buffer, { length: word.length - got });
            equalBytes(
              buffer.bytes.subarray(0, next.bytesReceived),
              word.subarray(got, got + next.bytesReceived),
              "the rest",
            );
            got += next.bytesReceived;
          }
        },
      };
    },
  ),
  onStream(
    {
      id: "receive-provided",
      title: "a receive without a buffer",
      waits: true,
      cancelNeeds: "cancelSocket",
      needs: ["send", "providedBuffer"],
    },
    "receive",
    ({ far }, { near, far: other }) => ({
      call: (options?: OperationOptions) => near.receive(options),
      request: (options) => ({ opcode: "receive", stream: near, ...options }),
      finish: () => sendWord(far, other),
      check: async (result) => {
        const received: number[] = [];
        let next = result as { bytesReceived: number; buffer?: { bytes: Uint8Array; release(): unknown } };
        for (;;) {
          received.push(...next.buffer!.bytes.subarray(0, next.bytesReceived));
          next.buffer!.release();
          if (received.length >= word.length) break;
          next = (await near.receive()) as typeof next;
        }
        equalBytes(Uint8Array.from(received), word, "what was received");
      },
    }),
  ),
];

/** Readiness, which moves no byte: what came is there for a receive all the same. */
const polling: readonly Specimen[] = [
  onStream(
    {
      id: "poll",
      title: "waiting until there is something to receive",
      waits: true,
      cancelNeeds: "cancelSocket",
      needs: ["send", "receive"],
    },
    "poll",
    ({ io, far }, { near, far: other }) => ({
      call: (options) => near.poll({ readable: true, ...options }),
      request: (options) => ({ opcode: "poll", stream: near, readable: true, ...options }),
      finish: () => sendWord(far, other),
      check: async (result) => {
        equal((result as Readiness).readable, true, "that it is readable");
        using buffer = io.buffers.take(4);
        for (let got = 0; got < word.length; ) {
          const { bytesReceived } = await near.receive(buffer, { length: word.length - got });
          equalBytes(buffer.bytes.subarray(0, bytesReceived), word.subarray(got, got + bytesReceived), "what came");
          got += bytesReceived;
        }
      },
    }),
  ),
];

const sending: readonly Specimen[] = [
  onStream({ id: "send", title: "a send", buffer: "shared" }, "send", ({ io }, { near }) => {
    const buffer = io.buffers.take(4);
    buffer.bytes.set(word);
    return {
      buffer,
      call: (options) => near.send(buffer, options),
      request: (options) => ({ opcode: "send", stream: near, buffer, ...options }),
      transfer: (lent: Lendable, options) => near.send(lent, options),
      finish: endsByItself,
      check: async (result) => {
        const { bytesSent, buffer: home } = result as { bytesSent: number; buffer: unknown };
        equal(home, buffer, "the buffer in the result");
        equal(bytesSent > 0 && bytesSent <= word.length, true, "that some of the bytes were sent");
      },
    };
  }),
  onStream({ id: "shutdown", title: "a shutdown", takesOptions: false }, "shutdown", (_context, { near }) => ({
    call: () => near.shutdown("send"),
    request: () => ({ opcode: "shutdown", stream: near, how: "send" }),
    finish: endsByItself,
    check: async (result) => equal(result, undefined, "the result"),
  })),
  onStream(
    { id: "local-address", title: "asking for an end's own address", takesOptions: false, submittable: false },
    "address",
    (_context, { near, listener }) => ({
      call: () => near.localAddress(),
      finish: endsByItself,
      check: async (result) => equal((result as { port: number }).port, listener.address.port, "the port"),
    }),
  ),
  onStream(
    { id: "peer-address", title: "asking for the peer's address", takesOptions: false, submittable: false },
    "address",
    (_context, { near }) => ({
      call: () => near.peerAddress(),
      finish: endsByItself,
      check: async (result) => equal((result as { address: string }).address, "127.0.0.1", "the address"),
    }),
  ),
];

export const socketSpecimens: readonly Specimen[] = [...connecting, ...receiving, ...polling, ...sending];
