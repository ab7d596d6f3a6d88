/** Connections over Unix-domain sockets: all that TCP's promise, and what is different about them. */
import type { Backend } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause, Need } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok, rejects } from "./expect.js";
import { joinedSendsClause } from "./joined-sends.js";
import { receiveProvidedClause } from "./receive-provided.js";
import { salvageClause } from "./salvage.js";
import { reset, streamEndingsClause } from "./stream-endings.js";
import { receiveAll, sendText } from "./stream-talk.js";
import { acceptClause } from "./tcp-accept.js";
import { streamClause } from "./tcp-stream.js";

const unixNeeds: readonly Need[] = [...connectionNeeds, "unixSockets"];

/** Cases that are about addresses of the internet. */
const internetOnly = new Set(["connect-aborted"]);

/** The cases of a clause, over Unix-domain sockets. */
function overUnix(clause: Clause, id: string, title: string): Clause {
  return {
    ...clause,
    id,
    title,
    needs: [...(clause.needs ?? []), "unixSockets"],
    cases: clause.cases
      .filter((one) => !internetOnly.has(one.id))
      .map(({ mutants: _, ...one }) => ({
        ...one,
        run: (context) => {
          context.transport = "unix";
          return one.run(context);
        },
      })),
  };
}

/** A path as long as a socket's can be, in the directory of scratch files; `undefined` where that has a longer name. */
function longestPath(context: CaseContext): string | undefined {
  const path = context.path("s");
  const missing = 107 - new TextEncoder().encode(path).length;
  return missing < 0 ? undefined : path + "x".repeat(missing);
}

async function exists(context: CaseContext, path: string): Promise<boolean> {
  return context.io.stat(path, { followLinks: false }).then(
    () => true,
    (error: { code: string }) => {
      equal(error.code, "ENOENT", "the code of the error");
      return false;
    },
  );
}

/** Connects to a path, says a word, and expects it at the other end. */
async function talk(context: CaseContext, path: string, accept: () => Promise<Parameters<typeof receiveAll>[1]>) {
  const [near, far] = await Promise.all([accept(), context.far.connect({ path })]);
  await sendText(context.far, far as never, "hello");
  await far.close();
  equal(await receiveAll(context.io, near), "hello", "what was received");
  await near.close();
}

const listening: Clause = {
  id: "unix-listen",
  title: "listening at a path",
  needs: [...unixNeeds, "send", "receive", "stat", "unlink"],
  cases: [
    {
      id: "socket-file",
      title: "a listener makes a socket file at its path and removes it when it is closed",
      run: async (context) => {
        const path = context.path("socket");
        const listener = await context.io.listen({ path });
        equal(listener.address.family, "unix", "the family");
        equal(listener.address.path, path, "the path");
        equal((await context.io.stat(path)).isSocket(), true, "that it is a socket file");
        await talk(context, path, () => listener.accept() as never);
        await listener.close();
        equal(await exists(context, path), false, "that the file is there afterwards");
        await using again = await context.io.listen({ path });
        equal(again.address.path, path, "the path of the next listener");
      },
    },
    {
      id: "successor",
      title: "a file that somebody else has put in its place by then is left alone",
      needs: ["rename"],
      mutants: ["successor-file-removed", "successor-file-removed-by-the-runtime"],
      run: async (context) => {
        const path = context.path("socket");
        const old = await context.io.listen({ path });
        // As a service does that takes over without a gap: the new name replaces the old one in one step.
        const fresh = `${path}.new`;
        await using successor = await context.io.listen({ path: fresh });
        await context.io.rename(fresh, path);
        await old.close();
        equal((await context.io.stat(path)).isSocket(), true, "that the successor's file is there");
        await talk(context, path, () => successor.accept() as never);
        await context.io.unlink(path);
        const another = await context.io.listen({ path });
        await context.io.unlink(path);
        await (await context.io.openFile(path, "w")).close();
        await another.close();
        equal(await exists(context, path), true, "that a file of another kind is there");
      },
    },
    {
      id: "backend-closes",
      title: "a backend that closes removes the files of its listeners too",
      promise: "closing-is-orderly",
      run: async (context) => {
        const other = context.another();
        const path = context.path("socket");
        // Held to the end: one that is dropped goes with the next collection.
        const listener = await other.listen({ path });
        equal(await exists(context, path), true, "that the file is there");
        equal((await other.close()).resourcesClosed, 1, "resourcesClosed");
        equal(listener.closed, true, "listener.closed");
        equal(await exists(context, path), false, "that the file is there afterwards");
      },
    },
    {
      id: "aborted",
      title: "a listen that is aborted leaves neither a listener nor a file",
      promise: "nothing-is-lost",
      run: async (context) => {
        for (let round = 0; round < 6; round++) {
          const path = context.path("socket");
          const controller = new AbortController();
          const listening = context.io.listen({ path, signal: controller.signal });
          if (round % 2 === 0) await context.flush();
          controller.abort();
          await listening.then(
            (listener) => listener.close(),
            (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
          );
          await context.until(() => context.io.inspect().operations.length === 0, "all operations to have ended");
          equal(await exists(context, path), false, "that the file is there");
        }
      },
    },
    {
      id: "in-use",
      title: "a path that is taken, by a socket or a file, is EADDRINUSE, and stays what it is",
      run: async (context) => {
        const path = context.path("socket");
        await using listener = await context.io.listen({ path });
        await rejects(context.io.listen({ path }), "EADDRINUSE", {
          errno: -98,
          syscall: "listen",
          address: path,
          port: undefined,
          driver: context.io.driver,
        });
        await talk(context, path, () => listener.accept() as never);
        const file = await context.givenFile("kept");
        await rejects(context.io.listen({ path: file }), "EADDRINUSE", { address: file });
        equal(await context.textOf(file), "kept", "the file");
      },
    },
    {
      id: "no-directory",
      title: "where there is no directory for it, it is ENOENT with the path",
      run: async (context) => {
        const path = `${context.path("d")}/s`;
        await rejects(context.io.listen({ path }), "ENOENT", { errno: -2, address: path });
      },
    },
    {
      id: "longest",
      mutants: ["socket-path-one-too-long"],
      title: "107 bytes are taken; one more is ERR_INVALID_PATH for listen and connect, and nothing is submitted",
      run: async (context) => {
        const path = longestPath(context);
        if (path !== undefined) {
          await using listener = await context.io.listen({ path });
          equal(listener.address.path, path, "the path");
          await talk(context, path, () => listener.accept() as never);
        }
        const { submitted } = context.io.inspect().counters;
        const tooLong = `/${"x".repeat(107)}`;
        await rejects(context.io.listen({ path: tooLong }), "ERR_INVALID_PATH");
        await rejects(context.io.connect({ path: tooLong }), "ERR_INVALID_PATH");
        // Two bytes each.
        await rejects(context.io.connect({ path: "\u00e4".repeat(54) }), "ERR_INVALID_PATH");
        equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
      },
    },
    {
      id: "bad-options",
      title: "paths that are none, options of the internet and misspelt ones are refused before anything is submitted",
      run: async ({ io }) => {
        const asks = [(o: object) => io.listen(o as never), (o: object) => io.connect(o as never)] as ((
          options: object,
        ) => Promise<unknown>)[];
        for (const ask of asks) {
          for (const path of ["", "a\0b", "\0"]) await rejects(ask({ path }), "ERR_INVALID_PATH");
          for (const path of [7, null, undefined, {}]) await rejects(ask({ path }), "ERR_INVALID_ARG_TYPE");
          await rejects(ask({ path: "/x", port: 80 }), "ERR_UNKNOWN_OPTION");
          await rejects(ask({ path: "/x", noDelay: true }), "ERR_UNKNOWN_OPTION");
        }
        for (const backlog of [0, 65_536]) await rejects(io.listen({ path: "/x", backlog }), "ERR_OUT_OF_RANGE");
        equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
  ],
};

const connecting: Clause = {
  id: "unix-connect",
  title: "connecting to a path",
  needs: unixNeeds,
  cases: [
    {
      id: "nobody-there",
      title: "where there is nothing it is ENOENT, where nobody listens ECONNREFUSED, with the path as the address",
      run: async (context) => {
        const path = context.path("socket");
        await rejects(context.io.connect({ path }), "ENOENT", {
          errno: -2,
          syscall: "connect",
          address: path,
          port: undefined,
          driver: context.io.driver,
        });
        const file = await context.givenFile("no socket");
        await rejects(context.io.connect({ path: file }), ["ECONNREFUSED", "ENOTSOCK"], { address: file });
      },
    },
    {
      id: "addresses",
      needs: ["address"],
      title: "the listener's path is the address of its connections; the other end was bound to nothing",
      run: async (context) => {
        const path = context.path("socket");
        await using listener = await context.io.listen({ path });
        const [near, far] = await Promise.all([listener.accept(), context.far.connect({ path })]);
        const seen = [
          await near.localAddress(),
          await far.peerAddress(),
          await near.peerAddress(),
          await far.localAddress(),
        ];
        equal(seen.map((address) => address.path).join(), `${path},${path},,`, "the paths");
        ok(
          seen.every(({ family }) => family === "unix"),
          "the family of each",
        );
        await near.close();
        await far.close();
      },
    },
    {
      id: "nobody-takes-anything",
      needs: ["send", "receive"],
      mutants: ["failed-write-is-counted"],
      title: "a send to a peer that has gone fails, the first one too, and counts nothing: nobody has taken it",
      promise: "nothing-is-lost",
      run: async (context) => {
        // Here it is known at once: over a network a send may be quicker than the news.
        context.transport = "unix";
        await using pair = await context.pair();
        await reset(context, pair);
        if (context.io.capabilities.operations.poll.kind !== "unsupported") await pair.near.poll({ readable: true });
        using buffer = context.io.buffers.take(64);
        const error = await rejects(pair.near.send(buffer), ["EPIPE", "ECONNRESET"], { buffer });
        const { bytesTransferred = 0 } = error as { bytesTransferred?: number };
        equal(bytesTransferred, 0, "the bytes that have gone out");
      },
    },
    {
      id: "path-as-bytes",
      title: "a path may be given as bytes, and is copied when it is given",
      run: async (context) => {
        const path = context.path("socket");
        const bytes = new TextEncoder().encode(path);
        const listening = context.io.listen({ path: bytes });
        bytes.fill(0x78);
        await using listener = await listening;
        equal(listener.address.path, path, "the path");
      },
    },
  ],
};

/** A name that nobody else uses. */
function abstractName(io: Backend): string {
  return `\0baton-${io.driver}-${Math.random().toString(36).slice(2)}`;
}

const abstractNames: Clause = {
  id: "unix-abstract",
  title: "abstract names",
  needs: [...unixNeeds, "abstractUnixSockets", "send", "receive"],
  cases: [
    {
      id: "no-file",
      title: "a listener with an abstract name is found by it, leaves no file and frees the name when it is closed",
      run: async (context) => {
        const path = abstractName(context.io);
        const listener = await context.io.listen({ path });
        equalBytes(
          new TextEncoder().encode(listener.address.path),
          new TextEncoder().encode(path),
          "the path of the listener",
        );
        await rejects(context.io.listen({ path }), "EADDRINUSE", { address: path });
        await rejects(context.io.connect({ path: `${path}2` }), "ECONNREFUSED", { address: `${path}2` });
        await talk(context, path, () => listener.accept() as never);
        await listener.close();
        await using again = await context.io.listen({ path });
        equal(again.address.path, path, "the path of the next listener");
      },
    },
    {
      id: "longest",
      title: "a NUL and 107 bytes are taken; one more is ERR_INVALID_PATH",
      run: async (context) => {
        const name = abstractName(context.io);
        const path = name + "x".repeat(108 - name.length);
        await using listener = await context.io.listen({ path });
        await talk(context, path, () => listener.accept() as never);
        await rejects(context.io.listen({ path: `${path}x` }), "ERR_INVALID_PATH");
      },
    },
  ],
};

export const unixClauses: readonly Clause[] = [
  listening,
  connecting,
  abstractNames,
  overUnix(acceptClause, "unix-accept", "accepting at a path"),
  overUnix(streamClause, "unix-stream", "bytes over a Unix-domain socket"),
  overUnix(receiveProvidedClause, "unix-receive-provided", "receiving without a buffer from a Unix-domain socket"),
  overUnix(streamEndingsClause, "unix-stream-endings", "how a connection over a Unix-domain socket ends"),
  overUnix(joinedSendsClause, "unix-joined-sends", "many sends at once over a Unix-domain socket"),
  overUnix(salvageClause, "unix-salvage", "nothing that wins a race is lost, over Unix-domain sockets"),
];
