import { textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects } from "./expect.js";
import { FAR_POSITION } from "./limit-values.js";
import { expectOwned, releaseAll, takeAll } from "./vector-parts.js";

export const fileWriteVectorClause: Clause = {
  id: "file-writev",
  title: "writing from several buffers",
  needs: ["open", "close", "writev"],
  cases: [
    {
      id: "one-after-the-other",
      title: "the buffers are written one after the other, at a position, and no other byte of the file changes",
      calmOnly: true,
      run: async (context) => {
        await using file = await context.openFile("0123456789");
        const buffers = ["AB", "..CDE..", "F"].map((text) => context.io.buffers.copyFrom(text));
        const list = [buffers[0]!, buffers[1]!.slice(2, 5), buffers[2]!];
        const { bytesWritten, buffers: home } = await file.writev(list, { position: 2 });
        equal(bytesWritten, 6, "bytesWritten");
        equal(home, list, "the buffers in the result");
        equal(await context.textOf(file.path), "01ABCDEF89", "the file");
        releaseAll(buffers);
      },
    },
    {
      id: "some",
      title: "it tells how many bytes it wrote, and these are in the file",
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        const buffers = ["0123", "4567", "89"].map((text) => context.io.buffers.copyFrom(text));
        const { bytesWritten } = await file.writev(buffers, { position: 0 });
        ok(bytesWritten > 0 && bytesWritten <= 10, "some of the bytes to be written");
        equal(await context.textOf(file.path), "0123456789".slice(0, bytesWritten), "the file");
        releaseAll(buffers);
      },
    },
    {
      id: "shared",
      title: "one buffer may be there several times, and in several writes at once",
      promise: "lent-shared-or-exclusive",
      calmOnly: true,
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        using word = context.io.buffers.copyFrom("ab");
        await Promise.all([
          file.writev([word, word, word.slice(1)], { position: 0 }),
          file.writev([word, word], { position: 5 }),
          file.writev([word.slice(0, 1)], { position: 9 }),
        ]);
        equal(word.state, "owned", "the state of the buffer");
        equal(await context.textOf(file.path), "ababbababa", "the file");
      },
    },
    {
      id: "own-position-in-order",
      title: "without a position it takes its turn among the writes that were asked for before and after",
      needs: ["write"],
      calmOnly: true,
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        const buffers = Array.from({ length: 40 }, (_, index) => context.io.buffers.copyFrom(`<${index}>`));
        const asked: Promise<unknown>[] = [];
        for (let at = 0; at < 40; at += 4) {
          asked.push(file.writev(buffers.slice(at, at + 3)), file.writeFull(buffers[at + 3]!));
        }
        await Promise.all(asked);
        releaseAll(buffers);
        equal(
          await context.textOf(file.path),
          Array.from({ length: 40 }, (_, index) => `<${index}>`).join(""),
          "the file",
        );
      },
    },
    {
      id: "append",
      title: "a file opened for appending grows at its end",
      calmOnly: true,
      run: async (context) => {
        const path = await context.givenFile("start ");
        await using file = await context.io.openFile(path, "a");
        const buffers = ["one ", "two"].map((text) => context.io.buffers.copyFrom(text));
        await file.writev(buffers);
        equal(await context.textOf(path), "start one two", "the file");
        releaseAll(buffers);
      },
    },
    {
      id: "nothing",
      title: "an empty list, and a list of empty parts, write 0",
      run: async (context) => {
        await using file = await context.openFile("kept");
        using buffer = context.io.buffers.copyFrom("x");
        for (const options of [{}, { position: 0 }]) {
          equal((await file.writev([], options)).bytesWritten, 0, "bytesWritten");
          equal((await file.writev([buffer.slice(1)], options)).bytesWritten, 0, "bytesWritten of an empty part");
        }
        equal(await context.textOf(file.path), "kept", "the file");
      },
    },
    {
      id: "beyond-4-gib",
      title: "positions beyond 4 GiB are exact",
      needs: ["truncate", "readv"],
      calmOnly: true,
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx+");
        const buffers = ["far ", "away"].map((text) => context.io.buffers.copyFrom(text));
        const writing = file.writev(buffers, { position: FAR_POSITION });
        if ((context.subject.fileBytesMax ?? Number.POSITIVE_INFINITY) < FAR_POSITION) {
          await rejects(writing, "EFBIG", { errno: -27, path: file.path, buffers, bytesTransferred: 0 });
        } else {
          equal((await writing).bytesWritten, 8, "bytesWritten");
          equal((await file.readv(buffers, { position: FAR_POSITION - 4 })).bytesRead, 8, "bytesRead");
          equalBytes(buffers[0]!.bytes, utf8("\0\0\0\0"), "what is before");
          equal(textOf(buffers[1]!.bytes), "far ", "what is there");
          await file.truncate(0);
        }
        releaseAll(buffers);
      },
    },
    {
      id: "error",
      title: "when it fails the error says how many bytes went out, and carries the list with all buffers home",
      promise: "buffer-comes-home",
      run: async (context) => {
        await using file = await context.openFile("kept", "r");
        const buffers = takeAll(context, [4, 4]);
        await rejects(file.writev(buffers, { position: 0 }), "EBADF", {
          errno: -9,
          syscall: "writev",
          path: file.path,
          driver: context.io.driver,
          buffers,
          bytesTransferred: 0,
        });
        expectOwned(buffers);
        releaseAll(buffers);
      },
    },
  ],
};
