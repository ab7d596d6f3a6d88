/**
 * What callers are told when something does not end well: nobody is punished for an end that was asked for, and an error
 * says who waits for it.
 */
import { connectionNeeds } from "../traits/socket-specimens.js";
import type { CaseDefinition, Clause, Need } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, fail, ok } from "./expect.js";
import { StrayRejections } from "./stray-rejections.js";

/** An end that the program asks for, of something whose promise it does not look at. */
interface Asked {
  readonly title: string;
  readonly needs?: readonly Need[];
  ask(context: CaseContext): Promise<unknown>;
}

const receiving: readonly Need[] = [...connectionNeeds, "receive"];

const askedEnds: Readonly<Record<string, Asked>> = {
  "cancel-queued": {
    title: "cancel() of an operation that waits in the queue",
    needs: ["timer"],
    ask: ({ io }) => io.submit({ opcode: "timer", afterMs: 60_000 }).cancel(),
  },
  cancel: {
    title: "cancel() of an operation that the driver has",
    needs: ["timer"],
    ask: async (context) => {
      const operation = context.io.submit({ opcode: "timer", afterMs: 60_000 });
      await context.untilTaken(operation);
      equal(await operation.cancel(), "canceled", "what cancel() says");
    },
  },
  "cancel-after-abort": {
    title: "cancel() of an operation whose signal was aborted",
    needs: ["timer"],
    ask: async (context) => {
      const controller = new AbortController();
      const operation = context.io.submit({ opcode: "timer", afterMs: 60_000, signal: controller.signal });
      await context.untilTaken(operation);
      controller.abort();
      await operation.cancel();
    },
  },
  "abandon-queued": {
    title: "abandon() of an operation that waits in the queue",
    needs: ["timer"],
    ask: async ({ io }) => io.submit({ opcode: "timer", afterMs: 60_000 }).abandon(),
  },
  abandon: {
    title: "abandon() of an operation that the driver has",
    needs: [...receiving, "cancelSocket"],
    ask: async (context) => {
      context.expect({ orphans: 1 });
      await using pair = await context.pair();
      const buffer = context.io.buffers.take(16);
      const operation = context.io.submit({ opcode: "receive", stream: pair.near, buffer });
      await context.untilTaken(operation);
      operation.abandon();
      await context.until(() => buffer.state === "released", "the buffer to go back");
    },
  },
  "timer-cancel": {
    title: "cancel() of a timer",
    needs: ["timer"],
    ask: async ({ io }) => {
      await using timer = io.timer();
      void timer.start(60_000);
      timer.cancel();
    },
  },
  "timer-moved": {
    title: "a timer that is started again",
    needs: ["timer"],
    ask: async ({ io }) => {
      await using timer = io.timer();
      for (let moves = 0; moves < 3; moves++) void timer.start(60_000);
      await timer.start(1);
    },
  },
  "timer-closed": {
    title: "leaving the scope of a timer",
    needs: ["timer"],
    ask: async (context) => {
      await using timer = context.io.timer();
      void timer.start(60_000);
      await context.flush();
    },
  },
  "stream-closed": {
    title: "closing a connection under a receive and what waits behind it",
    needs: receiving,
    ask: async (context) => {
      const { io } = context;
      using first = io.buffers.take(16);
      using second = io.buffers.take(16);
      using third = io.buffers.take(16);
      await using pair = await context.pair();
      void pair.near.receive(first);
      void pair.near.receive(second);
      io.submit({ opcode: "receive", stream: pair.near, buffer: third });
      await context.flush();
      await pair.near.close();
    },
  },
  "loop-closed": {
    title: "closing a connection under a step of a loop over it",
    needs: [...receiving, "providedBuffer"],
    ask: async (context) => {
      await using pair = await context.pair();
      void pair.near[Symbol.asyncIterator]().next();
      await context.turn(3);
      await pair.near.close();
    },
  },
  "transfer-closed": {
    title: "closing a connection under a transfer from it",
    needs: [...receiving, "open", "write", "pipeTo"],
    ask: async (context) => {
      await using pair = await context.pair();
      await using file = await context.io.openFile(context.path(), "w");
      void pair.near.pipeTo(file);
      await context.turn(3);
      await pair.near.close();
    },
  },
  "listener-closed": {
    title: "closing a listener under an accept",
    needs: ["listen", "accept", "close"],
    ask: async (context) => {
      await using listener = await context.listen();
      void listener.accept();
      await context.flush();
    },
  },
  "backend-closed-by-name": {
    title: "closing the backend under a connect by name",
    needs: ["connect", "cancelSocket"],
    ask: async (context) => {
      const slow = context.openWithNames(() => new Promise(() => undefined));
      void slow.connect({ host: "slow.test", port: 1 });
      await context.turn();
      await slow.close();
    },
  },
  "backend-closed-waiting": {
    title: "closing the backend under who waits for a buffer",
    ask: async (context) => {
      const io = context.another({ poolBytesMax: 65_536 });
      using buffer = io.buffers.take(65_536);
      void io.buffers.takeWhenFree(65_536);
      await io.close();
      equal(buffer.length, 65_536, "what is held");
    },
  },
  "backend-closed": {
    title: "closing the backend under what it has",
    needs: ["timer"],
    ask: async (context) => {
      const io = context.another();
      void io.sleep(60_000);
      void io.batch([{ opcode: "timer", afterMs: 60_000 }]);
      await context.turn();
      await io.close();
    },
  },
};

/** What is more than one operation. */
const ofMany: ReadonlySet<string> = new Set(["transfer-closed", "loop-closed", "backend-closed-by-name"]);

function askedCase([id, { title, needs = [], ask }]: [string, Asked]): CaseDefinition {
  return {
    id: `asked-${id}`,
    title: `${title} rejects a promise, and nobody has to catch that`,
    needs,
    mutants: [
      ofMany.has(id) ? "transfer-end-unhandled" : "asked-end-unhandled",
      ...(id === "backend-closed-waiting" ? ["closed-waiter-unhandled"] : []),
    ],
    run: async (context) => {
      const strays = new StrayRejections();
      try {
        await ask(context);
        const stray = await strays.take();
        if (stray !== undefined) fail(`expected no rejection to be left, and there was ${stray.reason}`);
      } finally {
        strays.stop();
      }
    },
  };
}

/** Whether this runtime tells, of an error that is made for an asynchronous function, which one waits for that. */
async function tellsWhoWaits(): Promise<boolean> {
  const thrower = async () => {
    await undefined;
    throw new Error("to see its stack");
  };
  const waitsHere = async () => await thrower();
  return waitsHere().catch((error: Error) => error.stack?.includes("waitsHere") === true);
}

/** A rejection whose error has to name the function that waits for it, `waitsForIt`. */
interface Told {
  readonly title: string;
  readonly needs?: readonly Need[];
  wait(context: CaseContext): Promise<unknown>;
}

const toldErrors: Readonly<Record<string, Told>> = {
  system: {
    title: "an error of the system",
    needs: ["open"],
    wait: (context) => context.io.openFile(context.path("not-there")),
  },
  timeout: {
    title: "a timeout",
    needs: ["timer"],
    wait: ({ io }) => io.sleep(60_000, { timeoutMs: 1 }),
  },
  abort: {
    title: "an abort",
    needs: ["timer"],
    wait: async ({ io, clock }) => {
      const controller = new AbortController();
      clock.after(1, () => controller.abort());
      await io.sleep(60_000, { signal: controller.signal });
    },
  },
  batch: {
    title: "a member of a batch that fails",
    needs: ["open"],
    wait: async (context) => {
      const [opened] = await context.io.batch([{ opcode: "open", path: context.path("not-there") }]);
      throw opened.status === "rejected" ? opened.reason : new Error("it was there");
    },
  },
  chain: {
    title: "a member of a chain that fails",
    needs: ["open"],
    wait: async (context) => {
      const [, opened] = await context.io.chain([
        { opcode: "nop" },
        { opcode: "open", path: context.path("not-there") },
      ]);
      throw opened.status === "rejected" ? opened.reason : new Error("it was there");
    },
  },
  "chain-broken": {
    title: "a member of a chain behind one that failed",
    needs: ["open"],
    wait: async (context) => {
      const [, nop] = await context.io.chain([{ opcode: "open", path: context.path("not-there") }, { opcode: "nop" }]);
      throw nop.status === "rejected" ? nop.reason : new Error("it was done");
    },
  },
  name: {
    title: "a connect by a name that there is none of",
    needs: ["connect"],
    wait: (context) =>
      context.openWithNames(() => Promise.reject(new Error("no such name"))).connect({ host: "no.test", port: 1 }),
  },
  buffer: {
    title: "a wait for a buffer that takes too long",
    wait: async (context) => {
      const io = context.another({ poolBytesMax: 65_536 });
      using buffer = io.buffers.take(65_536);
      await io.buffers.takeWhenFree(buffer.length, { timeoutMs: 1 });
    },
  },
  misuse: {
    title: "a connect to a port that there is none of",
    needs: ["connect"],
    wait: ({ io }) => io.connect({ port: 0 }),
  },
  "misuse-listen": {
    title: "a listen that is aborted beforehand",
    needs: ["listen"],
    wait: ({ io }) => io.listen({ port: 0, signal: AbortSignal.abort() } as never),
  },
  "misuse-pipe": {
    title: "a transfer to what is no file",
    needs: [...receiving, "pipeTo"],
    wait: async (context) => {
      await using pair = await context.pair();
      await pair.near.pipeTo(5 as never);
    },
  },
  accept: {
    title: "an accept without a connection",
    needs: ["listen", "accept", "close"],
    wait: async (context) => {
      await using listener = await context.listen();
      await listener.accept({ timeoutMs: 1 });
    },
  },
  loop: {
    title: "a loop over a connection that is closed",
    needs: [...receiving, "providedBuffer"],
    wait: async (context) => {
      await using pair = await context.pair();
      context.clock.after(1, () => void pair.near.close());
      for await (const { buffer } of pair.near) buffer.release();
    },
  },
};

function toldCase([id, { title, needs = [], wait }]: [string, Told]): CaseDefinition {
  return {
    id: `who-waits-${id}`,
    title: `${title} has the function that waits for it in its stack, where the runtime knows of such`,
    needs,
    // A loop is told by itself: see `withCallers`.
    mutants: [
      ...(id === "loop" ? [] : ["who-waits-not-told"]),
      ...(id.startsWith("chain") ? ["chain-member-has-no-caller"] : []),
    ],
    run: async (context) => {
      const waitsForIt = async () => await wait(context);
      const error = await waitsForIt().catch((reason: unknown) => reason);
      ok(error instanceof Error, "an error");
      if (await tellsWhoWaits()) ok(error.stack?.includes("waitsForIt") === true, `its callers in ${error.stack}`);
    },
  };
}

export const rejectionClause: Clause = {
  id: "rejection",
  title: "how callers are told",
  cases: [...Object.entries(askedEnds).map(askedCase), ...Object.entries(toldErrors).map(toldCase)],
};
