/**
 * How a connection ends, and what is told of it: every driver counts the bytes that its kernel took, no more and no
 * fewer, and tells a reset from an end.
 */
import type { OwnedBuffer, TcpStream } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, textOf } from "./bytes.js";
import type { CaseDefinition, Clause } from "./case.js";
import type { CaseContext, Pair } from "./context.js";
import { equal, equalBytes, fail, ok, oneOf, rejects } from "./expect.js";
import { receiveBytes, sendBytes, sendText } from "./stream-talk.js";

/** More than the buffers of a connection hold, however the system sizes them. */
const STALLED_BYTES = 16 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;
/** Fits between two ends although nobody reads. */
const UNREAD_BYTES = 40_000;

/** What a send came to: resolved, or rejected with a code, and in either case a count. */
interface Sent {
  readonly code: string;
  readonly count: number;
}

/** Sends far more than the peer takes; what becomes of it. */
function sendTooMuch(
  buffer: OwnedBuffer,
  stream: TcpStream,
  options: { signal?: AbortSignal; timeoutMs?: number } = {},
) {
  return stream.send(buffer, options).then(
    ({ bytesSent }): Sent => ({ code: "resolved", count: bytesSent }),
    (error: { code: string; bytesTransferred: number; buffer: unknown }): Sent => {
      equal(error.buffer, buffer, "error.buffer");
      return { code: error.code, count: error.bytesTransferred };
    },
  );
}

/** Everything that can still be received, whichever way it ends, and how it ends. */
async function receiveToTheEnd(context: CaseContext, stream: TcpStream): Promise<{ bytes: Uint8Array; end: string }> {
  const chunks: Uint8Array[] = [];
  using buffer = context.far.buffers.take(CHUNK_BYTES);
  for (;;) {
    try {
      const { bytesReceived } = await stream.receive(buffer);
      if (bytesReceived === 0) return { bytes: joined(chunks), end: "end" };
      chunks.push(buffer.bytes.slice(0, bytesReceived));
    } catch (error) {
      return { bytes: joined(chunks), end: (error as { code: string }).code };
    }
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Resets the connection from the far end: an end that closes with bytes unread does that. */
export async function reset(context: CaseContext, pair: Pair): Promise<void> {
  await sendText(context.io, pair.near, "unread");
  // The bytes may be on their way for a while.
  if (context.far.capabilities.operations.poll.kind !== "unsupported") await pair.far.poll({ readable: true });
  await pair.far.close();
}

/** Ways to end a send at the sender's side, and the code that it is told. */
const cuts: readonly {
  id: string;
  title: string;
  codes: readonly string[];
  cut(context: CaseContext, pair: Pair): Promise<unknown>;
}[] = [
  {
    id: "stream-close",
    title: "stream.close()",
    codes: ["ERR_RESOURCE_CLOSED"],
    cut: (_context, { near }) => near.close(),
  },
  {
    id: "backend-close",
    title: "io.close()",
    codes: ["ERR_BACKEND_CLOSED", "ERR_RESOURCE_CLOSED"],
    cut: (context) => context.io.close(),
  },
];

export const streamEndingsClause: Clause = {
  id: "stream-endings",
  title: "how a connection ends",
  needs: [...connectionNeeds, "send", "receive", "shutdown"],
  cases: [
    ...cuts.map(({ id, title, codes, cut }): Clause["cases"][number] => ({
      id: `send-cut-by-${id}`,
      title: `a send that ${title} cuts short rejects with the count of what the peer receives, and no other bytes arrive`,
      promise: "nothing-is-lost",
      mutants: id === "stream-close" ? ["cut-send-succeeds"] : [],
      run: async (context) => {
        // With one backend for both ends, closing it would close the peer as well.
        const io = context.io;
        if (id === "backend-close" && context.subject.peer === undefined) context.useOtherFar();
        const pair = await context.pair();
        const bytes = pattern(STALLED_BYTES, 51);
        const buffer = io.buffers.adopt(bytes.slice().buffer);
        const sending = sendTooMuch(buffer, pair.near);
        await context.flush();
        await context.turn(3);
        const cutting = cut(context, pair);
        const { code, count } = await sending;
        await cutting;
        // It is home: what is written to it now is nobody else's business.
        buffer.bytes.fill(0);
        buffer.release();
        oneOf(code, codes, "the code of the error");
        const { bytes: received } = await receiveToTheEnd(context, pair.far);
        equalBytes(received, bytes.subarray(0, count), "what the peer received");
        await pair.far.close();
        await pair.listener[Symbol.asyncDispose]();
      },
    })),
    ...(["signal", "timeout"] as const).map((way): Clause["cases"][number] => ({
      id: `send-cut-by-${way}`,
      title: `a send that is ended early (${way}) rejects with the count of what the peer receives`,
      promise: "nothing-is-lost",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(STALLED_BYTES, 53);
        using buffer = context.io.buffers.adopt(bytes.slice().buffer);
        const controller = new AbortController();
        const sending = sendTooMuch(
          buffer,
          pair.near,
          way === "signal" ? { signal: controller.signal } : { timeoutMs: 5 },
        );
        await context.flush();
        await context.after(10);
        controller.abort();
        await context.turn(2);
        const receiving = receiveToTheEnd(context, pair.far);
        const { code, count } = await sending;
        buffer.bytes.fill(0);
        equal(code, way === "signal" ? "ABORT_ERR" : "ERR_TIMEOUT", "the code of the error");
        ok(count < STALLED_BYTES, "fewer bytes to have gone out than there were");
        await pair.near.close();
        equalBytes((await receiving).bytes, bytes.subarray(0, count), "what the peer received");
      },
    })),
    {
      id: "send-cut-by-reset",
      title:
        "a send that a reset cuts short rejects with the count of what the kernel had taken, never less than arrived",
      promise: "nothing-is-lost",
      mutants: ["reset-send-counts-nothing"],
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(STALLED_BYTES, 57);
        using buffer = context.io.buffers.adopt(bytes.slice().buffer);
        const sending = sendTooMuch(buffer, pair.near);
        const received = await receiveBytes(context.far, pair.far, 100_000);
        equalBytes(received, bytes.subarray(0, 100_000), "what the peer received before");
        await context.turn(2);
        await pair.far.close();
        const { code, count } = await sending;
        oneOf(code, ["ECONNRESET", "EPIPE"], "the code of the error");
        ok(count >= 100_000, `a count that covers what arrived, and it was ${count}`);
        ok(count < STALLED_BYTES, "a count below what was to be sent");
      },
    },
    {
      id: "pipe-cut",
      title: "a transfer from a file that a close cuts short rejects with the count of what the peer receives",
      promise: "nothing-is-lost",
      needs: ["open", "read", "write", "pipeTo"],
      run: async (context) => {
        const bytes = pattern(STALLED_BYTES, 59);
        await using file = await context.openFile(bytes, "r");
        await using pair = await context.pair();
        const piping = file.pipeTo(pair.near, { position: 0 }).then(
          () => fail("it resolved"),
          (error: { code: string; bytesTransferred: number }) => error,
        );
        // The peer reads nothing, so it stands still when the buffers of the connection are full.
        await context.after(20);
        await pair.near.close();
        const { code, bytesTransferred } = await piping;
        equal(code, "ERR_RESOURCE_CLOSED", "the code of the error");
        const { bytes: received } = await receiveToTheEnd(context, pair.far);
        equalBytes(received, bytes.subarray(0, bytesTransferred), "what the peer received");
      },
    },
    ...(["waiting", "not waiting"] as const).map((how): Clause["cases"][number] => ({
      id: how === "waiting" ? "reset-while-waiting" : "reset-while-idle",
      title: `bytes and then a reset, with a receive ${how}: first the bytes, then ECONNRESET, once, then the end`,
      mutants: how === "waiting" ? [] : ["reset-is-an-end"],
      run: async (context) => {
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(64);
        const first = how === "waiting" ? pair.near.receive(buffer) : undefined;
        await context.flush();
        await sendText(context.far, pair.far, "last words");
        await reset(context, pair);
        let text = "";
        for (let next = first ?? pair.near.receive(buffer); ; next = pair.near.receive(buffer)) {
          const { bytesReceived } = await next;
          text += textOf(buffer.bytes.subarray(0, bytesReceived));
          if (text.length >= 10 || bytesReceived === 0) break;
        }
        equal(text, "last words", "what came before the reset");
        await rejects(pair.near.receive(buffer), "ECONNRESET", { buffer, syscall: "recv" });
        equal((await pair.near.receive(buffer)).bytesReceived, 0, "what a receive gives after it was told");
      },
    })),
    {
      id: "reset-behind-much",
      title: "a reset behind many bytes that nobody has read: none of them is lost, and then it is told",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(UNREAD_BYTES, 61);
        using small = context.io.buffers.take(100);
        const first = pair.near.receive(small);
        await context.flush();
        await sendBytes(context.far, pair.far, bytes);
        const head = (await first).bytesReceived;
        const chunks = [small.bytes.slice(0, head)];
        await context.turn(3);
        await reset(context, pair);
        await context.turn(3);
        using buffer = context.io.buffers.take(1000);
        for (let left = UNREAD_BYTES - head; left > 0; ) {
          const { bytesReceived } = await pair.near.receive(buffer);
          ok(bytesReceived > 0, `${left} more bytes before the end`);
          chunks.push(buffer.bytes.slice(0, bytesReceived));
          left -= bytesReceived;
        }
        equalBytes(joined(chunks), bytes, "what was received");
        await rejects(pair.near.receive(buffer), "ECONNRESET");
      },
    },
    {
      id: "reset-told-to-a-send",
      title: "bytes that had arrived before a send failed can still be received after it",
      promise: "nothing-is-lost",
      mutants: ["failed-send-drops-what-arrived"],
      run: async (context) => {
        await using pair = await context.pair();
        await sendText(context.far, pair.far, "last words");
        await reset(context, pair);
        using buffer = context.io.buffers.take(65_536);
        await context.until(() => pair.far.closed, "the far end to be closed");
        let code = "none";
        for (let round = 0; round < 200 && code === "none"; round++) {
          await pair.near.send(buffer).catch((error: { code: string }) => {
            code = error.code;
          });
          await context.turn();
        }
        oneOf(code, ["ECONNRESET", "EPIPE"], "the code of the error");
        let text = "";
        while (text.length < 10) {
          const { bytesReceived } = await pair.near.receive(buffer);
          ok(bytesReceived > 0, "the bytes that had arrived");
          text += textOf(buffer.bytes.subarray(0, bytesReceived));
        }
        equal(text, "last words", "what was received after the send had failed");
      },
    },
    {
      id: "end-is-no-reset",
      title: "an end is no reset, though both sides have ended by then",
      run: async (context) => {
        await using pair = await context.pair();
        await sendText(context.io, pair.near, "question");
        await pair.near.shutdown();
        equal((await receiveToTheEnd(context, pair.far)).end, "end", "how the question ended");
        await sendText(context.far, pair.far, "answer");
        await pair.far.close();
        using buffer = context.io.buffers.take(6);
        for (let got = 0; got < 6; ) got += (await pair.near.receive(buffer)).bytesReceived;
        for (let round = 0; round < 3; round++) {
          equal((await pair.near.receive(buffer)).bytesReceived, 0, "what a receive gives at the end");
        }
      },
    },
    {
      id: "receive-shut",
      title: "with the receiving side shut down no receive waits: it gives what is there, or 0",
      calmOnly: true,
      mutants: ["shut-receive-loses"],
      run: async (context) => {
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(64);
        const gives = async () => {
          const { bytesReceived } = await pair.near.receive(buffer);
          return textOf(buffer.bytes.slice(0, bytesReceived));
        };
        await sendText(context.far, pair.far, "before");
        await pair.near.shutdown("receive");
        equal(await gives(), "before", "what had arrived before");
        equal(await gives(), "", "what a receive gives when there is nothing");
        // Over a Unix-domain socket the kernel refuses the peer's sends from then on.
        const came = await sendText(context.far, pair.far, "after").then(
          () => "after",
          (error: { code: string }) => {
            equal(error.code, "EPIPE", "the code of the peer's send");
            return "";
          },
        );
        equal(await gives(), came, "what has arrived since");
        equal(await gives(), "", "what a receive gives behind it");
        // This side can still send.
        await sendText(context.io, pair.near, "still here");
        equal(textOf(await receiveBytes(context.far, pair.far, 10)), "still here", "what the peer receives");
      },
    },
    {
      id: "both-shut",
      title: "with both sides shut down it gives what was there, and nothing that comes then: the connection is reset",
      calmOnly: true,
      mutants: ["shut-both-receives", "sim-shut-both-receives"],
      run: async (context) => {
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(64);
        const gives = () =>
          pair.near.receive(buffer).then(
            ({ bytesReceived }) => textOf(buffer.bytes.slice(0, bytesReceived)),
            ({ code }: { code: string }) => code,
          );
        await sendText(context.far, pair.far, "before");
        await pair.near.shutdown("both");
        equal(await gives(), "before", "what had arrived before");
        equal(await gives(), "", "what a receive gives when there is nothing");
        // Over a Unix-domain socket the kernel refuses it at once.
        const came = await sendText(context.far, pair.far, "after").then(
          () => "",
          ({ code }: { code: string }) => code,
        );
        oneOf(came, ["", "EPIPE", "ECONNRESET"], "what the peer's send comes to");
        const { end } = await receiveToTheEnd(context, pair.far);
        oneOf(end, ["end", "ECONNRESET"], "how it ends for the peer");
        await context.turn(3);
        oneOf(await gives(), ["", "ECONNRESET"], "what a receive gives then");
        equal(await gives(), "", "what a receive gives behind it");
        await rejects(sendText(context.io, pair.near, "too late"), "EPIPE");
      },
    },
    ...(["receive", "both"] as const).map(
      (how): CaseDefinition => ({
        id: `shut-${how}-under-way`,
        title: `shutdown("${how}") while bytes are on their way loses none of those before, and ends the wait for more`,
        calmOnly: true,
        run: async (context) => {
          await using pair = await context.pair();
          const bytes = pattern(STALLED_BYTES, 9);
          using buffer = context.far.buffers.copyFrom(bytes);
          const sending = sendTooMuch(buffer, pair.far);
          await context.turn(3);
          await pair.near.shutdown(how);
          const chunks: Uint8Array[] = [];
          using into = context.io.buffers.take(CHUNK_BYTES);
          let code = "";
          let sent: Sent | undefined;
          void sending.then((one) => {
            sent = one;
          });
          // A receive that finds nothing does not wait, though more may come while the sending goes on.
          for (let empty = 0; code === "" && (sent === undefined || empty < 2); ) {
            const count = await pair.near.receive(into).then(
              ({ bytesReceived }) => bytesReceived,
              (error: { code: string }) => {
                code = error.code;
                return 0;
              },
            );
            if (count > 0) chunks.push(into.bytes.slice(0, count));
            empty = count > 0 || sent === undefined ? 0 : empty + 1;
            if (count === 0) await context.turn();
          }
          const got = joined(chunks);
          equalBytes(got, bytes.subarray(0, got.length), "what came");
          oneOf(code, how === "both" ? ["", "ECONNRESET"] : [""], "the code of the error");
          const { code: ended, count } = await sending;
          if (ended === "resolved") equal(got.length, count, "the bytes that came, against those sent");
          else oneOf(ended, ["EPIPE", "ECONNRESET"], "how the sending ended");
          ok(got.length <= count, "no more to come than was sent");
        },
      }),
    ),
  ],
};
