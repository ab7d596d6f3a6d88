/** Backends that the program drops without closing them. Nothing here refers to one but what the case says. */
import type { Backend, Leak } from "@baton-io/core";
import type { CaseDefinition, Clause, Need } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, rejects } from "./expect.js";

const POOL_BYTES = 65_536;
/** Collections that what is in use has to outlast, after those in which a backend was noticed that is not. */
const COLLECTIONS_MORE = 3;

/** Too long for simulated time too, which jumps from one event to the next while garbage is collected. */
const LONG_MS = 2 ** 31 - 1;

const told = (leaks: readonly Leak[]) => leaks.map(({ what }) => what).sort();

/** A way to use a backend that nobody has any more; answers what ends that in order. It must not refer to the backend. */
interface Use {
  readonly title: string;
  readonly needs: readonly Need[];
  begin(io: Backend, context: CaseContext): Promise<() => Promise<void>> | (() => Promise<void>);
}

const uses: Readonly<Record<string, Use>> = {
  file: {
    title: "of which a file is held",
    needs: ["open", "stat"],
    begin: async (io, context) => {
      const file = await io.openFile(await context.givenFile("hello"));
      return async () => {
        equal((await file.stat()).size, 5, "the size of the file");
        await file.close();
      };
    },
  },
  operation: {
    title: "of which an operation is awaited",
    needs: ["timer"],
    begin: (io) => {
      const controller = new AbortController();
      const sleeping = rejects(io.sleep(LONG_MS, { signal: controller.signal }), "ABORT_ERR");
      return async () => {
        controller.abort();
        await sleeping;
      };
    },
  },
  buffer: {
    title: "of which a buffer is awaited",
    needs: [],
    begin: ({ buffers }) => {
      const all = buffers.take(POOL_BYTES);
      const waiting = buffers.takeWhenFree(4096);
      return async () => {
        all.release();
        (await waiting).release();
      };
    },
  },
};

function usedCase([id, { title, needs, begin }]: [string, Use]): CaseDefinition {
  return {
    id: `used-${id}`,
    title: `one ${title} goes on until that has ended; then it is told of, and keeps no descriptor`,
    needs,
    subjectNeeds: ["collectGarbage"],
    mutants: id === "buffer" ? ["awaited-pool-taken-for-dropped"] : ["used-backend-taken-for-dropped"],
    run: async (context) => {
      const options = { poolBytesMax: POOL_BYTES };
      const { used: finish, leaks } = await context.droppable((io) => begin(io, context), options);
      const idle = await context.droppable(() => undefined, options);
      await context.collectUntil(() => idle.leaks.length > 0, "a backend that is not in use to be noticed");
      for (let more = 0; more < COLLECTIONS_MORE; more++) await context.collect();
      equal(told(leaks).join(), "", "what was told while it was in use");
      await finish();
      await context.collectUntil(() => leaks.length > 0, "the backend to be noticed");
      equal(told(leaks).join(), "backend", "what was told");
    },
  };
}

export const droppedBackendClause: Clause = {
  id: "dropped-backend",
  title: "a backend that was dropped",
  promise: "closing-is-orderly",
  cases: [
    {
      id: "idle",
      title: "one that did something once is told of, and keeps no descriptor",
      needs: ["nop"],
      subjectNeeds: ["collectGarbage"],
      mutants: ["dropped-backend-kept", "dropped-backend-not-closed"],
      run: async (context) => {
        const { leaks } = await context.droppable((io) => io.nop());
        await context.collectUntil(() => leaks.length > 0, "the backend to be noticed");
        equal(told(leaks).join(), "backend", "what was told");
      },
    },
    {
      id: "with-a-file",
      title: "one that was dropped with a file is told of with it, and keeps no descriptor of either",
      needs: ["open"],
      subjectNeeds: ["collectGarbage"],
      mutants: ["dropped-backend-kept"],
      run: async (context) => {
        const path = await context.givenFile("hello");
        const { leaks } = await context.droppable(async (io) => void (await io.openFile(path)));
        await context.collectUntil(() => leaks.length > 1, "both to be noticed");
        equal(told(leaks).join(), "backend,resource", "what was told");
      },
    },
    ...Object.entries(uses).map(usedCase),
  ],
};
