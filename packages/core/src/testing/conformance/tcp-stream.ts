/** Bytes over a connection. */
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok, oneOf, rejects } from "./expect.js";
import { receiveAll, receiveBytes, sendBytes, sendText } from "./stream-talk.js";

/** More than the kernel buffers for a connection on loopback. */
const LARGE_BYTES = 8 * 2 ** 20;

export const streamClause: Clause = {
  id: "tcp-stream",
  title: "bytes over a connection",
  needs: [...connectionNeeds, "send", "receive"],
  cases: [
    {
      id: "echo",
      title: "what one end sends the other receives, both ways at once",
      run: async (context) => {
        await using pair = await context.pair();
        const [toFar, toNear] = [pattern(50_000, 3), pattern(70_000, 5)];
        const [, , atFar, atNear] = await Promise.all([
          sendBytes(context.io, pair.near, toFar),
          sendBytes(context.far, pair.far, toNear),
          receiveBytes(context.far, pair.far, toFar.length),
          receiveBytes(context.io, pair.near, toNear.length),
        ]);
        equalBytes(atFar, toFar, "what far received");
        equalBytes(atNear, toNear, "what near received");
      },
    },
    {
      id: "sends-in-order",
      title: "sends that are asked for at once arrive in the order they were asked for, none within another",
      run: async (context) => {
        await using pair = await context.pair();
        const texts = Array.from({ length: 100 }, (_, index) => `${index}:${"x".repeat(index)};`);
        const sends = texts.map((text) => sendText(context.io, pair.near, text));
        const expected = texts.join("");
        equal(textOf(await receiveBytes(context.far, pair.far, expected.length)), expected, "what was received");
        await Promise.all(sends);
      },
    },
    {
      id: "receives-in-order",
      title: "receives that are asked for at once get the bytes in the order they were asked for",
      run: async (context) => {
        await using pair = await context.pair();
        const buffers = Array.from({ length: 20 }, () => context.io.buffers.take(1));
        const receives = buffers.map((buffer) => pair.near.receive(buffer));
        await sendText(context.far, pair.far, "abcdefghijklmnopqrst");
        await Promise.all(receives);
        equal(buffers.map((buffer) => textOf(buffer.bytes)).join(""), "abcdefghijklmnopqrst", "what was received");
        for (const buffer of buffers) buffer.release();
      },
    },
    {
      id: "send-all",
      title: "a send of more than the system buffers goes on until all bytes are out",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(LARGE_BYTES, 23);
        using buffer = context.io.buffers.copyFrom(bytes);
        const sending = pair.near.send(buffer);
        const received = await receiveBytes(context.far, pair.far, LARGE_BYTES, 2 ** 20);
        equal((await sending).bytesSent, LARGE_BYTES, "bytesSent");
        equalBytes(received, bytes, "what was received");
      },
    },
    {
      id: "part-of-the-buffer",
      title: "offset and length name the part that is sent, and the part that is received into",
      run: async (context) => {
        await using pair = await context.pair();
        using out = context.io.buffers.copyFrom("..hello..");
        equal((await pair.near.send(out, { offset: 2, length: 5 })).bytesSent, 5, "bytesSent");
        using into = context.far.buffers.take(9);
        into.bytes.fill(0x2e);
        for (let got = 0; got < 5; ) {
          got += (await pair.far.receive(into, { offset: 1 + got, length: 5 - got })).bytesReceived;
        }
        equal(textOf(into.bytes), ".hello...", "the buffer");
      },
    },
    {
      id: "no-bytes",
      title: "a send of no bytes sends 0; a receive of no bytes gives 0 at once and takes nothing",
      run: async (context) => {
        await using pair = await context.pair();
        using buffer = context.io.buffers.copyFrom("x");
        equal((await pair.near.send(buffer, { length: 0 })).bytesSent, 0, "bytesSent");
        equal((await pair.near.receive(buffer, { length: 0 })).bytesReceived, 0, "bytesReceived");
        await sendText(context.far, pair.far, "y");
        equal((await pair.near.receive(buffer, { length: 0 })).bytesReceived, 0, "bytesReceived with a byte waiting");
        await pair.near.receive(buffer);
        equal(textOf(buffer.bytes), "y", "the byte that was waiting");
      },
    },
    {
      id: "end",
      title: "when the peer has ended its side all its bytes come first, then 0, again and again",
      run: async (context) => {
        await using pair = await context.pair();
        await sendText(context.far, pair.far, "last words");
        await pair.far.close();
        equal(await receiveAll(context.io, pair.near), "last words", "what was received");
        using buffer = context.io.buffers.take(4);
        for (let round = 0; round < 3; round++) {
          equal((await pair.near.receive(buffer)).bytesReceived, 0, "bytesReceived after the end");
        }
      },
    },
    {
      id: "half-close",
      title: "an end that has shut its sending side down still receives",
      needs: ["shutdown"],
      run: async (context) => {
        await using pair = await context.pair();
        await sendText(context.io, pair.near, "question");
        await pair.near.shutdown();
        equal(await receiveAll(context.far, pair.far), "question", "the question");
        await sendText(context.far, pair.far, "answer");
        await pair.far.shutdown("send");
        equal(await receiveAll(context.io, pair.near), "answer", "the answer");
      },
    },
    {
      id: "shutdown-after-sends",
      title: "a shutdown waits behind the sends that were asked for before it",
      needs: ["shutdown"],
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(LARGE_BYTES, 29);
        const sending = sendBytes(context.io, pair.near, bytes);
        const ending = pair.near.shutdown();
        const received = await receiveBytes(context.far, pair.far, Number.POSITIVE_INFINITY, 2 ** 20);
        await Promise.all([sending, ending]);
        equalBytes(received, bytes, "what was received before the end");
      },
    },
    {
      id: "send-after-shutdown",
      title: "a send after the sending side was shut down fails with EPIPE and its buffer",
      needs: ["shutdown"],
      run: async (context) => {
        await using pair = await context.pair();
        await pair.near.shutdown("send");
        using buffer = context.io.buffers.copyFrom("too late");
        await rejects(pair.near.send(buffer), "EPIPE", {
          errno: -32,
          syscall: "send",
          driver: context.io.driver,
          buffer,
          bytesTransferred: 0,
        });
      },
    },
    {
      id: "receive-after-shutdown",
      title: "a receive after the receiving side was shut down gives 0",
      needs: ["shutdown"],
      run: async (context) => {
        await using pair = await context.pair();
        await pair.near.shutdown("receive");
        using buffer = context.io.buffers.take(4);
        equal((await pair.near.receive(buffer)).bytesReceived, 0, "bytesReceived");
      },
    },
    {
      id: "shutdown-both",
      title: "shutting both sides down ends the peer's receive and this end's own",
      needs: ["shutdown"],
      run: async (context) => {
        await using pair = await context.pair();
        using own = context.io.buffers.take(4);
        const waiting = pair.near.receive(own);
        await context.flush();
        await pair.near.shutdown("both");
        equal((await waiting).bytesReceived, 0, "what this end's waiting receive gives");
        equal(await receiveAll(context.far, pair.far), "", "what the peer receives");
      },
    },
    {
      id: "shutdown-how",
      title: "a direction that does not exist is ERR_INVALID_ARG_VALUE",
      needs: ["shutdown"],
      run: async (context) => {
        await using pair = await context.pair();
        for (const how of ["write", "", "toString", 1, null]) {
          await rejects(pair.near.shutdown(how as never), "ERR_INVALID_ARG_VALUE");
        }
        await rejects(
          Promise.resolve().then(
            () => context.io.submit({ opcode: "shutdown", stream: pair.near, hwo: "send" } as never).done,
          ),
          "ERR_UNKNOWN_OPTION",
        );
      },
    },
    {
      id: "peer-gone",
      title: "sending to a peer that is gone fails with EPIPE or ECONNRESET, the fields and the buffer",
      run: async (context) => {
        await using pair = await context.pair();
        await pair.far.close();
        using buffer = context.io.buffers.take(65_536);
        // The first sends may be taken before the peer's answer is back.
        const failure = await sendUntilItFails(context, () => pair.near.send(buffer));
        oneOf(failure.code, ["EPIPE", "ECONNRESET"], "the code of the error");
        equal(failure.syscall, "send", "error.syscall");
        equal(failure.buffer, buffer, "error.buffer");
        ok(typeof failure.errno === "number" && failure.errno < 0, "a negative errno");
      },
    },
    {
      id: "reset-told-once",
      title: "a reset is told to one send: the next fails with EPIPE",
      mutants: ["send-error-told-twice"],
      run: async (context) => {
        await using pair = await context.pair();
        // A peer that closes with bytes unread resets the connection.
        await sendText(context.io, pair.near, "unread");
        await pair.far.close();
        using buffer = context.io.buffers.take(64);
        const failure = await sendUntilItFails(context, () => pair.near.send(buffer));
        oneOf(failure.code, ["EPIPE", "ECONNRESET"], "the code of the error");
        await rejects(pair.near.send(buffer), "EPIPE", { buffer });
      },
    },
    {
      id: "close-ends-the-peer",
      title: "closing an end with a receive in flight rejects it with ERR_RESOURCE_CLOSED and ends the peer's side",
      promise: "closing-is-orderly",
      run: async (context) => {
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(4);
        const waiting = rejects(pair.near.receive(buffer), "ERR_RESOURCE_CLOSED", { buffer });
        await context.flush();
        await pair.near.close();
        await waiting;
        using other = context.far.buffers.take(4);
        equal((await pair.far.receive(other)).bytesReceived, 0, "what the peer receives");
      },
    },
    {
      id: "close-once",
      mutants: ["close-twice-allowed"],
      title: "a second close is ERR_RESOURCE_CLOSED_TWICE; disposal is silent",
      promise: "closing-is-orderly",
      run: async (context) => {
        await using pair = await context.pair();
        const closing = pair.near.close();
        equal(pair.near.closed, true, "stream.closed while it closes");
        await rejects(pair.near.close(), "ERR_RESOURCE_CLOSED_TWICE");
        equal<unknown>(await closing, pair.near, "what close() resolves with");
        await pair.near[Symbol.asyncDispose]();
      },
    },
    {
      id: "close-with-many-in-flight",
      title: "closing an end with fifty receives waiting rejects each of them, with its buffer",
      promise: "closing-is-orderly",
      run: async (context) => {
        await using pair = await context.pair();
        const buffers = Array.from({ length: 50 }, () => context.io.buffers.take(16));
        const waiting = buffers.map((buffer) => rejects(pair.near.receive(buffer), "ERR_RESOURCE_CLOSED", { buffer }));
        await context.flush();
        await pair.near.close();
        await Promise.all(waiting);
        for (const buffer of buffers) buffer.release();
      },
    },
    {
      id: "bad-arguments",
      title: "a receive of null or a number, and options that are none, are refused",
      run: async (context) => {
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(4);
        for (const first of [null, 7, "r"]) {
          await rejects(pair.near.receive(first as never), ["ERR_INVALID_ARG_TYPE", "ERR_UNSUPPORTED"]);
        }
        for (const options of [null, 7]) {
          await rejects(pair.near.receive(buffer, options as never), "ERR_INVALID_ARG_TYPE");
          await rejects(pair.near.send(buffer, options as never), "ERR_INVALID_ARG_TYPE");
        }
        await rejects(pair.near.send(undefined as never), "ERR_BUFFER_FOREIGN");
        await rejects(pair.near.receive(buffer, { position: 0 } as never), "ERR_UNKNOWN_OPTION");
      },
    },
    {
      id: "timeout-never-early",
      title: "the timeout of a receive is never early, not by a fraction of a millisecond",
      needs: ["cancelSocket"],
      mutants: ["timeout-cut-to-whole-ms"],
      run: async (context) => {
        const { clock } = context;
        await using pair = await context.pair();
        using buffer = context.io.buffers.take(4);
        for (let round = 0; round < 40; round++) {
          const timeoutMs = 1 + (round % 10) / 4;
          const startMs = clock.nowMs();
          await rejects(pair.near.receive(buffer, { timeoutMs }), "ERR_TIMEOUT");
          const passedMs = clock.nowMs() - startMs;
          // What a difference of large times is wrong by.
          ok(passedMs >= timeoutMs - 1e-6, `${timeoutMs} ms to have passed, not ${passedMs}`);
        }
      },
    },
    {
      id: "low-level-send",
      title: "io.submit of a send is one send: it may be short, and says how many bytes went out",
      run: async (context) => {
        await using pair = await context.pair();
        const bytes = pattern(LARGE_BYTES, 31);
        using buffer = context.io.buffers.copyFrom(bytes);
        const { bytesSent } = await context.io.submit({ opcode: "send", stream: pair.near, buffer, length: 1000 }).done;
        ok(bytesSent >= 1 && bytesSent <= 1000, "some bytes to be sent");
        equalBytes(
          await receiveBytes(context.far, pair.far, bytesSent),
          bytes.subarray(0, bytesSent),
          "what was received",
        );
      },
    },
  ],
};

/** Sends until it fails; the error. */
async function sendUntilItFails(
  context: CaseContext,
  send: () => Promise<unknown>,
): Promise<{ code: string; syscall?: string; errno?: number; buffer?: unknown }> {
  for (let round = 0; round < 200; round++) {
    try {
      await send();
    } catch (error) {
      return error as { code: string };
    }
    await context.turn();
  }
  return { code: "none" };
}
