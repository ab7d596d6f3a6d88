import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause } from "./case.js";
import { equal, oneOf, rejects } from "./expect.js";
import { receiveAll, sendText } from "./stream-talk.js";

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
