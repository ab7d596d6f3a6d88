/** Listening, accepting, connecting. */
import type { TcpStream } from "../../resource/tcp-stream.js";
import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause } from "./case.js";
import { equal, ok, oneOf, rejects } from "./expect.js";
import { receiveAll, sendText } from "./stream-talk.js";

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
      promise: "P8",
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

export const connectClause: Clause = {
  id: "tcp-connect",
  title: "connecting",
  needs: connectionNeeds,
  cases: [
    {
      id: "refused",
      title: "where nobody listens it rejects with ECONNREFUSED, the system call, address, port and driver",
      run: async ({ io }) => {
        const listener = await io.listen();
        const { port } = listener.address;
        await listener.close();
        await rejects(io.connect({ port }), "ECONNREFUSED", {
          errno: -111,
          syscall: "connect",
          address: "127.0.0.1",
          port,
          driver: io.driver,
        });
      },
    },
    {
      id: "by-name",
      title: "a host name is looked up where the driver can, and refused with ERR_INVALID_ARG_VALUE where it cannot",
      run: async (context) => {
        await using listener = await context.listen();
        const connecting = context.io
          .connect({ host: "localhost", port: listener.address.port })
          .catch((error: { code: string }) => error.code);
        const connected = await connecting;
        if (typeof connected === "string") return equal(connected, "ERR_INVALID_ARG_VALUE", "the code of the error");
        await connected.close();
      },
    },
    {
      id: "interface",
      mutants: ["interface-cut-to-32-bits"],
      title: "an IPv6 address may name its interface, by number or by name; one that there is not is refused",
      run: async (context) => {
        const { io } = context;
        // The last would be the first interface, were it cut to 32 bits.
        for (const nowhere of ["::1%nosuch0", "::1%", "::1%../lo", `::1%${2 ** 32 + 1}`]) {
          await rejects(io.listen({ host: nowhere }), "ERR_INVALID_ARG_VALUE");
        }
        const listener = await io.listen({ host: "::1%lo" }).catch((error: { code: string }) => error.code);
        // A machine without IPv6, and systems that do not show their interfaces.
        if (typeof listener === "string")
          return oneOf(listener, ["EADDRNOTAVAIL", "EAFNOSUPPORT", "ERR_INVALID_ARG_VALUE"], "the code of the error");
        const { port } = listener.address;
        for (const host of ["::1%1", "::1%lo"]) {
          const [near, far] = await Promise.all([context.far.connect({ host, port }), listener.accept()]);
          await Promise.all([near.close(), far.close()]);
        }
        await listener.close();
      },
    },
    {
      id: "bad-options",
      title: "a port that is none, an empty host and misspelt options are refused",
      run: async ({ io }) => {
        for (const port of [0, -1, 65_536, 1.5, Number.NaN]) await rejects(io.connect({ port }), "ERR_OUT_OF_RANGE");
        await rejects(io.connect({} as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.connect(undefined as never), "ERR_INVALID_ARG_TYPE");
        await rejects(io.connect({ port: 9, host: "" }), "ERR_INVALID_ARG_VALUE");
        await rejects(io.connect({ port: 9, hots: "x" } as never), "ERR_UNKNOWN_OPTION");
        await rejects(io.connect({ port: 9, keepAlive: "yes" } as never), "ERR_INVALID_ARG_TYPE");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
    {
      id: "socket-options",
      title: "noDelay and keepAlive are taken on both sides, and bytes flow",
      needs: ["send", "receive"],
      run: async (context) => {
        await using listener = await context.io.listen({ noDelay: false, keepAlive: true });
        const { address: host, port } = listener.address;
        const [near, far] = await Promise.all([
          listener.accept(),
          context.far.connect({ host, port, noDelay: true, keepAlive: true }),
        ]);
        await sendText(context.far, far, "hello");
        await far.close();
        equal(await receiveAll(context.io, near), "hello", "what was received");
        await near.close();
      },
    },
    {
      id: "addresses",
      title: "each end's own address is the other end's peer address",
      needs: ["address"],
      run: async (context) => {
        await using pair = await context.pair();
        const [nearLocal, nearPeer, farLocal, farPeer] = await Promise.all([
          pair.near.localAddress(),
          pair.near.peerAddress(),
          pair.far.localAddress(),
          pair.far.peerAddress(),
        ]);
        equal(JSON.stringify(nearLocal), JSON.stringify(farPeer), "near's own address");
        equal(JSON.stringify(farLocal), JSON.stringify(nearPeer), "far's own address");
        equal(nearLocal.port, pair.listener.address.port, "the port");
        equal(nearLocal.family, "ipv4", "the family");
      },
    },
    {
      id: "many-addresses",
      title: "hundreds of addresses asked for at once are each their own",
      needs: ["address"],
      run: async (context) => {
        await using pair = await context.pair();
        const { port } = await pair.near.peerAddress();
        const asked = await Promise.all(
          Array.from({ length: 200 }, (_, index) =>
            index % 2 === 0 ? pair.near.peerAddress() : pair.near.localAddress(),
          ),
        );
        for (const [index, address] of asked.entries()) {
          equal(address.port, index % 2 === 0 ? port : pair.listener.address.port, `the port of answer ${index}`);
        }
      },
    },
  ],
};

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
      promise: "P8",
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
      promise: "P6",
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
      promise: "P8",
      run: async (context) => {
        const listener = await context.listen();
        const waiting = Array.from({ length: 5 }, () => rejects(listener.accept(), "ERR_RESOURCE_CLOSED"));
        await context.flush();
        await listener.close();
        equal((await Promise.all(waiting)).length, 5, "the number of rejections");
      },
    },
    {
      id: "close-with-connections",
      title: "closing the listener ends connections that nobody took, and leaves alone those that were accepted",
      promise: "P8",
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
