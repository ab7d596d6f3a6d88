import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause } from "./case.js";
import { equal, ok, oneOf, rejects } from "./expect.js";

export const listenClause: Clause = {
  id: "tcp-listen",
  title: "listening",
  needs: connectionNeeds,
  cases: [
    {
      id: "address",
      title: "a listener on port 0 tells the address and port that it got",
      run: async ({ io }) => {
        await using listener = await io.listen();
        equal(listener.address.family, "ipv4", "the family");
        equal(listener.address.address, "127.0.0.1", "the address");
        ok(listener.address.port > 0 && listener.address.port < 65_536, "a port");
        equal(listener.closed, false, "listener.closed");
        equal(listener.ready, 0, "listener.ready");
      },
    },
    {
      id: "in-use",
      title: "a port in use rejects with EADDRINUSE, the system call, address, port and driver",
      run: async ({ io }) => {
        await using listener = await io.listen();
        const { port } = listener.address;
        await rejects(io.listen({ port }), "EADDRINUSE", {
          errno: -98,
          syscall: "listen",
          address: "127.0.0.1",
          port,
          driver: io.driver,
        });
      },
    },
    {
      id: "free-again",
      title: "a port is free at once when its listener is closed",
      run: async ({ io }) => {
        const first = await io.listen();
        const { port } = first.address;
        await first.close();
        await using second = await io.listen({ port });
        equal(second.address.port, port, "the port of the second listener");
      },
    },
    {
      id: "not-ours",
      title: "an address that is not of this machine rejects with EADDRNOTAVAIL and the address",
      calmOnly: true,
      run: async ({ io }) => {
        await rejects(io.listen({ host: "192.0.2.1" }), "EADDRNOTAVAIL", { errno: -99, address: "192.0.2.1" });
      },
    },
    {
      id: "ipv6",
      title: "it listens on IPv6, or says that the machine has none",
      run: async (context) => {
        const listening = await context.io
          .listen({ host: "::1", ipv6Only: true })
          .catch((error: { code: string }) => error.code);
        if (typeof listening === "string") {
          return oneOf(listening, ["EADDRNOTAVAIL", "EAFNOSUPPORT"], "the code of the error");
        }
        await using listener = listening;
        equal(listener.address.family, "ipv6", "the family");
        equal(listener.address.address, "::1", "the address");
        const [accepted, connected] = await Promise.all([listener.accept(), context.connectTo(listener)]);
        await accepted.close();
        await connected.close();
      },
    },
    {
      id: "shared-port",
      title: "two listeners that both say so share a port",
      needs: ["reusePort"],
      run: async (context) => {
        await using one = await context.io.listen({ reusePort: true });
        await using two = await context.another().listen({ reusePort: true, port: one.address.port });
        equal(two.address.port, one.address.port, "the port");
      },
    },
    {
      id: "link-local",
      title: "an address that is one of its interface only is listened at, connected to, sent to and told with it",
      needs: ["datagram"],
      subjectNeeds: ["linkLocal"],
      mutants: [
        "interface-by-number",
        "interface-of-a-peer-forgotten",
        "interface-left-out-of-the-text",
        "sim-interface-forgotten",
      ],
      run: async (context) => {
        const { io, far } = context;
        const { address, name, index } = context.subject.linkLocal!;
        const told = `${address}%${index}`;
        for (const host of [`${address}%${name}`, told]) {
          await using listener = await io.listen({ host });
          const { port } = listener.address;
          const [near, peer] = await Promise.all([far.connect({ host, port }), listener.accept()]);
          equal(listener.address.address, told, "where it listens");
          for (const stream of [near, peer]) {
            equal((await stream.localAddress()).address, told, "where a connection is");
            equal((await stream.peerAddress()).address, told, "where its peer is");
          }
          await Promise.all([near.close(), peer.close()]);
          await using socket = await io.bindUdp({ host });
          await using other = await far.bindUdp({ host });
          using message = far.buffers.copyFrom("hello");
          using into = io.buffers.take(8);
          await other.send(message, { address: host, port: socket.address.port });
          equal((await socket.receive(into)).address.address, told, "where a datagram comes from");
        }
      },
    },
    {
      id: "link-local-elsewhere",
      title: "such an address without its interface, with another and with one that there is not is nowhere",
      needs: ["datagram", "sendMessage"],
      subjectNeeds: ["linkLocal"],
      mutants: ["unknown-interface-forgotten"],
      run: async ({ io, subject }) => {
        const { address } = subject.linkLocal!;
        const port = 9;
        await using socket = await io.bindUdp({ host: "::" });
        using message = io.buffers.copyFrom("hello");
        // The first interface is the machine itself; there are not as many as the last.
        for (const [host, bound, reached] of [
          [address, "EINVAL", "EINVAL"],
          [`${address}%1`, "EADDRNOTAVAIL", "ENETUNREACH"],
          [`${address}%${2 ** 31 - 1}`, "ENODEV", "ENETUNREACH"],
        ] as const) {
          await rejects(io.listen({ host }), bound);
          await rejects(io.bindUdp({ host }), bound);
          await rejects(io.connect({ host, port }), reached);
          // Where a datagram without an interface goes is the system's to say.
          if (host !== address) await rejects(socket.send(message, { address: host, port }), reached);
        }
      },
    },
    {
      id: "bad-options",
      title: "a host that is no address, a port or backlog out of range and misspelt options are refused",
      run: async ({ io }) => {
        for (const host of ["", "localhost", "1.2.3", "256.1.1.1", "01.2.3.4", "::g", "1::2::3"]) {
          await rejects(io.listen({ host }), "ERR_INVALID_ARG_VALUE");
        }
        await rejects(io.listen({ host: 7 as never }), "ERR_INVALID_ARG_VALUE");
        for (const port of [-1, 65_536, 1.5, Number.NaN]) await rejects(io.listen({ port }), "ERR_OUT_OF_RANGE");
        for (const backlog of [0, -1, 65_536]) await rejects(io.listen({ backlog }), "ERR_OUT_OF_RANGE");
        await rejects(io.listen({ reuseport: true } as never), "ERR_UNKNOWN_OPTION");
        await rejects(io.listen({ noDelay: 1 } as never), "ERR_INVALID_ARG_TYPE");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
    {
      id: "close-once",
      title: "a second close is ERR_RESOURCE_CLOSED_TWICE; disposal is silent",
      promise: "closing-is-orderly",
      run: async ({ io }) => {
        const listener = await io.listen();
        const closing = listener.close();
        equal(listener.closed, true, "listener.closed while it closes");
        await rejects(listener.close(), "ERR_RESOURCE_CLOSED_TWICE");
        await closing;
        await listener[Symbol.asyncDispose]();
      },
    },
  ],
};
