/** One of each operation that needs no connection. */

import type { File, Lendable, OperationOptions, OwnedBuffer, PositionedOptions, VectorOptions } from "@baton-io/core";
import type { Need } from "../conformance/case.js";
import { equal, equalBytes, ok } from "../conformance/expect.js";
import { endsByItself, putAway, type Specimen, type Stage } from "./specimen.js";

const content = "the quick brown fox jumps over the lazy dog";
const contentBytes = new TextEncoder().encode(content);

const prompt = {
  waits: false,
  finishes: true,
  takesOptions: true,
  submittable: true,
  onResource: false,
  buffer: "none",
} as const;

/** A result with nothing in it. */
async function isNothing(result: unknown): Promise<void> {
  equal(result, undefined, "the result");
}

/** Operations on the backend itself. */
export const backendSpecimens: readonly Specimen[] = [
  {
    ...prompt,
    id: "nop",
    title: "a nop",
    needs: ["nop"],
    prepare: async ({ io }) => ({
      // The method takes no options: it is for measuring.
      call: async (options) => (options === undefined ? io.nop() : io.submit({ opcode: "nop", ...options }).done),
      request: (options) => ({ opcode: "nop", ...options }),
      finish: endsByItself,
      check: isNothing,
      [Symbol.asyncDispose]: putAway(),
    }),
  },
  {
    ...prompt,
    id: "timer",
    title: "a timer",
    needs: ["timer"],
    waits: true,
    finishes: false,
    prepare: async ({ io }) => ({
      call: (options) => io.sleep(60_000, options),
      request: (options) => ({ opcode: "timer", afterMs: 60_000, ...options }),
      finish: endsByItself,
      check: isNothing,
      [Symbol.asyncDispose]: putAway(),
    }),
  },
  {
    ...prompt,
    id: "open",
    title: "opening a file",
    needs: ["open", "close"],
    prepare: async (context) => {
      const { io } = context;
      const path = await context.givenFile(content);
      return {
        call: (options) => io.openFile(path, "r", options),
        request: (options) => ({ opcode: "open", path, flags: "r", ...options }),
        finish: endsByItself,
        check: async (result) => {
          const file = result as File;
          equal(file.path, path, "the path of the file");
          await file.close();
        },
        [Symbol.asyncDispose]: putAway(),
      };
    },
  },
  {
    ...prompt,
    id: "stat-path",
    title: "asking for the metadata of a path",
    needs: ["stat"],
    prepare: async (context) => {
      const { io } = context;
      const path = await context.givenFile(content);
      return {
        call: (options) => io.stat(path, options),
        request: (options) => ({ opcode: "stat", path, ...options }),
        finish: endsByItself,
        check: async (result) => equal((result as { size: number }).size, content.length, "the size"),
        [Symbol.asyncDispose]: putAway(),
      };
    },
  },
];

/** An operation on an open file that carries no buffer. */
function onFile(
  id: string,
  title: string,
  need: Need,
  parts: {
    call(file: File, options?: OperationOptions): Promise<unknown>;
    request: (file: File, options?: OperationOptions) => ReturnType<NonNullable<Stage["request"]>>;
    check?: (result: unknown) => Promise<void>;
  },
): Specimen {
  return {
    ...prompt,
    id,
    title,
    onResource: true,
    needs: ["open", "close", need],
    prepare: async (context) => {
      const file = await context.openFile(content);
      return {
        resource: file,
        call: (options) => parts.call(file, options),
        request: (options) => parts.request(file, options),
        finish: endsByItself,
        check: parts.check ?? isNothing,
        [Symbol.asyncDispose]: putAway(file),
      };
    },
  };
}

/** A read or write. */
function transferOnFile(
  id: string,
  title: string,
  opcode: "read" | "write",
  position: { readonly position?: number },
): Specimen {
  const checkRead = (result: unknown, buffer: OwnedBuffer) => {
    const { bytesRead, buffer: home } = result as { bytesRead: number; buffer: unknown };
    equal(home, buffer, "the buffer in the result");
    ok(bytesRead > 0 && bytesRead <= content.length, "a read of some of the bytes");
  };
  const checkWritten = (result: unknown, buffer: OwnedBuffer) => {
    const { bytesWritten, buffer: home } = result as { bytesWritten: number; buffer: unknown };
    equal(home, buffer, "the buffer in the result");
    ok(bytesWritten > 0 && bytesWritten <= 4, "a write of some of the bytes");
  };
  return {
    ...prompt,
    id,
    title,
    onResource: true,
    needs: ["open", "close", opcode],
    buffer: opcode === "read" ? "exclusive" : "shared",
    prepare: async (context) => {
      const file = await context.openFile(content);
      const buffer = context.io.buffers.take(4);
      buffer.bytes.set(contentBytes.subarray(0, 4));
      const ask = (lent: Lendable, options: PositionedOptions) =>
        opcode === "read" ? file.read(lent, options) : file.write(lent, options);
      return {
        resource: file,
        buffer,
        call: (options) => ask(buffer, { ...position, ...options }),
        request: (options) => ({ opcode, file, buffer, ...position, ...options }),
        transfer: (lent, options) => ask(lent, { ...position, ...options }),
        finish: endsByItself,
        check: async (result) => {
          if (opcode === "read") checkRead(result, buffer);
          else checkWritten(result, buffer);
          equal(buffer.state, "owned", "the state of the buffer");
          if (position.position === 0)
            equalBytes(buffer.bytes.subarray(0, 1), contentBytes.subarray(0, 1), "the buffer");
        },
        [Symbol.asyncDispose]: putAway(buffer, file),
      };
    },
  };
}

/** A vectored read or write, of two buffers. */
function vectorOnFile(
  id: string,
  title: string,
  opcode: "readv" | "writev",
  position: { readonly position?: number },
): Specimen {
  return {
    ...prompt,
    id,
    title,
    onResource: true,
    needs: ["open", "close", opcode],
    buffer: opcode === "readv" ? "exclusive" : "shared",
    wholeBuffers: true,
    prepare: async (context) => {
      const file = await context.openFile(content);
      const buffers = [3, 4].map((length) => context.io.buffers.take(length));
      for (const buffer of buffers) buffer.bytes.set(contentBytes.subarray(0, buffer.length));
      const ask = (lent: readonly Lendable[], options: VectorOptions) =>
        opcode === "readv" ? file.readv(lent, options) : file.writev(lent, options);
      return {
        resource: file,
        buffers,
        call: (options) => ask(buffers, { ...position, ...options }),
        request: (options) => ({ opcode, file, buffers, ...position, ...options }),
        transfer: (lent, options) => ask([lent], { ...position, ...options }),
        finish: endsByItself,
        check: async (result) => {
          const moved = result as { bytesRead?: number; bytesWritten?: number; buffers: unknown };
          equal(moved.buffers, buffers, "the buffers in the result");
          const count = (opcode === "readv" ? moved.bytesRead : moved.bytesWritten) ?? 0;
          ok(count > 0 && count <= 7, "some of the bytes to be moved");
          for (const buffer of buffers) equal(buffer.state, "owned", "the state of the buffer");
        },
        [Symbol.asyncDispose]: putAway(...buffers, file),
      };
    },
  };
}

/** Operations on files. */
export const fileSpecimens: readonly Specimen[] = [
  onFile("fsync", "flushing a file", "fsync", {
    call: (file, options) => file.sync(options),
    request: (file, options) => ({ opcode: "fsync", file, ...options }),
  }),
  onFile("fdatasync", "flushing the data of a file", "fdatasync", {
    call: (file, options) => file.datasync(options),
    request: (file, options) => ({ opcode: "fdatasync", file, ...options }),
  }),
  onFile("truncate", "setting the length of a file", "truncate", {
    call: (file, options) => file.truncate(5, options),
    request: (file, options) => ({ opcode: "truncate", file, length: 5, ...options }),
  }),
  onFile("stat-file", "asking for the metadata of an open file", "stat", {
    call: (file, options) => file.stat(options),
    request: (file, options) => ({ opcode: "stat", file, ...options }),
    check: async (result) => equal((result as { size: number }).size, content.length, "the size"),
  }),
  onFile("allocate", "reserving space of a file", "allocate", {
    call: (file, options) => file.allocate({ length: 4096, ...options }),
    request: (file, options) => ({ opcode: "allocate", file, length: 4096, ...options }),
  }),
  onFile("advise", "advice on a file", "advise", {
    call: (file, options) => file.advise("will-need", options),
    request: (file, options) => ({ opcode: "advise", file, advice: "will-need", ...options }),
  }),
  transferOnFile("read-at", "a read at a position", "read", { position: 0 }),
  transferOnFile("read-on", "a read at the file's own position", "read", {}),
  transferOnFile("write-at", "a write at a position", "write", { position: 0 }),
  transferOnFile("write-on", "a write at the file's own position", "write", {}),
  vectorOnFile("readv-at", "a vectored read at a position", "readv", { position: 0 }),
  vectorOnFile("readv-on", "a vectored read at the file's own position", "readv", {}),
  vectorOnFile("writev-at", "a vectored write at a position", "writev", { position: 0 }),
  vectorOnFile("writev-on", "a vectored write at the file's own position", "writev", {}),
];
