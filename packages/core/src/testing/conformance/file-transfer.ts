/** Reading and writing files. */

import { pattern, textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects } from "./expect.js";
import { FAR_POSITION } from "./limit-values.js";

/** Positions that are none. */
const badPositions = [-1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY];

export const fileReadClause: Clause = {
  id: "file-read",
  title: "reading a file",
  needs: ["open", "close", "read"],
  cases: [
    {
      id: "whole",
      title: "readFull gives exactly the bytes of the file, whatever its length",
      run: async (context) => {
        for (const length of [1, 4095, 4096, 4097, 100_003]) {
          const bytes = pattern(length, length);
          await using file = await context.openFile(bytes, "r");
          using buffer = context.io.buffers.take(length);
          const { bytesRead } = await file.readFull(buffer, { position: 0 });
          equal(bytesRead, length, "bytesRead");
          equalBytes(buffer.bytes, bytes, "what was read");
        }
      },
    },
    {
      id: "end-of-file",
      title: "at the end of the file a read gives 0 bytes, and so it does beyond it; before it never",
      run: async (context) => {
        await using file = await context.openFile("12345", "r");
        using buffer = context.io.buffers.take(16);
        for (const position of [5, 6, 100, FAR_POSITION]) {
          equal((await file.read(buffer, { position })).bytesRead, 0, `bytesRead at ${position}`);
        }
        ok((await file.read(buffer, { position: 4 })).bytesRead === 1, "the last byte to be there");
      },
    },
    {
      id: "short-at-the-end",
      title: "readFull gives fewer bytes than asked only at the end of the file",
      run: async (context) => {
        await using file = await context.openFile("0123456789", "r");
        using buffer = context.io.buffers.take(8);
        equal((await file.readFull(buffer, { position: 5 })).bytesRead, 5, "bytesRead");
        equal(textOf(buffer.bytes.subarray(0, 5)), "56789", "the buffer");
        equal((await file.readFull(buffer, { position: 10 })).bytesRead, 0, "bytesRead at the end");
      },
    },
    {
      id: "nothing",
      title: "a read of no bytes gives 0 and does not move the file's own position",
      run: async (context) => {
        await using file = await context.openFile("0123", "r");
        using buffer = context.io.buffers.take(4);
        equal((await file.read(buffer, { length: 0 })).bytesRead, 0, "bytesRead");
        equal((await file.read(buffer, { length: 0, position: 2 })).bytesRead, 0, "bytesRead at a position");
        equal((await file.read(buffer.slice(4))).bytesRead, 0, "bytesRead into an empty part");
        await file.readFull(buffer);
        equal(textOf(buffer.bytes), "0123", "what the next read gives");
      },
    },
    {
      id: "part-of-the-buffer",
      mutants: ["offset-ignored"],
      title: "offset and length name the part of the buffer that is read into, and no other byte changes",
      run: async (context) => {
        await using file = await context.openFile("ABCDEFGH", "r");
        using buffer = context.io.buffers.take(8);
        buffer.bytes.fill(0x2e);
        equal((await file.readFull(buffer, { position: 1, offset: 3, length: 2 })).bytesRead, 2, "bytesRead");
        equal(textOf(buffer.bytes), "...BC...", "the buffer");
        await file.readFull(buffer, { position: 0, offset: 6 });
        equal(textOf(buffer.bytes), "...BC.AB", "the buffer after a read to its end");
      },
    },
    {
      id: "own-position",
      title: "reads without a position go on where the last one ended; a read with one does not move it",
      run: async (context) => {
        await using file = await context.openFile("0123456789", "r");
        using buffer = context.io.buffers.take(3);
        let text = "";
        for (let round = 0; round < 3; round++) {
          await file.readFull(buffer);
          text += textOf(buffer.bytes);
          await file.readFull(buffer, { position: 7 });
          equal(textOf(buffer.bytes), "789", "the read at a position");
        }
        equal(text, "012345678", "the reads without one");
        equal((await file.readFull(buffer)).bytesRead, 1, "bytesRead at the end");
        equal((await file.readFull(buffer)).bytesRead, 0, "bytesRead after the end");
      },
    },
    {
      id: "own-position-in-order",
      title: "reads without a position that are asked for at once come in the order they were asked for",
      run: async (context) => {
        const bytes = pattern(64 * 100, 7);
        await using file = await context.openFile(bytes, "r");
        const buffers = Array.from({ length: 64 }, () => context.io.buffers.take(100));
        await Promise.all(buffers.map((buffer) => file.readFull(buffer)));
        for (const [index, buffer] of buffers.entries()) {
          equalBytes(buffer.bytes, bytes.subarray(index * 100, index * 100 + 100), `read ${index}`);
          buffer.release();
        }
      },
    },
    {
      id: "parallel",
      title: "a hundred reads at positions are in flight at once, and each gets the bytes of its position",
      run: async (context) => {
        const bytes = pattern(100 * 512, 11);
        await using file = await context.openFile(bytes, "r");
        const reads = Array.from({ length: 100 }, async (_, index) => {
          // Neither in order nor in reverse.
          const block = (index * 37) % 100;
          using buffer = context.io.buffers.take(512);
          await file.readFull(buffer, { position: block * 512 });
          equalBytes(buffer.bytes, bytes.subarray(block * 512, block * 512 + 512), `block ${block}`);
        });
        await Promise.all(reads);
      },
    },
    {
      id: "bad-position",
      mutants: ["position-unchecked"],
      title: "a position that is no position is ERR_OUT_OF_RANGE or ERR_INVALID_ARG_TYPE, and lends nothing",
      run: async (context) => {
        await using file = await context.openFile("0123", "r");
        using buffer = context.io.buffers.take(4);
        for (const position of badPositions) await rejects(file.read(buffer, { position }), "ERR_OUT_OF_RANGE");
        for (const position of ["0", null, 0n]) {
          await rejects(file.readFull(buffer, { position } as never), "ERR_INVALID_ARG_TYPE");
        }
        equal(buffer.state, "owned", "the state of the buffer");
      },
    },
    {
      id: "minus-zero",
      title: "a position, offset and length of −0 are 0",
      run: async (context) => {
        await using file = await context.openFile("0123", "r");
        using buffer = context.io.buffers.take(4);
        await file.readFull(buffer, { position: -0, offset: -0 });
        equal(textOf(buffer.bytes), "0123", "what was read");
        equal((await file.read(buffer, { position: -0, length: -0 })).bytesRead, 0, "bytesRead");
      },
    },
    {
      id: "bad-options",
      title: "options that are null or a number, or misspelt, are refused",
      run: async (context) => {
        await using file = await context.openFile("0123", "r");
        using buffer = context.io.buffers.take(4);
        for (const options of [null, 7, "r"])
          await rejects(file.read(buffer, options as never), "ERR_INVALID_ARG_TYPE");
        await rejects(file.read(buffer, { postion: 0 } as never), "ERR_UNKNOWN_OPTION");
        await rejects(file.read(undefined as never), "ERR_BUFFER_FOREIGN");
      },
    },
    {
      id: "directory",
      title: "reading a directory fails with EISDIR, and the buffer is home",
      run: async (context) => {
        const directory = context.path().replace(/[\\/][^\\/]*$/, "");
        using buffer = context.io.buffers.take(16);
        // Some systems refuse to open it in the first place.
        const opened = await context.io.openFile(directory, "r").catch((error: { code: string }) => error.code);
        if (typeof opened === "string") return equal(opened, "EISDIR", "the code of the error");
        await using file = opened;
        await rejects(file.read(buffer, { position: 0 }), "EISDIR", { errno: -21, syscall: "read", buffer });
      },
    },
  ],
};

export const fileWriteClause: Clause = {
  id: "file-write",
  title: "writing a file",
  needs: ["open", "close", "read", "write"],
  cases: [
    {
      id: "whole",
      title: "writeFull writes exactly the bytes of the buffer, whatever its length",
      run: async (context) => {
        for (const length of [1, 4095, 4096, 4097, 100_003]) {
          const bytes = pattern(length, length);
          await using file = await context.io.openFile(context.path(), "wx");
          using buffer = context.io.buffers.copyFrom(bytes);
          const { bytesWritten } = await file.writeFull(buffer, { position: 0 });
          equal(bytesWritten, length, "bytesWritten");
          equalBytes(await context.contentOf(file.path), bytes, "the file");
        }
      },
    },
    {
      id: "one-write",
      title: "write tells how many bytes it wrote, and these are in the file",
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        using buffer = context.io.buffers.copyFrom("0123456789");
        const { bytesWritten } = await file.write(buffer, { position: 0 });
        ok(bytesWritten >= 1 && bytesWritten <= 10, "some bytes to be written");
        equal(await context.textOf(file.path), "0123456789".slice(0, bytesWritten), "the file");
      },
    },
    {
      id: "over",
      title: "a write within a file changes these bytes and no other",
      run: async (context) => {
        await using file = await context.openFile("0123456789");
        using buffer = context.io.buffers.copyFrom("__ABC__");
        await file.writeFull(buffer, { position: 4, offset: 2, length: 3 });
        equal(await context.textOf(file.path), "0123ABC789", "the file");
      },
    },
    {
      id: "hole",
      title: "a write beyond the end leaves zeros between",
      run: async (context) => {
        await using file = await context.openFile("ab");
        using buffer = context.io.buffers.copyFrom("z");
        await file.writeFull(buffer, { position: 6 });
        equalBytes(await context.contentOf(file.path), utf8("ab\0\0\0\0z"), "the file");
      },
    },
    {
      id: "nothing",
      title: "a write of no bytes writes 0",
      run: async (context) => {
        await using file = await context.openFile("kept");
        using buffer = context.io.buffers.copyFrom("x");
        equal((await file.write(buffer, { length: 0, position: 0 })).bytesWritten, 0, "bytesWritten");
        equal((await file.writeFull(buffer, { length: 0 })).bytesWritten, 0, "bytesWritten");
        equal(await context.textOf(file.path), "kept", "the file");
      },
    },
    {
      id: "own-position-in-order",
      title: "writes without a position that are asked for at once land in the order they were asked for",
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx");
        const buffers = Array.from({ length: 50 }, (_, index) => context.io.buffers.copyFrom(`<${index}>`));
        await Promise.all(buffers.map((buffer) => file.writeFull(buffer)));
        for (const buffer of buffers) buffer.release();
        const expected = Array.from({ length: 50 }, (_, index) => `<${index}>`).join("");
        equal(await context.textOf(file.path), expected, "the file");
      },
    },
    {
      id: "append",
      title: "a file opened for appending grows at its end, from two handles and whatever their positions",
      run: async (context) => {
        const path = await context.givenFile("start ");
        await using one = await context.io.openFile(path, "a");
        await using two = await context.io.openFile(path, "a");
        for (const [file, text] of [
          [one, "one "],
          [two, "two "],
          [one, "three"],
        ] as const) {
          using buffer = context.io.buffers.copyFrom(text);
          await file.writeFull(buffer);
        }
        equal(await context.textOf(path), "start one two three", "the file");
      },
    },
    {
      id: "parallel",
      title: "a hundred writes at positions are in flight at once, and each lands at its position",
      run: async (context) => {
        const bytes = pattern(100 * 300, 13);
        await using file = await context.io.openFile(context.path(), "wx");
        const writes = Array.from({ length: 100 }, async (_, index) => {
          const block = (index * 41) % 100;
          using buffer = context.io.buffers.copyFrom(bytes.subarray(block * 300, block * 300 + 300));
          await file.writeFull(buffer, { position: block * 300 });
        });
        await Promise.all(writes);
        equalBytes(await context.contentOf(file.path), bytes, "the file");
      },
    },
    {
      id: "beyond-4-gib",
      mutants: ["position-high-lost"],
      title: "positions beyond 4 GiB are exact, for writing, reading and the length",
      needs: ["stat", "truncate"],
      run: async (context) => {
        await using file = await context.io.openFile(context.path(), "wx+");
        using buffer = context.io.buffers.copyFrom("far away");
        const writing = file.writeFull(buffer, { position: FAR_POSITION });
        if ((context.subject.fileBytesMax ?? Number.POSITIVE_INFINITY) < FAR_POSITION) {
          await rejects(writing, "EFBIG", { errno: -27, path: file.path, buffer });
          return;
        }
        await writing;
        equal((await file.stat()).size, FAR_POSITION + 8, "the size");
        await file.readFull(buffer, { position: FAR_POSITION - 4 });
        equalBytes(buffer.bytes, utf8("\0\0\0\0far "), "what is there");
        equal(
          (await file.read(buffer, { position: FAR_POSITION % 2 ** 32 })).bytesRead > 0,
          true,
          "that the hole reads",
        );
        ok(
          buffer.bytes.every((byte) => byte === 0),
          "zeros at the position modulo 4 GiB",
        );
        await file.truncate(0);
      },
    },
    {
      id: "bad-position",
      title: "a position that is no position is ERR_OUT_OF_RANGE, and writes nothing",
      run: async (context) => {
        await using file = await context.openFile("kept");
        using buffer = context.io.buffers.copyFrom("lost");
        for (const position of badPositions) {
          await rejects(file.write(buffer, { position }), "ERR_OUT_OF_RANGE");
          await rejects(file.writeFull(buffer, { position }), "ERR_OUT_OF_RANGE");
        }
        equal(await context.textOf(file.path), "kept", "the file");
      },
    },
    {
      id: "copy",
      title: "a copy with many reads and writes in flight is the same, byte for byte",
      run: async (context) => {
        const bytes = pattern(300_001, 17);
        await using source = await context.openFile(bytes, "r");
        await using target = await context.io.openFile(context.path(), "wx");
        const chunk = 16_384;
        let next = 0;
        const worker = async () => {
          using buffer = context.io.buffers.take(chunk);
          while (next < bytes.length) {
            const position = next;
            next += chunk;
            const { bytesRead } = await source.readFull(buffer, { position });
            await target.writeFull(buffer, { position, length: bytesRead });
          }
        };
        await Promise.all([worker(), worker(), worker(), worker()]);
        equalBytes(await context.contentOf(target.path), bytes, "the copy");
      },
    },
  ],
};
