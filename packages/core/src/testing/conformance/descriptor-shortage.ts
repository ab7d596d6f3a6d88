/** A process that has no descriptor left: a listener waits until there are some, and says so. */
import type { AcceptPaused, Backend } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, ok, rejects } from "./expect.js";
import { receiveBytes, sendBytes } from "./stream-talk.js";

/** How long there are none, ms: several times the first pause. */
const LACK_MS = 100;

/** Where accepting is the runtime's, it ends the connections that it has no descriptor for, and says nothing. */
function pauses(io: Backend): boolean {
  return io.capabilities.operations.accept.kind === "native";
}

export const descriptorShortageClause: Clause = {
  id: "descriptor-shortage",
  title: "without a descriptor",
  needs: connectionNeeds,
  promise: "full-is-back-pressure",
  cases: [
    {
      id: "accept-goes-on",
      title: "accepting pauses, tells once, and goes on when there are descriptors again; the loop does not end",
      calmOnly: true,
      subjectNeeds: ["exhaustDescriptors"],
      mutants: ["shortage-ends-the-accept", "shortage-told-each-time"],
      run: async (context) => {
        const told: AcceptPaused[] = [];
        const io = context.open({ onAcceptPaused: (pause) => told.push(pause) });
        const { far } = context;
        const listener = await io.listen();
        const { port } = listener.address;
        // One is left, for the end that connects.
        const restore = context.subject.exhaustDescriptors!(1);
        const first = await far.connect({ port }).finally(() => context.clock.after(LACK_MS, restore));
        let accepted = 0;
        const loop = (async () => {
          for await (const stream of listener) {
            accepted++;
            await stream.close();
          }
        })();
        const listenerInfo = () => io.inspect().resources.find(({ kind }) => kind === "tcp-listener");
        if (pauses(io)) await context.until(() => listenerInfo()?.pausedBy === "EMFILE", "the listener to pause");
        await context.after(LACK_MS);
        const second = await far.connect({ port });
        await context.until(() => accepted > 0, "a connection to be accepted");
        equal(listenerInfo()?.pausedBy, undefined, "what the listener is paused by");
        if (pauses(io)) {
          equal(told.length, 1, "how often the program was told");
          equal(told[0]!.code, "EMFILE", "the code");
          ok(told[0]!.listener.endsWith(`:${port}`), "that the listener is named");
        }
        equal(io.inspect().counters.acceptPauses, told.length, "the number of pauses that were counted");
        await Promise.all([first.close(), second.close()]);
        await listener.close();
        await loop;
      },
    },
    {
      id: "callers-leave",
      title: "callers who wait during a shortage time out, abort and are told of the listener's end as ever",
      calmOnly: true,
      subjectNeeds: ["exhaustDescriptors"],
      run: async (context) => {
        const { io, far } = context;
        const listener = await io.listen();
        const { port } = listener.address;
        const restore = context.subject.exhaustDescriptors!(1);
        const client = await far.connect({ port }).finally(() => context.clock.after(LACK_MS, restore));
        // Where the runtime accepts by itself, the connection may be there already; what is left has nothing to wait for.
        if (!pauses(io))
          await listener.accept({ timeoutMs: 20 }).then(
            (stream) => stream.close(),
            () => undefined,
          );
        const controller = new AbortController();
        const timedOut = rejects(listener.accept({ timeoutMs: 20 }), "ERR_TIMEOUT");
        const aborted = rejects(listener.accept({ signal: controller.signal }), "ABORT_ERR");
        const closed = rejects(listener.accept(), "ERR_RESOURCE_CLOSED");
        if (pauses(io)) await context.until(() => io.inspect().counters.acceptPauses > 0, "the listener to pause");
        await timedOut;
        controller.abort();
        await aborted;
        await listener.close();
        await closed;
        await client.close();
        await context.after(LACK_MS);
      },
    },
    {
      id: "pipes-go-on",
      title: "bytes go from files to connections and back all the same, when there is none for a pipe between them",
      calmOnly: true,
      needs: ["pipeTo", "send", "receive"],
      subjectNeeds: ["exhaustDescriptors"],
      mutants: ["shortage-ends-the-pipe"],
      run: async (context) => {
        const { far } = context;
        await using pair = await context.pair();
        await using from = await context.openFile("0123456789", "r");
        await using to = await context.openFile("");
        const restore = context.subject.exhaustDescriptors!(0);
        try {
          equal((await from.pipeTo(pair.near)).bytesTransferred, 10, "the bytes that were sent");
          equal(textOf(await receiveBytes(far, pair.far, 10)), "0123456789", "what arrived");
          await sendBytes(far, pair.far, new Uint8Array(5).fill(0x61));
          await pair.far.shutdown();
          equal((await pair.near.pipeTo(to)).bytesTransferred, 5, "the bytes that were received");
        } finally {
          restore();
        }
        equal(await context.textOf(to.path), "aaaaa", "the file");
      },
    },
  ],
};
