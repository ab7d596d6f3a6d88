/** Who holds a buffer, and how parts of it are lent. */

import { pattern, textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, rejects, throws } from "./expect.js";

export const ownershipClause: Clause = {
  id: "ownership",
  title: "holding a buffer",
  promise: "lent-shared-or-exclusive",
  needs: ["open", "close", "read", "write"],
  cases: [
    {
      id: "shared-lends",
      mutants: ["bytes-while-lent", "write-lends-exclusively"],
      title: "one buffer may be lent to several writes at once, and is home when the last has ended",
      run: async (context) => {
        await using file = await context.openFile("");
        using buffer = context.io.buffers.copyFrom("abcd");
        const writes = [0, 4, 8].map((position) => file.writeFull(buffer, { position }));
        equal(buffer.state, "lent", "the state of the buffer");
        throws(() => buffer.bytes, "ERR_BUFFER_LENT");
        const results = await Promise.all(writes);
        equal(
          results.every((result) => result.buffer === buffer),
          true,
          "that each result carries the buffer",
        );
        equal(buffer.state, "owned", "the state of the buffer");
        equal(await context.textOf(file.path), "abcdabcdabcd", "the file");
      },
    },
    {
      id: "no-write-into-what-is-sent",
      mutants: ["overlap-allowed"],
      title: "while a write has it, no read may have it: ERR_BUFFER_LENT",
      run: async (context) => {
        await using file = await context.openFile("0123456789");
        using buffer = context.io.buffers.copyFrom("abcd");
        const write = file.write(buffer, { position: 0 });
        await rejects(file.read(buffer, { position: 4 }), "ERR_BUFFER_LENT");
        await write;
        await file.read(buffer, { position: 4 });
      },
    },
    {
      id: "no-send-of-what-is-written",
      title: "while a read has it, no write may have it: ERR_BUFFER_LENT",
      run: async (context) => {
        await using file = await context.openFile("0123456789");
        using buffer = context.io.buffers.take(4);
        const read = file.read(buffer, { position: 0 });
        await rejects(file.write(buffer, { position: 4 }), "ERR_BUFFER_LENT");
        await read;
      },
    },
    {
      id: "disjoint-parts",
      mutants: ["slice-start-forgotten"],
      title: "parts that do not overlap may be read into at the same time, and each gets its own bytes",
      run: async (context) => {
        await using file = await context.openFile("0123456789abcdef");
        using buffer = context.io.buffers.take(16);
        const parts = [12, 0, 8, 4].map((start) => ({ start, slice: buffer.slice(start, start + 4) }));
        await Promise.all(parts.map(({ slice, start }) => file.readFull(slice, { position: start })));
        equal(textOf(buffer.bytes), "0123456789abcdef", "the buffer");
      },
    },
    {
      id: "overlapping-parts",
      mutants: ["overlap-allowed", "overlap-off-by-one"],
      title: "parts that overlap by one byte cannot both be read into: ERR_BUFFER_LENT",
      run: async (context) => {
        await using file = await context.openFile("0123456789abcdef");
        using buffer = context.io.buffers.take(16);
        const read = file.read(buffer.slice(4, 9), { position: 0 });
        const refused = [
          rejects(file.read(buffer.slice(8, 12), { position: 0 }), "ERR_BUFFER_LENT"),
          rejects(file.read(buffer.slice(0, 5), { position: 0 }), "ERR_BUFFER_LENT"),
        ];
        const after = file.readFull(buffer.slice(9, 12), { position: 9 });
        const before = file.readFull(buffer.slice(0, 4), { position: 0 });
        await Promise.all([read, before, after, ...refused]);
        equal(textOf(buffer.bytes.subarray(0, 4)), "0123", "the part before");
        equal(textOf(buffer.bytes.subarray(9, 12)), "9ab", "the part after");
      },
    },
    {
      id: "overlapping-shared-parts",
      mutants: ["write-lends-exclusively"],
      title: "parts that overlap may both be written from",
      run: async (context) => {
        await using file = await context.openFile("");
        using buffer = context.io.buffers.copyFrom("abcdef");
        await Promise.all([
          file.writeFull(buffer.slice(0, 4), { position: 0 }),
          file.writeFull(buffer.slice(2, 6), { position: 4 }),
        ]);
        equal(await context.textOf(file.path), "abcdcdef", "the file");
      },
    },
    {
      id: "only-the-part",
      mutants: ["slice-start-forgotten", "libuv-buffer-offset-ignored"],
      title: "a read into a part of a part touches not a byte beside it",
      run: async (context) => {
        await using file = await context.openFile("XYZ");
        using buffer = context.io.buffers.take(12);
        buffer.bytes.fill(0x2e);
        const inner = buffer.slice(2, 10).slice(2, 6);
        equal(inner.length, 4, "the length of the part");
        await file.readFull(inner, { position: 0, offset: 1, length: 2 });
        equal(textOf(buffer.bytes), ".....XY.....", "the whole buffer");
      },
    },
    {
      id: "part-lends-the-whole",
      mutants: ["views-not-detached"],
      title: "while a part is lent, bytes of the buffer and of its other parts throw, and their old views are detached",
      promise: "lent-is-out-of-reach",
      run: async (context) => {
        await using file = await context.openFile("0123");
        using buffer = context.io.buffers.take(8);
        const other = buffer.slice(4, 8);
        const views = [buffer.bytes, other.bytes];
        const read = file.read(buffer.slice(0, 4), { position: 0 });
        throws(() => buffer.bytes, "ERR_BUFFER_LENT");
        throws(() => other.bytes, "ERR_BUFFER_LENT");
        for (const view of views) equal(view.length, 0, "the length of a view taken before");
        equal(other.state, "lent", "the state of the other part");
        await read;
        equal(other.bytes.length, 4, "the length of the other part's bytes");
      },
    },
    {
      id: "content-survives-lending",
      title: "what the program wrote is still there after the buffer was lent and its views were detached",
      promise: "lent-is-out-of-reach",
      run: async (context) => {
        await using file = await context.openFile("");
        using buffer = context.io.buffers.take(70_000);
        const bytes = pattern(70_000, 5);
        buffer.bytes.set(bytes);
        await file.writeFull(buffer, { position: 0 });
        equalBytes(buffer.bytes, bytes, "the buffer after the write");
        equalBytes(await context.contentOf(file.path), bytes, "the file");
      },
    },
    {
      id: "part-out-of-range",
      title: "a part that is not within the buffer is ERR_OUT_OF_RANGE",
      run: ({ io }) => {
        using buffer = io.buffers.take(16);
        for (const [start, end] of [
          [-1, 4],
          [0, 17],
          [5, 4],
          [1.5, 4],
          [Number.NaN, 4],
          [0, 2 ** 53],
          [17, 17],
        ] as const) {
          throws(() => buffer.slice(start, end), "ERR_OUT_OF_RANGE");
        }
        throws(() => buffer.slice("0" as never, 4), "ERR_INVALID_ARG_TYPE");
        equal(buffer.slice(16).length, 0, "the length of an empty part at the end");
        equal(buffer.slice(4).length, 12, "the length of a part to the end");
      },
    },
    {
      id: "released-once",
      mutants: ["release-twice-allowed"],
      title: "releasing twice is ERR_BUFFER_RELEASED_TWICE, and using it afterwards ERR_BUFFER_RELEASED",
      run: ({ io }) => {
        const buffer = io.buffers.take(16);
        const part = buffer.slice(0, 4);
        buffer.release();
        throws(() => buffer.release(), "ERR_BUFFER_RELEASED_TWICE");
        throws(() => buffer.bytes, "ERR_BUFFER_RELEASED");
        throws(() => buffer.slice(0, 1), "ERR_BUFFER_RELEASED");
        throws(() => part.bytes, "ERR_BUFFER_RELEASED");
        equal(buffer.state, "released", "the state of the buffer");
        buffer[Symbol.dispose]();
        equal(io.inspect().buffers.out, 0, "the number of buffers out");
      },
    },
    {
      id: "a-part-is-not-released",
      title: "a part cannot be released: its buffer is",
      run: ({ io }) => {
        using buffer = io.buffers.take(16);
        const part = buffer.slice(0, 4) as typeof buffer;
        throws(() => part.release(), "ERR_INVALID_ARG_VALUE");
        part[Symbol.dispose]();
        equal(buffer.state, "owned", "the state of the buffer");
      },
    },
    {
      id: "not-while-lent",
      mutants: ["release-while-lent"],
      title: "releasing it while it is lent is ERR_BUFFER_LENT; leaving its `using` block releases it once it is home",
      promise: "lent-is-out-of-reach",
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123");
        let read: Promise<{ bytesRead: number }>;
        const buffer = io.buffers.take(4);
        {
          using held = buffer;
          read = file.read(held, { position: 0 });
          throws(() => held.release(), "ERR_BUFFER_LENT");
        }
        equal(buffer.state, "returning", "the state after the block");
        equal(io.inspect().buffers.out, 1, "the number of buffers out");
        equal((await read).bytesRead > 0, true, "that the read has its result");
        equal(buffer.state, "released", "the state after the read");
        equal(io.inspect().buffers.out, 0, "the number of buffers out afterwards");
      },
    },
    {
      id: "new-owner-is-safe",
      mutants: ["stale-view-after-release"],
      title: "neither a stale reference nor a stale view reaches the bytes of the next taker",
      promise: "lent-is-out-of-reach",
      run: ({ io }) => {
        const first = io.buffers.take(4096);
        const view = first.bytes;
        view.fill(7);
        first.release();
        const taken = [];
        // The block comes back sooner or later; whichever of these has it must be safe.
        for (let index = 0; index < 512; index++) taken.push(io.buffers.take(4096));
        for (const buffer of taken) buffer.bytes.fill(1);
        // A write by index into a detached view is silent: it must reach nobody.
        for (let index = 0; index < 4096; index++) view[index] = 9;
        throws(() => first.bytes, "ERR_BUFFER_RELEASED");
        for (const buffer of taken) {
          ok(
            buffer.bytes.every((byte) => byte === 1),
            "no byte of a new owner to change",
          );
          buffer.release();
        }
      },
    },
    {
      id: "transferred-away",
      title: "memory that the program transferred away is ERR_BUFFER_DETACHED, never an operation on nothing",
      promise: "lent-is-out-of-reach",
      run: async (context) => {
        const { io } = context;
        await using file = await context.openFile("0123");
        const buffer = io.buffers.take(100);
        const { buffer: memory } = buffer.bytes;
        // Node from 22 on does not let structuredClone move memory that is not its own, but does let the program.
        if (memory instanceof ArrayBuffer && "transfer" in memory) memory.transfer();
        else structuredClone(memory, { transfer: [memory] });
        // Some runtimes copy such memory instead of moving it; then nothing has happened.
        if (memory.byteLength === 0) {
          throws(() => buffer.bytes, "ERR_BUFFER_DETACHED");
          await rejects(file.read(buffer, { position: 0 }), "ERR_BUFFER_DETACHED");
        } else {
          await file.read(buffer, { position: 0 });
        }
        equal(buffer.state, "owned", "the state of the buffer");
        buffer.release();
      },
    },
    {
      id: "two-takers-two-memories",
      title: "two buffers never share a byte",
      run: ({ io }) => {
        const buffers = [64, 4096, 4097, 65_536, 2_000_000, 64].map((length) => io.buffers.take(length));
        for (const [index, buffer] of buffers.entries()) buffer.bytes.fill(index + 1);
        for (const [index, buffer] of buffers.entries()) {
          ok(
            buffer.bytes.every((byte) => byte === index + 1),
            "each buffer to keep what was written into it",
          );
          buffer.release();
        }
      },
    },
    {
      id: "error-carries-it-home",
      mutants: ["error-without-buffer", "kept-by-an-error"],
      title: "when an operation fails, error.buffer is the buffer, home and unharmed",
      promise: "buffer-comes-home",
      run: async (context) => {
        const path = await context.givenFile("0123");
        await using file = await context.io.openFile(path, "r");
        using buffer = context.io.buffers.copyFrom("abcd");
        const error = await rejects(file.write(buffer, { position: 0 }), "EBADF", { buffer });
        equal(textOf(buffer.bytes), "abcd", "the content of the buffer");
        ok(!JSON.stringify(error).includes("buffer"), "the buffer not to be printed with the error");
      },
    },
    {
      id: "home-before-the-promise",
      mutants: ["settles-before-home"],
      title: "the buffer is home before the promise settles, so that its continuation can lend it again at once",
      promise: "buffer-comes-home",
      run: async (context) => {
        await using file = await context.openFile(utf8("0123456789"));
        using buffer = context.io.buffers.take(2);
        const states: string[] = [];
        let chain = file.read(buffer, { position: 0 });
        for (let index = 1; index < 4; index++) {
          chain = chain.then(({ buffer: home }) => {
            states.push(home.state);
            return file.read(home, { position: index });
          });
        }
        await chain;
        equal(states.join(" "), "owned owned owned", "the states seen by the continuations");
      },
    },
  ],
};
