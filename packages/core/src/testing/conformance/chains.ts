/** Chains: io.chain. */
import { type File, isSupported, type Request } from "@baton-io/core";
import { textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, ok, rejects } from "./expect.js";
import { receiveBytes } from "./stream-talk.js";

const FILE_NEEDS = ["open", "close", "read", "write", "fsync"] as const;

/** More than a connection takes in while nobody reads at its other end. */
const STALLING_BYTES = 16 * 2 ** 20;

/** The error of a result, or a failure of the case. */
function errorOf(
  result: PromiseSettledResult<unknown>,
  what = "the operation",
): Error & { code?: string; buffer?: unknown } {
  ok(result.status === "rejected", `${what} to fail`);
  return result.reason as Error;
}

/** Fails unless each of them was not done, because of `cause`, which is what became of `what`. */
function brokenBy(results: readonly PromiseSettledResult<unknown>[], cause: Error, what: string): void {
  for (const result of results) {
    const error = errorOf(result, `what is behind ${what}`);
    equal(error.code, "ERR_CHAIN_BROKEN", `the code behind ${what}`);
    equal(error.cause, cause, `the cause behind ${what}`);
  }
}

/** Of a chain in which `request` fails, first or behind another, nothing that is behind it is done to `file`. */
async function endsWhatIsBehind(context: CaseContext, request: Request, file: File): Promise<void> {
  const { io } = context;
  for (const front of [[], [{ opcode: "nop" }]] as const) {
    const buffer = io.buffers.copyFrom("lost");
    const write = { opcode: "write", file, buffer, position: 0 } as const;
    const chain: readonly Request[] = [...front, request, write, { opcode: "nop" }];
    const results: readonly PromiseSettledResult<unknown>[] = await io.chain(chain as readonly { opcode: "nop" }[]);
    const [failed, ...behind] = results.slice(front.length);
    const cause = errorOf(failed!, request.opcode);
    ok(cause.code !== "ERR_CHAIN_BROKEN", `${request.opcode} to have an error of its own`);
    brokenBy(behind, cause, request.opcode);
    equal(await context.textOf(file.path), "kept", `what is in the file behind ${request.opcode}`);
    buffer.release();
  }
}

export const chainClause: Clause = {
  id: "chain",
  title: "io.chain",
  needs: ["nop"],
  cases: [
    {
      id: "in-order",
      title: "each operation starts when the one before it has ended well: writes to one place leave the last",
      needs: FILE_NEEDS,
      calmOnly: true,
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("");
        using first = io.buffers.copyFrom("aaaa");
        using second = io.buffers.copyFrom("bbbb");
        using back = io.buffers.take(4);
        const results = await io.chain([
          { opcode: "write", file, buffer: first, position: 0 },
          { opcode: "write", file, buffer: second, position: 0 },
          { opcode: "fsync", file },
          { opcode: "read", file, buffer: back, position: 0 },
        ]);
        equal(results.map(({ status }) => status).join(), Array(4).fill("fulfilled").join(), "the outcomes");
        equal(textOf(back.bytes), "bbbb", "what was read at the end");
      },
    },
    {
      id: "failure-ends-it",
      promise: "buffer-comes-home",
      title:
        "what is behind a failure is not done: ERR_CHAIN_BROKEN with the failure as its cause, and its buffer is home",
      needs: FILE_NEEDS,
      calmOnly: true,
      mutants: ["chain-goes-on-after-failure"],
      run: async (context) => {
        const { io } = context;
        await using readOnly = await context.openFile("kept", "r");
        await using file = await context.openFile("kept");
        const [bad, good] = [io.buffers.copyFrom("lost"), io.buffers.copyFrom("lost")];
        const [first, second, third] = await io.chain([
          { opcode: "write", file: readOnly, buffer: bad, position: 0 },
          { opcode: "write", file, buffer: good, position: 0 },
          { opcode: "nop" },
        ]);
        equal(errorOf(first).code, "EBADF", "the code of the failure");
        brokenBy([second, third], errorOf(first), "it");
        equal(errorOf(second).buffer, good, "the buffer that came home");
        equal(good.state, "owned", "its state");
        equal(await context.textOf(file.path), "kept", "what is in the file");
        for (const buffer of [bad, good]) buffer.release();
      },
    },
    {
      id: "any-failure-ends-it",
      promise: "nothing-is-lost",
      title: "whatever fails, what is behind it is not done: a file is not replaced by one that was never made safe",
      needs: FILE_NEEDS,
      calmOnly: true,
      run: async (context) => {
        const { io } = context;
        await using readOnly = await context.openFile("kept", "r");
        await using file = await context.openFile("kept");
        const missing = context.path("missing");
        const requests: readonly Request[] = [
          { opcode: "truncate", file: readOnly, length: 1 },
          { opcode: "allocate", file: readOnly, length: 8 },
          { opcode: "unlink", path: missing },
          { opcode: "rename", from: missing, to: context.path() },
          { opcode: "mkdir", path: file.path },
          { opcode: "hardlink", existing: missing, path: context.path() },
          { opcode: "symlink", target: missing, path: file.path },
          { opcode: "stat", path: missing },
          { opcode: "open", path: missing },
        ];
        for (const request of requests) {
          if (!isSupported(io.capabilities.operations[request.opcode])) continue;
          await endsWhatIsBehind(context, request, file);
        }
      },
    },
    {
      id: "failed-sync-ends-it",
      promise: "nothing-is-lost",
      title: "a sync that fails ends what is behind it",
      needs: FILE_NEEDS,
      subjectNeeds: ["makeFifos"],
      calmOnly: true,
      run: async (context) => {
        const path = context.path("fifo");
        await context.subject.makeFifos!([path]);
        // A FIFO has nothing that could be made safe: EINVAL.
        await using fifo = await context.io.openFile(path, "r+");
        await using file = await context.openFile("kept");
        for (const opcode of ["fsync", "fdatasync"] as const) {
          await endsWhatIsBehind(context, { opcode, file: fifo }, file);
        }
      },
    },
    {
      id: "short-transfer-ends-it",
      title: "a read that found less than it asked for has not ended well",
      needs: FILE_NEEDS,
      calmOnly: true,
      mutants: ["chain-short-is-well"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123");
        using into = io.buffers.take(16);
        const out = io.buffers.copyFrom("XXXX");
        const [read, write] = await io.chain([
          { opcode: "read", file, buffer: into, position: 0 },
          { opcode: "write", file, buffer: out, position: 0 },
        ]);
        ok(read.status === "fulfilled" && read.value.bytesRead === 4, "the read to have its four bytes");
        equal(errorOf(write).code, "ERR_CHAIN_BROKEN", "the code of the write");
        equal(await context.textOf(file.path), "0123", "what is in the file");
        out.release();
      },
    },
    {
      id: "short-send-ends-it",
      promise: "nothing-is-lost",
      title:
        "a send that was cut short ends what is behind it: no byte goes out behind a gap, and no end in the middle",
      needs: ["listen", "accept", "connect", "close", "send", "receive", "shutdown"],
      mutants: ["chain-short-send-is-well"],
      run: async (context) => {
        const { io } = context;
        for (const behind of ["send", "shutdown"] as const) {
          await using pair = await context.pair();
          const stream = pair.near;
          using large = io.buffers.take(STALLING_BYTES);
          using tail = io.buffers.copyFrom("tail");
          large.bytes.fill(1);
          const results = io.chain([
            { opcode: "send", stream, buffer: large },
            behind === "send" ? { opcode: "send", stream, buffer: tail } : { opcode: "shutdown", stream },
          ]);
          // Some drivers go on by themselves until all has gone out, which it does only when somebody takes it.
          const received = receiveBytes(context.far, pair.far, Number.POSITIVE_INFINITY, 2 ** 20);
          const [first, second] = await results;
          ok(first.status === "fulfilled", "the first send to have sent something");
          const { bytesSent } = first.value;
          if (bytesSent < STALLING_BYTES) equal(errorOf(second).code, "ERR_CHAIN_BROKEN", `the code of the ${behind}`);
          else equal(second.status, "fulfilled", `the ${behind}`);
          if (bytesSent < STALLING_BYTES || behind === "send") await stream.shutdown();
          const bytesBehind = bytesSent === STALLING_BYTES && behind === "send" ? tail.length : 0;
          equal((await received).length, bytesSent + bytesBehind, "the bytes that arrived");
        }
      },
    },
    {
      id: "cancel-ends-it",
      promise: "cancel-has-one-contract",
      title: "canceling one, started or not, ends what is behind it and nothing before it",
      needs: ["timer"],
      mutants: ["chain-all-at-once"],
      run: async ({ io }) => {
        const first = new AbortController();
        const second = new AbortController();
        const results = io.chain([
          { opcode: "timer", afterMs: 60_000, signal: first.signal },
          { opcode: "timer", afterMs: 60_000, signal: second.signal },
          { opcode: "nop" },
        ]);
        await io.nop();
        second.abort();
        await io.nop();
        equal(io.inspect().operations.length, 1, "the operations in flight");
        first.abort();
        const [a, b, c] = await results;
        equal(errorOf(a).code, "ABORT_ERR", "the code of the first");
        equal(errorOf(b).code, "ABORT_ERR", "the code of the second");
        equal(errorOf(c).code, "ERR_CHAIN_BROKEN", "the code of the third");
      },
    },
    {
      id: "cancel-before-the-flush",
      promise: "ends-once",
      title: "a member that is canceled before the driver has any of them takes only those behind it along",
      needs: FILE_NEEDS,
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("");
        const stop = new AbortController();
        const [a, b] = [io.buffers.copyFrom("a"), io.buffers.copyFrom("b")];
        const results = io.chain([
          { opcode: "write", file, buffer: a, position: 0 },
          { opcode: "fsync", file, signal: stop.signal },
          { opcode: "write", file, buffer: b, position: 0 },
        ]);
        // A stranger right behind it: nothing may be linked to it.
        const stranger = io.nop();
        stop.abort();
        const [first, second, third] = await results;
        await stranger;
        equal(first.status, "fulfilled", "the first");
        equal(errorOf(second).code, "ABORT_ERR", "the code of the second");
        equal(errorOf(third).code, "ERR_CHAIN_BROKEN", "the code of the third");
        equal(await context.textOf(file.path), "a", "what is in the file");
        for (const buffer of [a, b]) buffer.release();
      },
    },
    {
      id: "stream",
      title: "a connection's operations can be members: a send and the shutdown behind it",
      needs: ["listen", "accept", "connect", "close", "send", "receive", "shutdown"],
      run: async (context) => {
        const { io } = context;
        await using pair = await context.pair();
        using buffer = io.buffers.copyFrom("x");
        using into = context.far.buffers.take(8);
        const results = await io.chain([
          { opcode: "send", stream: pair.near, buffer },
          { opcode: "shutdown", stream: pair.near },
        ]);
        equal(results.map(({ status }) => status).join(), "fulfilled,fulfilled", "the outcomes");
        equal((await pair.far.receive(into)).bytesReceived, 1, "the bytes received");
        equal((await pair.far.receive(into)).bytesReceived, 0, "the bytes received after the end");
      },
    },
    {
      id: "refused-whole",
      promise: "lent-shared-or-exclusive",
      title: "a request that is refused refuses the whole chain: nothing is done and nothing stays lent",
      needs: FILE_NEEDS,
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("kept");
        using buffer = io.buffers.copyFrom("lost");
        const { submitted } = io.inspect().counters;
        const chain = io.chain([
          { opcode: "write", file, buffer, position: 0, signal: new AbortController().signal },
          { opcode: "write", file, buffer, position: -1 },
        ]);
        await rejects(chain, "ERR_OUT_OF_RANGE");
        equal(io.inspect().counters.submitted, submitted, "the number of operations submitted");
        equal(buffer.state, "owned", "the state of the buffer");
        equal(await context.textOf(file.path), "kept", "what is in the file");
      },
    },
    {
      id: "lengths",
      title: "from 1 to 64 operations; what is no list is refused",
      run: async ({ io }) => {
        const nops = (count: number) => Array.from({ length: count }, () => ({ opcode: "nop" }) as const);
        await rejects(io.chain([]), "ERR_OUT_OF_RANGE");
        await rejects(io.chain(nops(65)), "ERR_OUT_OF_RANGE");
        await rejects(io.chain(undefined as never), "ERR_INVALID_ARG_TYPE");
        // Enough to cross the end of what goes to the driver at once.
        const others = Array.from({ length: 1000 }, () => io.nop());
        for (const count of [1, 2, 64]) {
          const results = await io.chain(nops(count));
          ok(
            results.every(({ status }) => status === "fulfilled"),
            `all ${count} to end well`,
          );
        }
        await Promise.all(others);
      },
    },
    {
      id: "close-waits",
      promise: "closing-is-orderly",
      title: "closing a file waits for the chain that works on it",
      needs: FILE_NEEDS,
      run: async (context) => {
        const { io } = context;
        const file = await context.openFile("");
        const chain = io.chain([
          { opcode: "nop" },
          { opcode: "nop" },
          { opcode: "fsync", file },
          { opcode: "fsync", file },
        ]);
        await file.close();
        const results = await chain;
        equal(results.map(({ status }) => status).join(), Array(4).fill("fulfilled").join(), "the outcomes");
      },
    },
  ],
};
