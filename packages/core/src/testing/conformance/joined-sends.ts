/** Many sends at once: those that wait are joined, and nobody who asked for one can tell, but by the time it takes. */
import type { OperationOptions, TcpStream } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, sequence } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok, oneOf } from "./expect.js";
import { receiveBytes } from "./stream-talk.js";

/** Sends of this size are joined, and so many of them are more than the buffers of a connection hold. */
const PIECE_BYTES = 16_384;
const STALLED_PIECES = 1200;

/** One send of many: its bytes, and how it ended. */
interface Piece {
  readonly bytes: Uint8Array;
  /** `"ok"` or the code of its error, and the count that it was told. */
  readonly outcome: Promise<{ readonly code: string; readonly count: number }>;
}

/** Asks for all sends at once, without waiting for any. */
function sendPieces(
  context: CaseContext,
  stream: TcpStream,
  sizes: readonly number[],
  optionsOf: (index: number) => OperationOptions = () => ({}),
): Piece[] {
  return sizes.map((size, index) => {
    const bytes = pattern(size, index + 1);
    // There is no buffer of no bytes, but a send of none of its bytes.
    const buffer = context.io.buffers.unsafeBorrow(size === 0 ? new Uint8Array(1) : bytes);
    const outcome = stream.send(buffer, { length: size, ...optionsOf(index) }).then(
      ({ bytesSent }) => {
        buffer.release();
        return { code: "ok", count: bytesSent };
      },
      (error: { code: string; bytesTransferred: number; buffer: unknown }) => {
        equal(error.buffer, buffer, "error.buffer");
        buffer.release();
        return { code: error.code, count: error.bytesTransferred };
      },
    );
    return { bytes, outcome };
  });
}

/** What the peer must receive: of each send, in order, the bytes that it was told of. */
async function told(pieces: readonly Piece[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const { bytes, outcome } of pieces) {
    const { code, count } = await outcome;
    if (code === "ok") equal(count, bytes.length, "bytesSent of a send that resolved");
    parts.push(bytes.subarray(0, count));
  }
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Everything to the end of the stream, or to its reset. */
async function receiveRest(context: CaseContext, stream: TcpStream): Promise<Uint8Array> {
  return receiveBytes(context.far, stream, Number.POSITIVE_INFINITY, 2 ** 20);
}

const stalled = Array.from({ length: STALLED_PIECES }, () => PIECE_BYTES);

export const joinedSendsClause: Clause = {
  id: "joined-sends",
  title: "many sends at once",
  needs: [...connectionNeeds, "send", "receive", "shutdown"],
  cases: [
    {
      id: "all-sizes",
      title: "small, large and empty sends that are asked for together arrive in order, each with its own count",
      mutants: ["joined-send-starts-over"],
      run: async (context) => {
        await using pair = await context.pair();
        const random = sequence(17);
        const sizes = Array.from({ length: 400 }, (_, index) =>
          index % 37 === 0 ? 0 : index % 23 === 0 ? 40_000 + random(100_000) : 1 + random(300),
        );
        const pieces = sendPieces(context, pair.near, sizes);
        const ending = pair.near.shutdown();
        const received = await receiveRest(context, pair.far);
        equalBytes(received, await told(pieces), "what the peer received");
        for (const { outcome } of pieces) equal((await outcome).code, "ok", "how a send ended");
        await ending;
      },
    },
    {
      id: "few-calls",
      title: "a thousand one-byte sends take a few dozen rounds, not a thousand",
      needs: ["joinedSends"],
      calmOnly: true,
      mutants: ["sends-never-joined"],
      run: async (context) => {
        await using pair = await context.pair();
        const before = context.io.inspect().counters.flushes;
        const pieces = sendPieces(context, pair.near, new Array<number>(1000).fill(1));
        const expected = await told(pieces);
        const rounds = context.io.inspect().counters.flushes - before;
        ok(rounds < 100, `fewer than 100 rounds, and it took ${rounds}`);
        equalBytes(await receiveBytes(context.far, pair.far, 1000), expected, "what the peer received");
      },
    },
    {
      id: "some-end-early",
      title: "sends that are ended early among many say how much of them went out; the others are not disturbed",
      promise: "cancel-has-one-contract",
      mutants: ["joined-cancel-ends-all", "joined-rest-goes-last", "joined-counts-twice"],
      run: async (context) => {
        await using pair = await context.pair();
        const controllers = stalled.map(() => new AbortController());
        const pieces = sendPieces(context, pair.near, stalled, (index) =>
          index % 11 === 3 ? { timeoutMs: 8 } : { signal: controllers[index]!.signal },
        );
        // The first of these before the driver has any, the others when it can take no more.
        for (let index = 5; index < STALLED_PIECES; index += 97) controllers[index]!.abort();
        await context.flush();
        await context.after(10);
        for (let index = 7; index < STALLED_PIECES; index += 13) controllers[index]!.abort();
        await context.turn(2);
        for (let index = STALLED_PIECES - 1; index > STALLED_PIECES - 40; index -= 3) controllers[index]!.abort();
        const receiving = receiveRest(context, pair.far);
        const expected = await told(pieces);
        for (const [index, { outcome }] of pieces.entries()) {
          const { code } = await outcome;
          oneOf(code, index % 11 === 3 ? ["ok", "ERR_TIMEOUT"] : ["ok", "ABORT_ERR"], "how a send ended");
          if (!controllers[index]!.signal.aborted && index % 11 !== 3)
            equal(code, "ok", "how an undisturbed send ended");
        }
        await pair.near.close();
        equalBytes(await receiving, expected, "what the peer received");
      },
    },
    {
      id: "closed-meanwhile",
      title: "closing the stream ends many sends at once, each with the count of what the peer receives of it",
      promise: "nothing-is-lost",
      run: async (context) => {
        await using pair = await context.pair();
        const pieces = sendPieces(context, pair.near, stalled);
        await context.flush();
        await context.after(5);
        await pair.near.close();
        const expected = await told(pieces);
        for (const { outcome } of pieces)
          oneOf((await outcome).code, ["ok", "ERR_RESOURCE_CLOSED"], "how a send ended");
        ok(expected.length < STALLED_PIECES * PIECE_BYTES, "that not everything went out");
        equalBytes(await receiveRest(context, pair.far), expected, "what the peer received");
      },
    },
    {
      id: "reset-meanwhile",
      title: "a reset ends many sends at once: those before it are told of success, one of the reset, none of too much",
      promise: "nothing-is-lost",
      run: async (context) => {
        await using pair = await context.pair();
        const pieces = sendPieces(context, pair.near, stalled);
        const received = await receiveBytes(context.far, pair.far, 50_000);
        await context.turn(2);
        await pair.far.close();
        const expected = await told(pieces);
        ok(expected.length >= 50_000, "the counts to cover what arrived");
        equalBytes(received, expected.subarray(0, 50_000), "what arrived");
        const codes = await Promise.all(pieces.map(async ({ outcome }) => (await outcome).code));
        const failed = codes.filter((code) => code !== "ok");
        ok(failed.length > 0, "some to have failed");
        for (const code of failed) oneOf(code, ["ECONNRESET", "EPIPE"], "the code of a send that failed");
        ok(failed.filter((code) => code === "ECONNRESET").length <= 1, "the reset to be told to one of them at most");
        equal(codes.lastIndexOf("ok") < codes.indexOf(failed[0]!), true, "that none succeeded behind one that failed");
      },
    },
    {
      id: "given-up",
      title:
        "sends that are abandoned among many give their buffers back, and what went out of them stands in its place",
      promise: "abandoned-becomes-orphan",
      run: async (context) => {
        await using pair = await context.pair();
        const operations = stalled.map((size, index) => {
          const buffer = context.io.buffers.adopt(pattern(size, index + 1).buffer);
          return { buffer, operation: context.io.submit({ opcode: "send", stream: pair.near, buffer }) };
        });
        const outcomes = operations.map(({ operation }) =>
          operation.done.then(
            () => "ok",
            (error: { code: string }) => error.code,
          ),
        );
        await context.flush();
        await context.turn(3);
        for (let index = 2; index < STALLED_PIECES; index += 5) operations[index]!.operation.abandon();
        const receiving = receiveRest(context, pair.far);
        for (const [index, outcome] of (await Promise.all(outcomes)).entries()) {
          oneOf(outcome, index % 5 === 2 ? ["ok", "ERR_OPERATION_ABANDONED"] : ["ok"], "how a send ended");
        }
        await context.until(() => context.io.inspect().orphans.inFlight === 0, "the orphans to end");
        await pair.near.close();
        await receiving;
        for (const { buffer } of operations) buffer[Symbol.dispose]();
        context.expect({ orphans: context.io.inspect().orphans.total });
      },
    },
  ],
};
