/** The own position of a file: one, shared by all that goes by it, wherever transfers end short, fail or are aborted. */
import type { Backend, File } from "@baton-io/core";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { pattern, sequence, textOf } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, oneOf } from "./expect.js";
import { readText } from "./file-talk.js";
import { placelessCases } from "./placeless.js";
import { receiveBytes, sendBytes } from "./stream-talk.js";

async function writeText(io: Backend, file: File, text: string, position?: number): Promise<void> {
  using buffer = io.buffers.copyFrom(text);
  await file.writeFull(buffer, position === undefined ? {} : { position });
}

export const ownPositionClause: Clause = {
  id: "own-position",
  title: "a file's own position",
  needs: ["open", "close", "read", "write"],
  cases: [
    {
      id: "shared",
      mutants: ["own-position-ignores-writes"],
      title: "is one for reads and writes: each goes on where the last one ended, whichever it was",
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123456789");
        equal(await readText(io, file, 3), "012", "the first read");
        await writeText(io, file, "AB");
        equal(await readText(io, file, 2), "56", "the read behind the write");
        await writeText(io, file, "xx", 0);
        await writeText(io, file, "C");
        equal(await readText(io, file, 9), "89", "the read to the end");
        equal(await context.textOf(file.path), "xx2AB56C89", "the file");
      },
    },
    {
      id: "in-order",
      mutants: ["own-position-of-two-lanes"],
      title: "is gone by in the order in which reads and writes were asked for, when all are asked for at once",
      run: async (context) => {
        const { io } = context;
        const bytes = pattern(32 * 48, 5);
        const expected = bytes.slice();
        await using file = await context.openFile(bytes);
        const reads = Array.from({ length: 32 }, () => io.buffers.take(16));
        const writes = reads.map((_, index) => io.buffers.copyFrom(new Uint8Array(32).fill(index)));
        await Promise.all(reads.flatMap((read, index) => [file.readFull(read), file.writeFull(writes[index]!)]));
        for (const [index, read] of reads.entries()) {
          equalBytes(read.bytes, bytes.subarray(index * 48, index * 48 + 16), `read ${index}`);
          expected.fill(index, index * 48 + 16, index * 48 + 48);
        }
        equalBytes(await context.contentOf(file.path), expected, "the file");
        for (const buffer of [...reads, ...writes]) buffer.release();
      },
    },
    {
      id: "grows",
      mutants: ["own-position-left-to-the-driver"],
      title: "stands behind what a read that ended short has read: a file that grows is read without a byte twice",
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("", "r");
        await using grower = await io.openFile(file.path, "r+");
        const [one, two] = [io.buffers.take(5), io.buffers.take(11)];
        let [written, read] = ["", ""];
        for (const text of ["0123", "456789", "a", "", "bcdefghijklmnopqrstuvwxyz", "."]) {
          await writeText(io, grower, text || "-");
          written += text || "-";
          for (let ended = false; !ended; ) {
            const { bytesRead } = await file.readv([one, two]);
            read += (textOf(one.bytes) + textOf(two.bytes)).slice(0, bytesRead);
            ended = bytesRead === 0;
          }
        }
        equal(read, written, "all that was read");
        for (const buffer of [one, two]) buffer.release();
      },
    },
    {
      id: "shrinks",
      title: "stays where it is when the file is cut off before it: nothing to read, and a write leaves zeros between",
      needs: ["truncate"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123456789");
        equal(await readText(io, file, 8), "01234567", "the first read");
        await file.truncate(4);
        equal(await readText(io, file, 8), "", "the read beyond the end");
        await writeText(io, file, "end");
        equal(await context.textOf(file.path), "0123\0\0\0\0end", "the file");
      },
    },
    {
      id: "each-has-one",
      title: "is that of one open file: two that are open on the same path have one each",
      run: async (context) => {
        const { io } = context;
        await using first = await context.openFile("abcdef");
        await using second = await io.openFile(first.path, "r+");
        equal(await readText(io, first, 4), "abcd", "the first file");
        await writeText(io, second, "AB");
        equal(await readText(io, second, 4), "cdef", "the second file");
        equal(await readText(io, first, 4), "ef", "the first file again");
      },
    },
    {
      id: "appended",
      mutants: ["own-position-ignores-appends"],
      title: "stands at the end of a file for appending once something was appended, and before that at the start",
      needs: ["stat"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123456789", "a+");
        equal(await readText(io, file, 4), "0123", "the read before");
        using tail = io.buffers.copyFrom("AB");
        const [, read] = await Promise.all([file.writeFull(tail), readText(io, file, 4)]);
        equal(read, "", "the read behind the append");
        await using other = await io.openFile(file.path, "a");
        await writeText(io, other, "CD");
        equal(await readText(io, file, 4), "CD", "the read of what others have appended since");
        await writeText(io, file, "EF");
        equal(await context.textOf(file.path), "0123456789ABCDEF", "the file");
      },
    },
    {
      id: "appended-while-asked",
      title:
        "stands at the end of a file for appending, also when a read that asked where that is was aborted meanwhile",
      needs: ["stat"],
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("", "a+");
        for (let round = 0; round < 20; round++) {
          await writeText(io, file, "one");
          using buffer = io.buffers.take(8);
          const controller = new AbortController();
          const reading = file.read(buffer, { signal: controller.signal }).catch(() => undefined);
          if (round % 2 === 0) await context.flush();
          controller.abort();
          await writeText(io, file, "two");
          await reading;
          equal(await readText(io, file, 8), "", "the read behind the appends");
        }
      },
    },
    {
      id: "aborted-writes",
      mutants: ["own-position-ignores-aborted-writes"],
      title: "moves by what an aborted write has written all the same, which is what its error counts",
      promise: "nothing-is-lost",
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("");
        const random = sequence(29);
        const written: number[] = [];
        for (let round = 0; round < 40; round++) {
          using buffer = io.buffers.copyFrom(pattern(1 + random(300), round + 1));
          const controller = new AbortController();
          const options = { signal: controller.signal };
          const pending = round % 4 === 0 ? file.writev([buffer], options) : file.writeFull(buffer, options);
          if (random(3) > 0) await context.flush();
          controller.abort();
          const count = await pending.then(
            ({ bytesWritten }) => bytesWritten,
            (error: { bytesTransferred: number }) => error.bytesTransferred,
          );
          written.push(...buffer.bytes.subarray(0, count));
        }
        await writeText(io, file, "end");
        const content = await context.contentOf(file.path);
        equalBytes(content.subarray(0, -3), Uint8Array.from(written), "what was written");
        equal(textOf(content.subarray(-3)), "end", "what was written last");
      },
    },
    {
      id: "aborted-reads",
      mutants: ["own-position-follows-aborted-reads"],
      title: "stays where it is when nobody is told of what a read has read, whole or in part",
      promise: "nothing-is-lost",
      run: async (context) => {
        const { io } = context;
        const bytes = pattern(64_000, 31);
        await using file = await context.openFile(bytes, "r");
        const random = sequence(17);
        const read: number[] = [];
        using buffer = io.buffers.take(4000);
        for (let round = 0; read.length < bytes.length; round++) {
          const controller = new AbortController();
          const options = { signal: controller.signal };
          const pending = round % 3 === 0 ? file.readv([buffer], options) : file.readFull(buffer, options);
          if (random(3) > 0) await context.flush();
          if (random(2) > 0) controller.abort();
          const count = await pending.then(
            ({ bytesRead }) => bytesRead,
            () => 0,
          );
          read.push(...buffer.bytes.subarray(0, count));
        }
        equalBytes(Uint8Array.from(read), bytes, "all that was read");
      },
    },
    {
      id: "chain",
      title: "moves from member to member of a chain, and stays behind the last that was done",
      calmOnly: true,
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123456789");
        const [ab, cd] = [io.buffers.copyFrom("AB"), io.buffers.copyFrom("CD")];
        const [two, long] = [io.buffers.take(2), io.buffers.take(64)];
        await io.chain([
          { opcode: "write", file, buffer: ab },
          { opcode: "read", file, buffer: two },
          { opcode: "writev", file, buffers: [cd, ab] },
          { opcode: "read", file, buffer: long },
          { opcode: "write", file, buffer: cd },
        ]);
        equal(textOf(two.bytes), "23", "what the read in the middle gave");
        // The long read has come to the end, so the last write was not done.
        await writeText(io, file, "!");
        equal(await context.textOf(file.path), "AB23CDAB89!", "the file");
        for (const buffer of [ab, cd, two, long]) buffer.release();
      },
    },
    ...placelessCases,
    {
      id: "direct",
      mutants: ["own-position-left-to-the-driver"],
      title: "moves past the page cache too: for reads, writes, vectors and what moves all its bytes",
      needs: ["directIo", "pageAlignedMemory"],
      run: async (context) => {
        const { io } = context;
        const path = await context.givenFile(new Uint8Array(8 * 4096).fill(0x2e));
        // Not every file system has it; then it says so.
        const opened = await io.openFile(path, "r+", { direct: true }).catch((error: { code: string }) => error.code);
        if (typeof opened === "string") return oneOf(opened, ["EINVAL", "ENOTSUP"], "the code of the error");
        await using file = opened;
        const blocks = ["A", "B", "C", "D"].map((letter) => io.buffers.copyFrom(letter.repeat(4096)));
        await file.write(blocks[0]!);
        await file.writeFull(blocks[1]!);
        await file.writev([blocks[2]!, blocks[3]!]);
        using four = io.buffers.take(4 * 4096);
        equal((await file.read(four)).bytesRead, 4 * 4096, "bytesRead behind the writes");
        equal((await file.readFull(four)).bytesRead, 0, "bytesRead at the end");
        const content = await context.contentOf(path);
        const letters = Array.from({ length: 8 }, (_, index) =>
          textOf(content.subarray(index * 4096, index * 4096 + 1)),
        );
        equal(letters.join(""), "ABCD....", "the first byte of each block");
        for (const block of blocks) block.release();
      },
    },
    {
      id: "direct-pipe",
      title: "moves past the page cache while a file is piped to a connection, which so comes to an end",
      needs: [...connectionNeeds, "send", "receive", "pipeTo", "directIo", "pageAlignedMemory"],
      run: async (context) => {
        const bytes = pattern(5 * 65_536, 7);
        const path = await context.givenFile(bytes);
        const opened = await context.io
          .openFile(path, "r", { direct: true })
          .catch((error: { code: string }) => error.code);
        if (typeof opened === "string") return oneOf(opened, ["EINVAL", "ENOTSUP"], "the code of the error");
        await using file = opened;
        await using pair = await context.pair();
        const receiving = receiveBytes(context.far, pair.far, bytes.length, 2 ** 16);
        equal((await file.pipeTo(pair.near)).bytesTransferred, bytes.length, "bytesTransferred");
        equalBytes(await receiving, bytes, "what arrived");
      },
    },
    {
      id: "piped-to",
      title: "is where bytes of a connection go and moves on by them; writes that are asked for meanwhile find no gap",
      needs: [...connectionNeeds, "send", "receive", "pipeTo"],
      run: async (context) => {
        const { io } = context;
        await using pair = await context.pair();
        await using file = await context.openFile("");
        await writeText(io, file, "<");
        const bytes = new Uint8Array(400_000).fill(0x61);
        const sending = sendBytes(context.far, pair.far, bytes).then(() => pair.far.close());
        const piping = pair.near.pipeTo(file);
        for (let round = 0; round < 8; round++) await writeText(io, file, "--");
        equal((await piping).bytesTransferred, bytes.length, "bytesTransferred");
        await sending;
        await writeText(io, file, ">");
        const text = await context.textOf(file.path);
        equal(text.length, bytes.length + 18, "the length of the file");
        equal(text.replaceAll("--", "").length, bytes.length + 2, "its length without what was written meanwhile");
        ok(text.startsWith("<") && text.endsWith(">"), "the first and the last byte to be where they were written");
      },
    },
    {
      id: "piped-from",
      mutants: ["pipe-leaves-own-position"],
      title:
        "is where bytes for a connection come from: what a read takes meanwhile is not sent, and nothing is missed",
      needs: [...connectionNeeds, "send", "receive", "pipeTo"],
      run: async (context) => {
        const { io } = context;
        await using pair = await context.pair();
        const bytes = pattern(1_000_000, 3);
        await using file = await context.openFile(bytes, "r");
        equal((await file.pipeTo(pair.near, { length: 10 })).bytesTransferred, 10, "bytesTransferred of a part");
        const piping = file.pipeTo(pair.near).then(({ bytesTransferred }) => {
          return pair.near.shutdown().then(() => bytesTransferred);
        });
        const receiving = receiveBytes(context.far, pair.far, Number.POSITIVE_INFINITY, 2 ** 16);
        using taken = io.buffers.take(1000);
        await file.readFull(taken);
        const sent = await piping;
        equal(sent, bytes.length - 10 - 1000, "bytesTransferred of the rest");
        const received = await receiving;
        const at = received.findIndex((byte, index) => byte !== bytes[index]);
        const from = at < 0 ? received.length : at;
        equalBytes(taken.bytes, bytes.subarray(from, from + 1000), "what the read took");
        equalBytes(received.subarray(from), bytes.subarray(from + 1000), "what was sent behind it");
      },
    },
    {
      id: "piped-from-and-aborted",
      title: "stands behind what was sent when a pipe is aborted: the next read goes on there",
      promise: "nothing-is-lost",
      needs: [...connectionNeeds, "send", "receive", "pipeTo", "cancelSocket"],
      run: async (context) => {
        const { io } = context;
        await using pair = await context.pair();
        const bytes = pattern(12 * 2 ** 20, 91);
        await using file = await context.openFile(bytes, "r");
        const controller = new AbortController();
        const piping = file.pipeTo(pair.near, { signal: controller.signal }).then(
          ({ bytesTransferred }) => bytesTransferred,
          (error: { bytesTransferred: number }) => error.bytesTransferred,
        );
        await context.turn(4);
        controller.abort();
        const sent = await piping;
        using buffer = io.buffers.take(100);
        const { bytesRead } = await file.readFull(buffer);
        equalBytes(buffer.bytes.subarray(0, bytesRead), bytes.subarray(sent, sent + bytesRead), "what is read next");
      },
    },
  ],
};
