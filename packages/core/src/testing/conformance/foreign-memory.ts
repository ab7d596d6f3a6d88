/** Memory that comes from elsewhere. */

import { pattern, textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, rejects, throws } from "./expect.js";

/** An ArrayBuffer that can shrink. */
function resizable(): ArrayBuffer {
  // The second argument is newer than the library types that the project compiles with.
  const Resizable = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
  return new Resizable(8, { maxByteLength: 16 });
}

/** What can come in from outside but must not. */
const refused: readonly (readonly [string, () => ArrayBuffer | ArrayBufferView, string])[] = [
  ["resizable", resizable, "ERR_BUFFER_RESIZABLE"],
  ["a view of resizable memory", () => new Uint8Array(resizable()), "ERR_BUFFER_RESIZABLE"],
  ["shared", () => new SharedArrayBuffer(8) as never, "ERR_BUFFER_SHARED"],
  ["a view of shared memory", () => new Uint8Array(new SharedArrayBuffer(8)), "ERR_BUFFER_SHARED"],
  ["detached", () => detached(), "ERR_BUFFER_DETACHED"],
  ["a view of detached memory", () => viewOfDetached(), "ERR_BUFFER_DETACHED"],
  ["null", () => null as never, "ERR_INVALID_ARG_TYPE"],
  ["a number", () => 16 as never, "ERR_INVALID_ARG_TYPE"],
  ["an array", () => [1, 2, 3] as never, "ERR_INVALID_ARG_TYPE"],
];

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function viewOfDetached(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

async function writeOut(
  context: CaseContext,
  buffer: ReturnType<CaseContext["io"]["buffers"]["take"]>,
): Promise<Uint8Array> {
  await using file = await context.openFile("");
  await file.writeFull(buffer, { position: 0 });
  return context.contentOf(file.path);
}

export const foreignMemoryClause: Clause = {
  id: "foreign-memory",
  title: "memory from elsewhere",
  promise: "lent-shared-or-exclusive",
  needs: ["open", "close", "read", "write"],
  cases: [
    {
      id: "adopt",
      mutants: ["adopt-leaves-views"],
      title: "adopt takes an ArrayBuffer over: its old views are detached, its content is kept and can be written",
      run: async (context) => {
        const view = pattern(10_000, 3);
        const copy = view.slice();
        using buffer = context.io.buffers.adopt(view.buffer);
        equal(view.length, 0, "the length of the view that the caller had");
        equalBytes(buffer.bytes, copy, "the adopted content");
        equalBytes(await writeOut(context, buffer), copy, "the file");
        equalBytes(buffer.bytes, copy, "the content after the write");
      },
    },
    {
      id: "adopt-a-view",
      title: "a view of its whole ArrayBuffer is adopted like the ArrayBuffer",
      run: ({ io }) => {
        const view = utf8("whole").slice();
        using buffer = io.buffers.adopt(view);
        equal(view.length, 0, "the length of the view that the caller had");
        equal(textOf(buffer.bytes), "whole", "the content");
      },
    },
    {
      id: "adopt-a-part",
      mutants: ["pooled-adopted"],
      title: 'a view of a part is ERR_BUFFER_POOLED and stays as it is; with partial: "copy" it is copied',
      run: ({ io }) => {
        const whole = utf8("0123456789").slice();
        const part = whole.subarray(2, 6);
        throws(() => io.buffers.adopt(part), "ERR_BUFFER_POOLED");
        equal(textOf(whole), "0123456789", "the memory that was refused");
        using buffer = io.buffers.adopt(part, { partial: "copy" });
        equal(textOf(buffer.bytes), "2345", "the copy");
        buffer.bytes.fill(0);
        equal(textOf(whole), "0123456789", "the memory it was copied from");
      },
    },
    {
      id: "what-adopt-refuses",
      mutants: ["resizable-accepted"],
      title: "adopt refuses what can change under an operation, each with its own code, and leaves it alone",
      run: ({ io }) => {
        for (const [_what, make, code] of refused) throws(() => io.buffers.adopt(make()), code);
        throws(() => io.buffers.adopt(new ArrayBuffer(4), { partiel: "copy" } as never), "ERR_UNKNOWN_OPTION");
        equal(io.inspect().buffers.out, 0, "the number of buffers out");
      },
    },
    {
      id: "what-borrow-refuses",
      mutants: ["resizable-accepted"],
      title: "unsafeBorrow refuses the same",
      run: ({ io }) => {
        for (const [_what, make, code] of refused) throws(() => io.buffers.unsafeBorrow(make()), code);
        equal(io.inspect().buffers.out, 0, "the number of buffers out");
      },
    },
    {
      id: "plain-memory",
      title: "no operation takes plain memory of any kind: ERR_BUFFER_FOREIGN, and it is not lent",
      run: async (context) => {
        await using file = await context.openFile("0123");
        for (const memory of [resizable(), new SharedArrayBuffer(8), new DataView(new ArrayBuffer(4))]) {
          await rejects(file.read(memory as never, { position: 0 }), "ERR_BUFFER_FOREIGN");
          await rejects(file.write(memory as never, { position: 0 }), "ERR_BUFFER_FOREIGN");
        }
      },
    },
    {
      id: "copy-from",
      title: "copyFrom copies text as UTF-8, views and ArrayBuffers, and leaves them alone",
      run: ({ io }) => {
        const source = utf8("0123456789").slice();
        const view = new DataView(source.buffer, 2, 3);
        for (const [given, expected] of [
          ["grüße 🚀", "grüße 🚀"],
          [source, "0123456789"],
          [source.buffer, "0123456789"],
          [view, "234"],
        ] as const) {
          using buffer = io.buffers.copyFrom(given);
          equal(textOf(buffer.bytes), expected, "the copy");
          buffer.bytes.fill(0);
        }
        equal(textOf(source), "0123456789", "the source");
      },
    },
    {
      id: "copy-from-nothing",
      title: "copyFrom refuses what is neither text nor bytes, what is detached, and what is empty",
      run: ({ io }) => {
        for (const source of [7, null, undefined, {}, [1, 2]]) {
          throws(() => io.buffers.copyFrom(source as never), "ERR_INVALID_ARG_TYPE");
        }
        throws(() => io.buffers.copyFrom(detached()), "ERR_BUFFER_DETACHED");
        throws(() => io.buffers.copyFrom(""), "ERR_OUT_OF_RANGE");
        equal(io.inspect().buffers.out, 0, "the number of buffers out");
      },
    },
    {
      id: "borrow",
      title:
        "unsafeBorrow lends memory as it is: views stay, and a read writes into the part that was lent and no further",
      run: async (context) => {
        const whole = new Uint8Array(16).fill(0x2e);
        await using file = await context.openFile("ABCDEFGH");
        using buffer = context.io.buffers.unsafeBorrow(whole.subarray(4, 12));
        equal(buffer.length, 8, "the length of the buffer");
        const reading = file.readFull(buffer, { position: 0, offset: 2, length: 4 });
        equal(buffer.bytes.length, 8, "the length of its bytes while it is lent");
        await reading;
        equal(textOf(whole), "......ABCD......", "the memory around");
      },
    },
    {
      id: "borrowed-and-gone",
      promise: "lent-shared-or-exclusive",
      title: "borrowed memory that was transferred away before is refused, and nothing is read from where it was",
      mutants: ["borrowed-memory-unchecked"],
      run: async (context) => {
        await using file = await context.openFile("0123");
        for (const part of [0, 4]) {
          const memory = new ArrayBuffer(8192);
          using buffer = context.io.buffers.unsafeBorrow(new Uint8Array(memory, part));
          structuredClone(memory, { transfer: [memory] });
          await rejects(file.write(buffer, { position: 0 }), "ERR_BUFFER_DETACHED");
          await rejects(file.readFull(buffer.slice(0, 4), { position: 0 }), "ERR_BUFFER_DETACHED");
        }
        equal(await context.textOf(file.path), "0123", "what is in the file");
      },
    },
    {
      id: "borrowed-write",
      title: "a write from borrowed memory writes the part that was lent",
      run: async (context) => {
        const whole = utf8("0123456789").slice();
        using buffer = context.io.buffers.unsafeBorrow(whole.subarray(3, 7));
        equal(textOf(await writeOut(context, buffer)), "3456", "the file");
        equal(textOf(whole), "0123456789", "the memory");
      },
    },
    {
      id: "counted-and-freed",
      title: "foreign memory counts as out until it is released",
      run: ({ io }) => {
        const buffers = [io.buffers.adopt(new ArrayBuffer(8)), io.buffers.unsafeBorrow(new ArrayBuffer(8))];
        equal(io.inspect().buffers.out, 2, "the number of buffers out");
        for (const buffer of buffers) buffer.release();
        equal(io.inspect().buffers.out, 0, "the number of buffers out after the release");
      },
    },
  ],
};
