/** Datagrams: whole, with their senders, one for one. */
import type { UdpSocket } from "@baton-io/core";
import { datagramNeeds } from "../traits/datagram-specimens.js";
import { pattern, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok, oneOf, rejects } from "./expect.js";
import { giveUp, type WayOut, waysOut } from "./ways-out.js";

/** The longest datagram over IPv4: 65,535 less the headers of IP and UDP. */
const DATAGRAM_BYTES_MAX = 65_507;

/** A socket on `io` and one on `far`. */
async function sockets(context: CaseContext): Promise<{ near: UdpSocket; far: UdpSocket } & AsyncDisposable> {
  const [near, far] = [await context.io.bindUdp(), await context.far.bindUdp()];
  return {
    near,
    far,
    [Symbol.asyncDispose]: async () => {
      await near[Symbol.asyncDispose]();
      await far[Symbol.asyncDispose]();
    },
  };
}

/** Sends a text from `far` to a socket. */
async function sendText(context: CaseContext, from: UdpSocket, to: UdpSocket, text: string): Promise<void> {
  const { address, port } = to.address;
  using buffer = context.far.buffers.copyFrom(`${text}.`);
  // A buffer of no bytes cannot be taken, but a part can.
  await from.send(buffer, { address, port, length: buffer.length - 1 });
}

/** A datagram that is given up as it comes. */
function keepCase(way: WayOut): Clause["cases"][number] {
  return {
    id: `keeps-${way}`,
    title: `a receive that is given up (${way}) as datagrams come leaves each, whole and with its sender, to the next`,
    promise: "nothing-is-lost",
    needs: ["cancelSocket"],
    calmOnly: true,
    run: async (context) => {
      await using pair = await sockets(context);
      const texts: string[] = [];
      const take = (result: { bytesReceived: number; address: { port: number } }, bytes: () => Uint8Array) => {
        equal(result.address.port, pair.far.address.port, "the sender's port");
        texts.push(textOf(bytes().subarray(0, result.bytesReceived)));
      };
      for (let round = 0; round < 6; round++) {
        const buffer = context.io.buffers.take(16);
        const sending = sendText(context, pair.far, pair.near, `<${"x".repeat(round)}${round}>`);
        const won = (await giveUp(context, way, (options) =>
          context.io.submit({ opcode: "receiveMessage", socket: pair.near, buffer, ...options }),
        )) as { bytesReceived: number; address: { port: number } } | undefined;
        if (won !== undefined) take(won, () => buffer.bytes);
        await sending;
        buffer[Symbol.dispose]();
      }
      await context.until(() => context.io.inspect().operations.length === 0, "the receives to have ended");
      using buffer = context.io.buffers.take(16);
      while (texts.length < 6) take(await pair.near.receive(buffer, { timeoutMs: 2000 }), () => buffer.bytes);
      equal(texts.join(), "<0>,<x1>,<xx2>,<xxx3>,<xxxx4>,<xxxxx5>", "the datagrams");
      context.expect({ orphans: context.io.inspect().orphans.total });
    },
  };
}

export const datagramClause: Clause = {
  id: "udp",
  title: "datagrams",
  needs: [...datagramNeeds, "sendMessage", "receiveMessage"],
  cases: [
    {
      id: "there-and-back",
      mutants: ["sender-is-forgotten"],
      title: "a datagram comes with its sender's address, and an answer to it arrives",
      calmOnly: true,
      run: async (context) => {
        await using pair = await sockets(context);
        using out = context.far.buffers.copyFrom("question");
        using into = context.io.buffers.take(64);
        const { bytesSent } = await pair.far.send(out, pair.near.address);
        equal(bytesSent, 8, "bytesSent");
        const { bytesReceived, address, truncated, buffer } = await pair.near.receive(into);
        equal(buffer, into, "the buffer in the result");
        equal(textOf(into.bytes.subarray(0, bytesReceived)), "question", "what was received");
        equal(JSON.stringify(address), JSON.stringify(pair.far.address), "the sender");
        equal(truncated, false, "truncated");
        await pair.near.send(into, { address: address.address, port: address.port, offset: 2, length: 4 });
        const answer = await pair.far.receive(out);
        equal(textOf(out.bytes.subarray(0, answer.bytesReceived)), "esti", "the answer");
      },
    },
    {
      id: "boundaries",
      title: "each datagram comes by itself, however short, one of no bytes too, in the order of the receives",
      calmOnly: true,
      run: async (context) => {
        await using pair = await sockets(context);
        const texts = ["one", "", "three", "4", "", "six"];
        const buffers = texts.map(() => context.io.buffers.take(16));
        const receives = buffers.slice(0, 3).map((buffer) => pair.near.receive(buffer));
        await context.flush();
        for (const text of texts) await sendText(context, pair.far, pair.near, text);
        const results = await Promise.all([
          ...receives,
          ...buffers.slice(3).map((buffer) => pair.near.receive(buffer)),
        ]);
        const heard = results.map(({ bytesReceived, buffer }) => textOf(buffer.bytes.subarray(0, bytesReceived)));
        equal(heard.join("|"), texts.join("|"), "the datagrams");
        for (const buffer of buffers) buffer.release();
      },
    },
    {
      id: "truncated",
      mutants: ["truncation-not-told"],
      title: "what does not fit is gone, truncated says so, and the next datagram is whole",
      calmOnly: true,
      run: async (context) => {
        await using pair = await sockets(context);
        using buffer = context.io.buffers.take(8);
        buffer.bytes.fill(0x2e);
        for (const text of ["0123456789", "abc"]) await sendText(context, pair.far, pair.near, text);
        const first = await pair.near.receive(buffer, { offset: 2, length: 4 });
        equal(first.bytesReceived, 4, "bytesReceived");
        equal(first.truncated, true, "truncated");
        equal(textOf(buffer.bytes), "..0123..", "the buffer");
        const second = await pair.near.receive(buffer);
        equal(textOf(buffer.bytes.subarray(0, second.bytesReceived)), "abc", "the next datagram");
        equal(second.truncated, false, "truncated");
      },
    },
    {
      id: "longest",
      title: `a datagram of ${DATAGRAM_BYTES_MAX} bytes arrives whole; a longer one is EMSGSIZE, with the receiver and the buffer`,
      calmOnly: true,
      run: async (context) => {
        await using pair = await sockets(context);
        const bytes = pattern(DATAGRAM_BYTES_MAX + 1, 71);
        using out = context.io.buffers.copyFrom(bytes);
        using into = context.far.buffers.take(DATAGRAM_BYTES_MAX + 1);
        const { address, port } = pair.far.address;
        await rejects(pair.near.send(out, { address, port }), "EMSGSIZE", {
          errno: -90,
          syscall: "sendmsg",
          address,
          port,
          driver: context.io.driver,
          buffer: out,
          bytesTransferred: 0,
        });
        await pair.near.send(out, { address, port, length: DATAGRAM_BYTES_MAX });
        const { bytesReceived, truncated } = await pair.far.receive(into);
        equal(truncated, false, "truncated");
        equalBytes(into.bytes.subarray(0, bytesReceived), bytes.subarray(0, DATAGRAM_BYTES_MAX), "what was received");
      },
    },
    {
      id: "many",
      title: "a hundred datagrams that are sent at once come in order, each with its bytes",
      calmOnly: true,
      run: async (context) => {
        await using pair = await sockets(context);
        const sends = Array.from({ length: 100 }, (_, index) => sendText(context, pair.far, pair.near, `${index}`));
        using buffer = context.io.buffers.take(16);
        for (let index = 0; index < 100; index++) {
          const { bytesReceived } = await pair.near.receive(buffer, { timeoutMs: 5000 });
          equal(textOf(buffer.bytes.subarray(0, bytesReceived)), `${index}`, `datagram ${index}`);
        }
        await Promise.all(sends);
      },
    },
    {
      id: "address",
      title: "a socket on port 0 tells the address and port that it got; one in use is EADDRINUSE with both",
      run: async ({ io }) => {
        await using socket = await io.bindUdp();
        const { family, address, port } = socket.address;
        equal(family, "ipv4", "the family");
        equal(address, "127.0.0.1", "the address");
        ok(port > 0 && port < 65_536, "a port");
        equal(socket.closed, false, "socket.closed");
        await rejects(io.bindUdp({ port }), "EADDRINUSE", {
          errno: -98,
          syscall: "bind",
          address: "127.0.0.1",
          port,
          driver: io.driver,
        });
      },
    },
    {
      id: "not-ours",
      title: "an address that is not of this machine is EADDRNOTAVAIL with the address",
      calmOnly: true,
      run: async ({ io }) => {
        await rejects(io.bindUdp({ host: "192.0.2.1" }), "EADDRNOTAVAIL", { errno: -99, address: "192.0.2.1" });
      },
    },
    {
      id: "ipv6",
      title: "it binds to IPv6 and talks over it, or says that the machine has none",
      calmOnly: true,
      run: async (context) => {
        const binding = await context.io
          .bindUdp({ host: "::1", ipv6Only: true })
          .catch((error: { code: string }) => error.code);
        if (typeof binding === "string") {
          return oneOf(binding, ["EADDRNOTAVAIL", "EAFNOSUPPORT"], "the code of the error");
        }
        await using near = binding;
        await using far = await context.far.bindUdp({ host: "::1" });
        equal(near.address.address, "::1", "the address");
        await sendText(context, far, near, "six");
        using buffer = context.io.buffers.take(8);
        const { bytesReceived, address } = await near.receive(buffer);
        equal(textOf(buffer.bytes.subarray(0, bytesReceived)), "six", "what was received");
        equal(JSON.stringify(address), JSON.stringify(far.address), "the sender");
      },
    },
    {
      id: "shared-port",
      title: "two sockets that both say so share a port",
      needs: ["reusePort"],
      run: async (context) => {
        await using one = await context.io.bindUdp({ reusePort: true, broadcast: true });
        await using two = await context.another().bindUdp({ reusePort: true, port: one.address.port });
        equal(two.address.port, one.address.port, "the port");
      },
    },
    {
      id: "close",
      title: "closing rejects receives that wait with ERR_RESOURCE_CLOSED and their buffers; a second close is refused",
      promise: "closing-is-orderly",
      needs: ["cancelSocket"],
      run: async (context) => {
        const socket = await context.io.bindUdp();
        const buffers = Array.from({ length: 5 }, () => context.io.buffers.take(8));
        const waiting = buffers.map((buffer) => rejects(socket.receive(buffer), "ERR_RESOURCE_CLOSED", { buffer }));
        await context.flush();
        const closing = socket.close();
        equal(socket.closed, true, "socket.closed while it closes");
        await rejects(socket.close(), "ERR_RESOURCE_CLOSED_TWICE");
        await Promise.all(waiting);
        equal<unknown>(await closing, socket, "what close() resolves with");
        await socket[Symbol.asyncDispose]();
        for (const buffer of buffers) buffer.release();
      },
    },
    {
      id: "bad-arguments",
      title: "addresses, ports and options that are none are refused before anything is submitted",
      run: async (context) => {
        const { io } = context;
        for (const host of ["", "localhost", "1.2.3", 7]) {
          await rejects(io.bindUdp({ host: host as never }), "ERR_INVALID_ARG_VALUE");
        }
        for (const port of [-1, 65_536, 1.5]) await rejects(io.bindUdp({ port }), "ERR_OUT_OF_RANGE");
        await rejects(io.bindUdp({ broadcast: 1 } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.bindUdp({ backlog: 5 } as never), "ERR_UNKNOWN_OPTION");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
        await using socket = await io.bindUdp();
        using buffer = io.buffers.take(8);
        const { submitted } = io.inspect().counters;
        const { address, port } = socket.address;
        for (const bad of ["", "localhost", 7, undefined]) {
          await rejects(socket.send(buffer, { address: bad as never, port }), "ERR_INVALID_ARG_VALUE");
        }
        for (const bad of [0, -1, 65_536])
          await rejects(socket.send(buffer, { address, port: bad }), "ERR_OUT_OF_RANGE");
        await rejects(socket.send(buffer, { address } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(socket.send(buffer, { address, port, family: "ipv6" }), "ERR_INVALID_ARG_VALUE");
        for (const options of [null, undefined, 7]) {
          await rejects(socket.send(buffer, options as never), "ERR_INVALID_ARG_TYPE");
        }
        await rejects(socket.receive(buffer, { address } as never), "ERR_UNKNOWN_OPTION");
        equal(io.inspect().counters.submitted, submitted, "the number of operations submitted");
        equal(buffer.state, "owned", "the state of the buffer");
      },
    },
    ...waysOut.map(keepCase),
  ],
};
