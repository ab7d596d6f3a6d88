/** Connecting to a name: the look-up and all addresses are one operation to the caller. */
import type { Backend, ConnectOptions } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, ok, oneOf, rejects } from "./expect.js";

/** A port that nobody listens on. */
async function deadPort(context: CaseContext): Promise<number> {
  const listener = await context.io.listen();
  const { port } = listener.address;
  await listener.close();
  return port;
}

/** A look-up that is answered when the case says so. */
function heldLookup(): { lookup: () => Promise<readonly string[]>; answer: (addresses: readonly string[]) => void } {
  let answer!: (addresses: readonly string[]) => void;
  const answered = new Promise<readonly string[]>((resolve) => {
    answer = resolve;
  });
  return { lookup: () => answered, answer };
}

/** Ways for a caller to end a connect early, and what it is then told. */
const endings: readonly { readonly code: string; end(io: Backend): { options: object; now?: () => void } }[] = [
  { code: "ERR_TIMEOUT", end: () => ({ options: { timeoutMs: 5 } }) },
  {
    code: "ABORT_ERR",
    end: () => {
      const controller = new AbortController();
      return { options: { signal: controller.signal }, now: () => controller.abort() };
    },
  },
  {
    code: "ABORT_ERR",
    end: () => {
      const controller = new AbortController();
      return { options: { signal: controller.signal, onAbort: "abandon" }, now: () => controller.abort() };
    },
  },
  { code: "ERR_BACKEND_CLOSED", end: (io) => ({ options: {}, now: () => void io.close() }) },
];

export const connectByNameClause: Clause = {
  id: "tcp-name",
  title: "connecting to a name",
  needs: connectionNeeds,
  cases: [
    {
      id: "ended-during-look-up",
      title: "a timeout, an abort and the end of the backend reject at once while the name is looked up",
      promise: "cancel-has-one-contract",
      mutants: ["look-up-outlives-its-caller", "look-up-outlives-the-backend"],
      run: async (context) => {
        for (const { code, end } of endings) {
          const { lookup, answer } = heldLookup();
          const io = context.openWithNames(lookup);
          const { options, now } = end(io);
          const refused = rejects(io.connect({ host: "slow.example", port: 9, ...options }), code);
          now?.();
          await refused;
          answer(["127.0.0.1"]);
          await context.turn();
          equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
        }
      },
    },
    {
      id: "next-address",
      title: "an address that refuses is passed over at once, and the next one is connected to",
      mutants: ["race-ends-at-first-refusal"],
      run: async (context) => {
        const io = context.openWithNames(async () => ["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
        await using listener = await io.listen({ host: "127.0.0.1" });
        const started = context.clock.nowMs();
        const host = "several.example";
        // No pause of the race is over before the case's own deadline.
        const patient: Partial<ConnectOptions> = { autoSelectFamilyAttemptTimeout: 600_000 };
        const [accepted, connected] = await Promise.all([
          listener.accept(),
          io.connect({ host, port: listener.address.port, ...patient }),
        ]);
        ok(context.clock.nowMs() - started < 10_000, "that nothing was waited for");
        await connected.close();
        await accepted.close();
      },
    },
    {
      id: "all-refuse",
      title: "where every address refuses, the first error is told, and all of them are its cause",
      calmOnly: true,
      run: async (context) => {
        const port = await deadPort(context);
        const io = context.openWithNames(async () => ["127.0.0.1", "127.0.0.2"]);
        const error = await rejects(io.connect({ host: "none.example", port }), "ECONNREFUSED", {
          syscall: "connect",
          address: "127.0.0.1",
          port,
          driver: io.driver,
        });
        const { cause } = error;
        ok(cause instanceof AggregateError, "that the cause is an AggregateError");
        equal(cause.errors.map(({ address }) => address).join(), "127.0.0.1,127.0.0.2", "the addresses of its errors");
      },
    },
    {
      id: "first-only",
      title: "with autoSelectFamily: false only the first address is tried; with a family only its addresses are",
      calmOnly: true,
      mutants: ["family-passed-over"],
      run: async (context) => {
        const io = context.openWithNames(async () => ["127.0.0.2", "::1", "127.0.0.1"]);
        await using listener = await io.listen({ host: "127.0.0.1" });
        const { port } = listener.address;
        const host = "several.example";
        await rejects(io.connect({ host, port, autoSelectFamily: false }), "ECONNREFUSED", { address: "127.0.0.2" });
        const refused = await rejects(io.connect({ host, port, family: 6 }), ["ECONNREFUSED", "EADDRNOTAVAIL"]);
        equal(refused.address, "::1", "the address that was tried");
        const connected = await io.connect({ host, port, family: 4 });
        await (await listener.accept()).close();
        await connected.close();
      },
    },
    {
      id: "no-address",
      title:
        "a name without an address, or with none of the family, and a look-up that fails reject, and nothing is submitted",
      run: async (context) => {
        const port = 9;
        const none = context.openWithNames(async () => []);
        await rejects(none.connect({ host: "none.example", port }), "ERR_INVALID_ARG_VALUE");
        const four = context.openWithNames(async () => ["127.0.0.1", "not an address"]);
        await rejects(four.connect({ host: "four.example", port, family: 6 }), "ERR_INVALID_ARG_VALUE");
        const failure = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
        const failing = context.openWithNames(() => Promise.reject(failure));
        const thrown = await failing.connect({ host: "no.example", port }).catch((error: unknown) => error);
        equal(thrown, failure, "the error");
        const throwing = context.openWithNames(() => {
          throw failure;
        });
        equal(
          await throwing.connect({ host: "no.example", port }).catch((error: unknown) => error),
          failure,
          "the error",
        );
        for (const io of [none, four, failing, throwing])
          equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
      },
    },
    {
      id: "ended-while-connecting",
      title: "a timeout or an abort while an address is tried ends all attempts, and no connection is left",
      promise: "nothing-is-lost",
      run: async (context) => {
        const io = context.openWithNames(async () => ["127.0.0.1", "127.0.0.2"]);
        await using listener = await io.listen({ host: "0.0.0.0" });
        for (let round = 0; round < 8; round++) {
          const controller = new AbortController();
          const connecting = io
            .connect({ host: "two.example", port: listener.address.port, signal: controller.signal })
            .then(
              (stream) => stream.close(),
              (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
            );
          // Before the look-up is answered, before the connect is with the driver, and after.
          for (let turns = 0; turns < round; turns++) await (turns < 4 ? Promise.resolve() : context.turn());
          controller.abort();
          await connecting;
          await context.until(() => io.inspect().operations.length === 0, "all operations to have ended");
          equal(io.inspect().resources.length, 1, "the number of open resources: the listener");
        }
      },
    },
    {
      id: "bad-options",
      title: "options of the race that are out of range are refused before the name is looked up",
      run: async (context) => {
        let asked = 0;
        const io = context.openWithNames(async () => {
          asked++;
          return ["127.0.0.1"];
        });
        const connect = (options: object) => io.connect({ host: "a.example", port: 9, ...options } as ConnectOptions);
        for (const family of [1, "4", null]) await rejects(connect({ family }), "ERR_INVALID_ARG_VALUE");
        await rejects(connect({ autoSelectFamily: 1 }), "ERR_INVALID_ARG_TYPE");
        for (const autoSelectFamilyAttemptTimeout of [9, -1, 1.5, Number.NaN])
          await rejects(connect({ autoSelectFamilyAttemptTimeout }), "ERR_OUT_OF_RANGE");
        equal(asked, 0, "the number of look-ups");
        const closing = io.close();
        oneOf((await rejects(connect({}), "ERR_BACKEND_CLOSED")).code, ["ERR_BACKEND_CLOSED"], "the code");
        await closing;
        equal(asked, 0, "the number of look-ups");
      },
    },
  ],
};
