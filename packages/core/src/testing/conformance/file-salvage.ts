import { pattern, sequence, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes } from "./expect.js";

export const fileSalvageClause: Clause = {
  id: "file-salvage",
  title: "nothing that a file has given is lost",
  promise: "nothing-is-lost",
  needs: ["open", "close", "read"],
  cases: [
    {
      id: "reads-at-the-own-position",
      mutants: ["own-position-follows-aborted-reads"],
      title: "reads at the file's own position that are aborted lose no byte: the next read goes on where it must",
      run: async (context) => {
        const bytes = pattern(10_000, 47);
        await using file = await context.openFile(bytes, "r");
        const random = sequence(13);
        const read: number[] = [];
        using buffer = context.io.buffers.take(100);
        for (let round = 0, ended = false; !ended; round++) {
          const controller = new AbortController();
          const length = 1 + random(100);
          const pending = file.read(buffer, { length, signal: controller.signal });
          if (round % 3 !== 0) {
            if (random(2) === 0) await context.flush();
            controller.abort();
          }
          await pending.then(
            ({ bytesRead }) => {
              read.push(...buffer.bytes.subarray(0, bytesRead));
              ended = bytesRead === 0;
            },
            (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
          );
        }
        equalBytes(Uint8Array.from(read), bytes, "all that was read");
      },
    },
    {
      id: "abandoned-reads",
      mutants: ["own-position-follows-aborted-reads"],
      title: "so do reads that are abandoned: their bytes go to the next read, their buffers to the pool",
      promise: "abandoned-becomes-orphan",
      run: async (context) => {
        await using file = await context.openFile("0123456789", "r");
        let text = "";
        for (let round = 0; round < 3; round++) {
          const buffer = context.io.buffers.take(2);
          const operation = context.io.submit({ opcode: "read", file, buffer });
          await context.flush();
          operation.abandon();
          await operation.done.then(
            ({ bytesRead }) => {
              text += textOf(buffer.bytes.subarray(0, bytesRead));
              buffer.release();
            },
            (error: { code: string }) => equal(error.code, "ERR_OPERATION_ABANDONED", "the code of the error"),
          );
        }
        using buffer = context.io.buffers.take(16);
        for (;;) {
          const { bytesRead } = await file.read(buffer);
          if (bytesRead === 0) break;
          text += textOf(buffer.bytes.subarray(0, bytesRead));
        }
        equal(text, "0123456789", "all that was read");
        context.expect({ orphans: context.io.inspect().orphans.total });
      },
    },
    {
      id: "explicit-positions",
      title: "an aborted read at a position leaves nothing for the reads at the file's own",
      run: async (context) => {
        await using file = await context.openFile("0123456789", "r");
        using buffer = context.io.buffers.take(4);
        const controller = new AbortController();
        const pending = file.read(buffer, { position: 6, signal: controller.signal });
        await context.flush();
        controller.abort();
        await pending.catch(() => undefined);
        await file.readFull(buffer);
        equal(textOf(buffer.bytes), "0123", "the first read at the own position");
      },
    },
    {
      id: "opens",
      title: "files whose open was aborted or abandoned are closed, and none is left open",
      run: async (context) => {
        const path = await context.givenFile("x");
        for (let round = 0; round < 12; round++) {
          const controller = new AbortController();
          const operation = context.io.submit({
            opcode: "open",
            path,
            signal: controller.signal,
            onAbort: round % 2 === 0 ? "cancel" : "abandon",
          });
          if (round % 3 !== 0) await context.flush();
          controller.abort();
          await operation.done.then(
            (file) => file.close(),
            (error: { code: string }) => equal(error.code, "ABORT_ERR", "the code of the error"),
          );
        }
        await context.until(() => context.io.inspect().operations.length === 0, "all operations to have ended");
        equal(context.io.inspect().resources.length, 0, "the number of open resources");
        context.expect({ orphans: context.io.inspect().orphans.total });
      },
    },
  ],
};
