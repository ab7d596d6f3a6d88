/** One of each operation on datagram sockets. */
import type { UdpSocket } from "@baton-io/core";
import type { Need } from "../conformance/case.js";
import { equal, equalBytes } from "../conformance/expect.js";
import { endsByItself, putAway, type Specimen } from "./specimen.js";

const word = new TextEncoder().encode("word");

/** What it takes to have a socket. */
export const datagramNeeds: readonly Need[] = ["datagram", "close"];

const base = {
  waits: false,
  finishes: true,
  takesOptions: true,
  submittable: true,
  onResource: true,
  buffer: "none",
} as const;

export const datagramSpecimens: readonly Specimen[] = [
  {
    ...base,
    id: "bind-udp",
    title: "binding a datagram socket",
    needs: datagramNeeds,
    submittable: false,
    onResource: false,
    prepare: async ({ io }) => ({
      call: (options) => io.bindUdp(options),
      finish: endsByItself,
      check: async (result) => {
        await (result as UdpSocket).close();
      },
      [Symbol.asyncDispose]: putAway(),
    }),
  },
  {
    ...base,
    id: "receive-message",
    title: "receiving a datagram",
    // Without a cancel nothing but a datagram ends it, a close neither.
    needs: [...datagramNeeds, "receiveMessage", "sendMessage", "cancelSocket"],
    waits: true,
    cancelNeeds: "cancelSocket",
    buffer: "exclusive",
    prepare: async ({ io, far }) => {
      const socket = await io.bindUdp();
      const other = await far.bindUdp();
      const buffer = io.buffers.take(4);
      const { address, port } = socket.address;
      return {
        resource: socket,
        buffer,
        call: (options) => socket.receive(buffer, options),
        request: (options) => ({ opcode: "receiveMessage", socket, buffer, ...options }),
        transfer: (lent, options) => socket.receive(lent, options),
        finish: async () => {
          using datagram = far.buffers.copyFrom(word);
          await other.send(datagram, { address, port });
        },
        check: async (result) => {
          const {
            bytesReceived,
            buffer: home,
            address: sender,
            truncated,
          } = result as Awaited<ReturnType<typeof socket.receive>>;
          equal<unknown>(home, buffer, "the buffer in the result");
          equal(bytesReceived, word.length, "bytesReceived");
          equalBytes(buffer.bytes, word, "what was received");
          equal(sender.port, other.address.port, "the sender's port");
          equal(truncated, false, "truncated");
        },
        [Symbol.asyncDispose]: putAway(buffer, socket, other),
      };
    },
  },
  {
    ...base,
    id: "send-message",
    title: "sending a datagram",
    needs: [...datagramNeeds, "sendMessage"],
    buffer: "shared",
    prepare: async ({ io, far }) => {
      const socket = await io.bindUdp();
      const other = await far.bindUdp();
      const { address, port } = other.address;
      const buffer = io.buffers.copyFrom(word);
      return {
        resource: socket,
        buffer,
        call: (options) => socket.send(buffer, { address, port, ...options }),
        request: (options) => ({ opcode: "sendMessage", socket, buffer, address, port, ...options }),
        transfer: (lent, options) => socket.send(lent, { address, port, ...options }),
        finish: endsByItself,
        check: async (result) => {
          const { bytesSent, buffer: home } = result as { bytesSent: number; buffer: unknown };
          equal(home, buffer, "the buffer in the result");
          equal(bytesSent, word.length, "bytesSent");
        },
        [Symbol.asyncDispose]: putAway(buffer, socket, other),
      };
    },
  },
];
