/** Reading into several buffers in one operation. */
import type { OwnedBuffer } from "@baton-io/core";
import { pattern, sequence, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects } from "./expect.js";
import { FAR_POSITION } from "./limit-values.js";
import { expectOwned, releaseAll, takeAll } from "./vector-parts.js";

/** Most buffers of one operation. */
const BUFFERS_MAX = 1024;

function textOfAll(buffers: readonly { readonly bytes: Uint8Array }[]): string {
  return buffers.map(({ bytes }) => textOf(bytes)).join("|");
}

export const fileReadVectorClause: Clause = {
  id: "file-readv",
  title: "reading into several buffers",
  needs: ["open", "close", "readv"],
  cases: [
    {
      id: "one-after-the-other",
      mutants: ["vector-offset-ignored"],
      title: "the bytes fill one buffer after the other, in the order of the list, and no other byte changes",
      calmOnly: true,
      run: async (context) => {
        await using file = await context.openFile("ABCDEFGHIJ", "r");
        const [first, whole, last] = takeAll(context, [2, 8, 3]) as [OwnedBuffer, OwnedBuffer, OwnedBuffer];
        whole.bytes.fill(0x2e);
        const list = [first, whole.slice(2, 6), last];
        const { bytesRead, buffers } = await file.readv(list, { position: 1 });
        equal(bytesRead, 9, "bytesRead");
        equal(buffers, list, "the buffers in the result");
        equal(textOfAll([first, whole, last]), "BC|..DEFG..|HIJ", "the buffers");
        releaseAll([first, whole, last]);
      },
    },
    {
      id: "short-at-the-end",
      title: "at the end of the file it gives what there is, and 0 beyond it",
      run: async (context) => {
        await using file = await context.openFile("0123456", "r");
        const buffers = takeAll(context, [4, 4, 4]);
        for (const buffer of buffers) buffer.bytes.fill(0x2e);
        let text = "";
        for (let position = 0; ; ) {
          const { bytesRead } = await file.readv(buffers, { position });
          if (bytesRead === 0) break;
          text += buffers
            .map(({ bytes }) => textOf(bytes))
            .join("")
            .slice(0, bytesRead);
          position += bytesRead;
        }
        equal(text, "0123456", "what was read");
        equal((await file.readv(buffers, { position: FAR_POSITION })).bytesRead, 0, "bytesRead beyond the end");
        releaseAll(buffers);
      },
    },
    {
      id: "own-position-in-order",
      title: "without a position it takes its turn among the reads that were asked for before and after",
      needs: ["read"],
      calmOnly: true,
      run: async (context) => {
        const bytes = pattern(1200, 53);
        await using file = await context.openFile(bytes, "r");
        const buffers = takeAll(context, [100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100]);
        const asked: Promise<unknown>[] = [];
        for (let at = 0; at < 12; at += 4) {
          asked.push(
            file.readFull(buffers[at]!),
            file.readv(buffers.slice(at + 1, at + 3)),
            file.readFull(buffers[at + 3]!),
          );
        }
        await Promise.all(asked);
        for (const [index, buffer] of buffers.entries()) {
          equalBytes(buffer.bytes, bytes.subarray(index * 100, index * 100 + 100), `buffer ${index}`);
        }
        releaseAll(buffers);
      },
    },
    {
      id: "nothing",
      title: "an empty list, and a list of empty parts, give 0 and do not move the file's own position",
      run: async (context) => {
        await using file = await context.openFile("0123", "r");
        const buffers = takeAll(context, [4]);
        const empty = buffers[0]!.slice(4);
        for (const options of [{}, { position: 2 }]) {
          equal((await file.readv([], options)).bytesRead, 0, "bytesRead into no buffer");
          equal((await file.readv([empty, empty], options)).bytesRead, 0, "bytesRead into empty parts");
        }
        equal((await context.io.submit({ opcode: "readv", file, buffers: [] }).done).bytesRead, 0, "bytesRead");
        let text = "";
        while (text.length < 4) {
          const { bytesRead } = await file.readv([empty, ...buffers, empty]);
          ok(bytesRead > 0, "bytes");
          text += textOf(buffers[0]!.bytes.subarray(0, bytesRead));
        }
        equal(text, "0123", "what the next reads give");
        releaseAll(buffers);
      },
    },
    {
      id: "many",
      mutants: ["vector-too-long-accepted"],
      title: `${BUFFERS_MAX} buffers are taken at once; one more is ERR_OUT_OF_RANGE and lends nothing`,
      run: async (context) => {
        const bytes = pattern(BUFFERS_MAX, 59);
        await using file = await context.openFile(bytes, "r");
        using buffer = context.io.buffers.take(BUFFERS_MAX + 1);
        // In reverse, so that the order of the list shows.
        const parts = Array.from({ length: BUFFERS_MAX }, (_, index) =>
          buffer.slice(BUFFERS_MAX - 1 - index, BUFFERS_MAX - index),
        );
        const { bytesRead } = await file.readv(parts, { position: 0 });
        ok(bytesRead > 0, "some bytes to be read");
        equalBytes(
          buffer.bytes.slice(BUFFERS_MAX - bytesRead, BUFFERS_MAX).reverse(),
          bytes.subarray(0, bytesRead),
          "it",
        );
        await rejects(file.readv([...parts, buffer.slice(BUFFERS_MAX)], { position: 0 }), "ERR_OUT_OF_RANGE");
        equal(buffer.state, "owned", "the state of the buffer");
      },
    },
    {
      id: "twice",
      mutants: ["vector-refusal-keeps-lends"],
      title: "a buffer that is there twice, or overlaps another, is ERR_BUFFER_LENT, and none of them stays lent",
      promise: "lent-shared-or-exclusive",
      run: async (context) => {
        await using file = await context.openFile("0123456789", "r");
        const buffers = takeAll(context, [4, 8]);
        const [small, large] = buffers as [OwnedBuffer, OwnedBuffer];
        for (const list of [
          [small, small],
          [small, large, small],
          [large.slice(0, 5), large.slice(4)],
          [large, large.slice(7)],
        ]) {
          const { submitted } = context.io.inspect().counters;
          await rejects(file.readv(list, { position: 0 }), "ERR_BUFFER_LENT");
          await rejects(file.readv(list), "ERR_BUFFER_LENT");
          expectOwned(buffers);
          equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
        }
        const { bytesRead } = await file.readv([large.slice(4), large.slice(0, 4)], { position: 0 });
        ok(bytesRead > 0 && bytesRead <= 8, "parts that touch but do not overlap to be taken");
        releaseAll(buffers);
      },
    },
    {
      id: "one-is-bad",
      mutants: ["vector-refusal-keeps-lends"],
      title: "a list with a buffer that is released, foreign or lent elsewhere is refused, and the others are home",
      promise: "lent-shared-or-exclusive",
      run: async (context) => {
        await using file = await context.openFile("0123456789", "r");
        const buffers = takeAll(context, [4, 4]);
        const released = context.io.buffers.take(4);
        released.release();
        const elsewhere = context.another().buffers.take(4);
        for (const [bad, code] of [
          [released, "ERR_BUFFER_RELEASED"],
          [elsewhere, "ERR_BUFFER_FOREIGN"],
          [new Uint8Array(4), "ERR_BUFFER_FOREIGN"],
          [undefined, "ERR_BUFFER_FOREIGN"],
        ] as const) {
          await rejects(file.readv([...buffers, bad] as never, { position: 0 }), code);
          expectOwned(buffers);
        }
        const busy = context.io.buffers.take(4);
        const reading = file.readv([busy], { position: 0 });
        const refused = rejects(file.readv([...buffers, busy], { position: 0 }), "ERR_BUFFER_LENT");
        expectOwned(buffers);
        await Promise.all([reading, refused]);
        releaseAll([...buffers, busy, elsewhere]);
      },
    },
    {
      id: "bad-arguments",
      title: "a list that is none, a position that is none and options that are none are refused",
      run: async (context) => {
        await using file = await context.openFile("0123", "r");
        const buffers = takeAll(context, [4]);
        for (const list of [undefined, null, 7, buffers[0], new Set(buffers)]) {
          await rejects(file.readv(list as never), "ERR_INVALID_ARG_TYPE");
        }
        for (const position of [-1, 1.5, Number.NaN, 2 ** 53]) {
          await rejects(file.readv(buffers, { position }), "ERR_OUT_OF_RANGE");
        }
        await rejects(file.readv(buffers, { position: "0" } as never), "ERR_INVALID_ARG_TYPE");
        await rejects(file.readv(buffers, { length: 2 } as never), "ERR_UNKNOWN_OPTION");
        await rejects(file.readv(buffers, null as never), "ERR_INVALID_ARG_TYPE");
        expectOwned(buffers);
        releaseAll(buffers);
      },
    },
    {
      id: "error",
      title: "when it fails the error says what a read's says, and carries the list with all buffers home",
      promise: "buffer-comes-home",
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        const buffers = takeAll(context, [4, 4]);
        const error = await rejects(file.readv(buffers, { position: 0 }), "EBADF", {
          errno: -9,
          syscall: "readv",
          path: file.path,
          driver: context.io.driver,
          buffers,
          buffer: undefined,
        });
        ok(!Object.keys(error).includes("buffers"), "the buffers not to be among what a log would show");
        expectOwned(buffers);
        releaseAll(buffers);
      },
    },
    {
      id: "aborted-before",
      title: "with a signal that is aborted already the error carries the buffers too, and nothing was lent",
      promise: "buffer-comes-home",
      run: async (context) => {
        await using file = await context.openFile("0123", "r");
        const buffers = takeAll(context, [4, 4]);
        await rejects(file.readv(buffers, { signal: AbortSignal.abort() }), "ABORT_ERR", { buffers });
        expectOwned(buffers);
        releaseAll(buffers);
      },
    },
    {
      id: "salvage",
      mutants: ["own-position-follows-aborted-reads"],
      title: "reads at the file's own position that are aborted lose no byte, in whatever parts the next ones ask for",
      promise: "nothing-is-lost",
      run: async (context) => {
        const bytes = pattern(8000, 61);
        await using file = await context.openFile(bytes, "r");
        const random = sequence(17);
        const read: number[] = [];
        const buffers = takeAll(context, [64, 1, 40]);
        for (let round = 0, ended = false; !ended; round++) {
          const controller = new AbortController();
          const list = buffers.map((buffer) => buffer.slice(0, random(buffer.length + 1)));
          if (list.every(({ length }) => length === 0)) continue;
          const pending = file.readv(list, { signal: controller.signal });
          if (round % 3 !== 0) {
            if (random(2) === 0) await context.flush();
            controller.abort();
          }
          await pending.then(
            ({ bytesRead }) => {
              read.push(...list.flatMap((part) => [...part.bytes]).slice(0, bytesRead));
              ended = bytesRead === 0;
            },
            (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
          );
        }
        equalBytes(Uint8Array.from(read), bytes, "all that was read");
        releaseAll(buffers);
      },
    },
    {
      id: "abandoned",
      mutants: ["abandoned-vector-is-not-released"],
      title: "the buffers of one that is abandoned all go back to the pool, and its bytes to the next read",
      promise: "abandoned-becomes-orphan",
      run: async (context) => {
        await using file = await context.openFile("0123456789", "r");
        const { io } = context;
        const given = takeAll(context, [2, 2]);
        const operation = io.submit({ opcode: "readv", file, buffers: given });
        equal(operation.buffers?.length, 2, "the number of the operation's buffers");
        await context.flush();
        operation.abandon();
        const outcome = await operation.done.then(
          ({ bytesRead }) =>
            given
              .map(({ bytes }) => textOf(bytes))
              .join("")
              .slice(0, bytesRead),
          (error: { code: string }) => error.code,
        );
        await context.until(() => io.inspect().operations.length === 0, "the operation to have ended");
        let text = "";
        if (outcome === "ERR_OPERATION_ABANDONED") {
          for (const buffer of given) equal(buffer.state, "released", "the state of a buffer");
        } else {
          text += outcome;
          releaseAll(given);
        }
        const buffers = takeAll(context, [3, 4]);
        for (;;) {
          const { bytesRead } = await file.readv(buffers);
          if (bytesRead === 0) break;
          text += buffers
            .map(({ bytes }) => textOf(bytes))
            .join("")
            .slice(0, bytesRead);
        }
        equal(text, "0123456789", "all that was read");
        releaseAll(buffers);
        context.expect({ orphans: io.inspect().orphans.total });
      },
    },
  ],
};
