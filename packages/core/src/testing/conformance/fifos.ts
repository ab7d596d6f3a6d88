/** Opening FIFOs, which waits for the other end, and reading them, which waits for bytes. */
import type { Backend, File } from "@baton-io/core";
import { textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, ok, rejects } from "./expect.js";

/** More than any driver has threads or workers for. */
const MANY = 100;
/** After so many an open knows what it was told before. */
const SEVERAL_TRIES = 2;
/** How long one waits that nothing but its timeout ends. */
const TIMEOUT_MS = 10;

async function givenFifos(context: CaseContext, count: number): Promise<string[]> {
  const paths = Array.from({ length: count }, () => context.path("fifo"));
  await context.subject.makeFifos!(paths);
  return paths;
}

async function givenFifo(context: CaseContext): Promise<string> {
  const [path] = await givenFifos(context, 1);
  return path!;
}

/**
 * What `opens` opens, which have just been asked for, have come to wait: they were tried, and tried again. `settled`:
 * one of them has ended, so that it is not waited for.
 */
async function untilTriedAgain(
  context: CaseContext,
  { opens = 1, settled = () => false }: { opens?: number; settled?: () => boolean } = {},
): Promise<void> {
  const { counters } = context.io.inspect();
  const wanted = counters.repeated + opens * SEVERAL_TRIES;
  const isDone = () => settled() || context.io.inspect().counters.repeated >= wanted;
  await context.until(isDone, "opens that wait to be tried again");
}

/** Both ends of a FIFO. */
async function openBoth(io: Backend, path: string): Promise<{ reader: File; writer: File }> {
  const [reader, writer] = await Promise.all([io.openFile(path, "r"), io.openFile(path, "w")]);
  return { reader, writer };
}

async function write(io: Backend, file: File, text: string): Promise<void> {
  using buffer = io.buffers.copyFrom(text);
  await file.writeFull(buffer);
}

/** Reads as many bytes as the text has that is expected, or to the end. */
async function read(io: Backend, file: File, expected: string): Promise<void> {
  using buffer = io.buffers.take(64);
  let text = "";
  do {
    const { bytesRead } = await file.read(buffer);
    if (bytesRead === 0) break;
    text += textOf(buffer.bytes.subarray(0, bytesRead));
  } while (text.length < expected.length);
  equal(text, expected, "what is read");
}

/** Work of other kinds, each of which a driver may do on threads. */
async function workOnFiles(context: CaseContext): Promise<void> {
  const { io } = context;
  const path = await context.givenFile("12345");
  equal((await io.stat(path)).size, 5, "the size");
  await using file = await io.openFile(path, "r+");
  await write(io, file, "x");
  await file.sync();
  await read(io, file, "2345");
  await io.unlink(path);
  await io.sleep(1);
}

const subjectNeeds = ["makeFifos"] as const;

export const fifoClause: Clause = {
  id: "fifo",
  title: "a FIFO",
  needs: ["open", "close", "read", "write"],
  cases: [
    {
      id: "ends-meet",
      subjectNeeds,
      mutants: ["fifo-opened-alone"],
      title: "an open waits for the other end, whichever comes first; then bytes go through, to the end",
      run: async (context) => {
        for (const [first, second] of [
          ["r", "w"],
          ["w", "r"],
          ["a", "r"],
        ] as const) {
          const path = await givenFifo(context);
          const waiting = context.io.submit({ opcode: "open", path, flags: first });
          await untilTriedAgain(context, { settled: () => waiting.outcome !== "pending" });
          equal(waiting.outcome, "pending", `the outcome of an open with "${first}" that is alone`);
          const [one, other] = await Promise.all([waiting.done, context.io.openFile(path, second)]);
          const [reader, writer] = first === "r" ? [one, other] : [other, one];
          await write(context.io, writer, "through");
          await read(context.io, reader, "through");
          await writer.close();
          await read(context.io, reader, "");
          await reader.close();
        }
      },
    },
    {
      id: "seen-waiting",
      subjectNeeds,
      mutants: ["begun-open-forgotten"],
      title:
        "a reader that waits is seen: a writer that does not wait finds it, and its bytes are read though it has gone",
      run: async (context) => {
        const path = await givenFifo(context);
        const opening = context.io.openFile(path, "r");
        await untilTriedAgain(context);
        const writer = await context.io.openFile(path, "w", { nonBlock: true });
        await write(context.io, writer, "quick");
        await writer.close();
        await using reader = await opening;
        await read(context.io, reader, "quick");
      },
    },
    {
      id: "not-waiting",
      subjectNeeds,
      title: "with nonBlock an open for reading is open at once, and one for writing without a reader is ENXIO",
      run: async (context) => {
        const path = await givenFifo(context);
        await rejects(context.io.openFile(path, "w", { nonBlock: true }), "ENXIO", { path, syscall: "open" });
        await using reader = await context.io.openFile(path, "r", { nonBlock: true });
        await using writer = await context.io.openFile(path, "w", { nonBlock: true });
        await write(context.io, writer, "x");
        await read(context.io, reader, "x");
      },
    },
    {
      id: "own-other-end",
      subjectNeeds,
      title: 'opened with "r+" it is its own other end, and its kind can be asked for',
      needs: ["stat"],
      run: async (context) => {
        await using file = await context.io.openFile(await givenFifo(context), "r+");
        ok((await file.stat()).isFIFO(), "a FIFO");
        await write(context.io, file, "to myself");
        await read(context.io, file, "to myself");
      },
    },
    {
      id: "opens-hold-nothing",
      subjectNeeds,
      title: "a hundred opens of each side that wait hold up no other work on files",
      needs: ["stat", "fsync", "unlink", "timer"],
      run: async (context) => {
        const { io } = context;
        const controller = new AbortController();
        const paths = await givenFifos(context, 2 * MANY);
        const opens = paths.map((path, index) =>
          io.openFile(path, index % 2 === 0 ? "r" : "w", { signal: controller.signal }),
        );
        const settled = Promise.allSettled(opens);
        await untilTriedAgain(context, { opens: paths.length });
        await workOnFiles(context);
        controller.abort();
        for (const { status } of await settled) equal(status, "rejected", "what became of an open that was aborted");
      },
    },
    {
      id: "early-ends",
      subjectNeeds,
      title: "timeouts, signals, cancel() and abandon() end opens that wait, of either side",
      promise: "cancel-has-one-contract",
      run: async (context) => {
        const { io } = context;
        for (const flags of ["r", "w"] as const) {
          const path = await givenFifo(context);
          await rejects(io.openFile(path, flags, { timeoutMs: TIMEOUT_MS }), "ERR_TIMEOUT", { path });
          const controller = new AbortController();
          const opening = io.openFile(path, flags, { signal: controller.signal });
          await untilTriedAgain(context);
          controller.abort();
          await rejects(opening, "ABORT_ERR", { path });
          const canceled = io.submit({ opcode: "open", path, flags });
          const ended = rejects(canceled.done, "ERR_OPERATION_CANCELED", { path });
          await untilTriedAgain(context);
          equal(await canceled.cancel(), "canceled", "what became of the cancel");
          await ended;
          const abandoned = io.submit({ opcode: "open", path, flags });
          const gone = rejects(abandoned.done, "ERR_OPERATION_ABANDONED");
          await untilTriedAgain(context);
          abandoned.abandon();
          await gone;
        }
        context.expect({ orphans: io.inspect().orphans.total });
      },
    },
    {
      id: "given-up",
      subjectNeeds,
      mutants: ["begun-open-kept"],
      title: "a reader that gave up waiting is gone: a writer finds nobody",
      promise: "nothing-is-lost",
      run: async (context) => {
        const path = await givenFifo(context);
        const controller = new AbortController();
        const opening = rejects(context.io.openFile(path, "r", { signal: controller.signal }), "ABORT_ERR");
        await untilTriedAgain(context);
        controller.abort();
        await opening;
        await context.until(() => context.io.inspect().operations.length === 0, "the reading end to be closed");
        await rejects(context.io.openFile(path, "w", { nonBlock: true }), "ENXIO");
      },
    },
    {
      id: "backend-close",
      subjectNeeds,
      title: "closing the backend ends opens that wait, long before its deadline",
      promise: "closing-is-orderly",
      run: async (context) => {
        const { io } = context;
        const paths = await givenFifos(context, 20);
        const opens = paths.map((path, index) =>
          rejects(io.openFile(path, index % 2 === 0 ? "r" : "w"), "ERR_BACKEND_CLOSED", { path }),
        );
        await untilTriedAgain(context, { opens: paths.length });
        const { unconfirmedOperations } = await io.close({ deadlineMs: 60_000 });
        equal(unconfirmedOperations, 0, "the number of unconfirmed operations");
        await Promise.all(opens);
      },
    },
    {
      id: "reads-hold-nothing",
      subjectNeeds,
      title: "a hundred reads that wait for bytes hold up no other work on files, and each gets what comes to it",
      needs: ["stat", "fsync", "unlink", "timer"],
      run: async (context) => {
        const { io } = context;
        const paths = await givenFifos(context, MANY);
        const ends = await Promise.all(paths.map((path) => openBoth(io, path)));
        const reads = ends.map(({ reader }, index) => read(io, reader, `to ${index}`));
        await context.flush();
        await workOnFiles(context);
        await Promise.all(ends.map(({ writer }, index) => write(io, writer, `to ${index}`)));
        await Promise.all(reads);
        await Promise.all(ends.flatMap(({ reader, writer }) => [reader.close(), writer.close()]));
      },
    },
    {
      id: "read-aborted",
      subjectNeeds,
      title: "a read that waits ends with its timeout or its signal, and what comes afterwards is for the next",
      promise: "nothing-is-lost",
      run: async (context) => {
        const { io } = context;
        const { reader, writer } = await openBoth(io, await givenFifo(context));
        using buffer = io.buffers.take(16);
        await rejects(reader.read(buffer, { timeoutMs: TIMEOUT_MS }), "ERR_TIMEOUT", { buffer });
        const controller = new AbortController();
        const reading = reader.read(buffer, { signal: controller.signal });
        await context.flush();
        controller.abort();
        await rejects(reading, "ABORT_ERR", { buffer });
        await write(io, writer, "later");
        await read(io, reader, "later");
        await Promise.all([reader.close(), writer.close()]);
      },
    },
    {
      id: "closed-while-read",
      subjectNeeds,
      mutants: ["file-close-cancels-nothing"],
      title: "close with cancel ends reads that wait, and those behind them; each rejects with its buffer",
      promise: "closing-is-orderly",
      run: async (context) => {
        const { io } = context;
        const { reader, writer } = await openBoth(io, await givenFifo(context));
        const buffers = [io.buffers.take(16), io.buffers.take(16)];
        const reads = buffers.map((buffer) => rejects(reader.read(buffer), "ERR_RESOURCE_CLOSED", { buffer }));
        await context.flush();
        await rejects(reader.close({ cancel: 1 } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(reader.close({ abort: true } as never), "ERR_UNKNOWN_OPTION");
        equal(reader.closed, false, "reader.closed after closes that were refused");
        await reader.close({ cancel: true });
        await Promise.all(reads);
        await rejects(reader.close({ cancel: true }), "ERR_RESOURCE_CLOSED_TWICE");
        for (const buffer of buffers) buffer.release();
        await writer.close();
      },
    },
    {
      id: "in-a-chain",
      subjectNeeds,
      title: "what is chained behind an open that waits is not begun before it is open",
      run: async (context) => {
        const { io } = context;
        const path = await givenFifo(context);
        const made = context.path("made");
        const linked = io.chain([
          { opcode: "open", path, flags: "r" },
          { opcode: "open", path: made, flags: "wx" },
        ]);
        await untilTriedAgain(context);
        await rejects(io.openFile(made), "ENOENT");
        await using _writer = await io.openFile(path, "w");
        for (const one of await linked) {
          if (one.status === "rejected") throw one.reason;
          await one.value.close();
        }
      },
    },
  ],
};
