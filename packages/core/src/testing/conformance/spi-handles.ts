/** The driver SPI itself: handles with generations, and what stands in a completion. */
import { ERRNO, type ErrnoCode } from "../../base/errno.js";
import { OPCODE, type OpcodeName } from "../../spi/opcode.js";
import {
  ADDRESS_BYTES_AT,
  ADDRESS_FAMILY,
  ADDRESS_WORD,
  CONTROL,
  OPEN_FLAG,
  STAT_FIELD,
  SUBMIT_FLAG,
} from "../../spi/record.js";
import { textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, oneOf } from "./expect.js";
import { openRaw, type RawHandle, type RawSession } from "./raw-session.js";

/** Operations that name a handle. */
const onHandles = [
  "close",
  "read",
  "write",
  "fsync",
  "fdatasync",
  "truncate",
  "accept",
  "receive",
  "send",
  "shutdown",
] as const;

/** Opens a file by hand. */
export async function openByHand(raw: RawSession, path: string, flags: number): Promise<RawHandle> {
  const completion = await raw.run({ opcode: OPCODE.open, path, argument0: flags, argument1: 0o600 });
  ok(completion.result >= 0, `an open file, not ${completion.result}`);
  return { index: completion.result, generation: completion.auxiliary };
}

/** An address as it stands in the arena. */
function addressBytes(port: number): Uint8Array {
  const bytes = new Uint8Array(128);
  const words = new Int32Array(bytes.buffer);
  words[ADDRESS_WORD.family] = ADDRESS_FAMILY.ipv4;
  words[ADDRESS_WORD.portOrLength] = port;
  bytes.set([127, 0, 0, 1], ADDRESS_BYTES_AT);
  return bytes;
}

/** Listens by hand; the handle and the port. */
async function listenByHand(raw: RawSession): Promise<{ handle: RawHandle; port: number }> {
  const listen = await raw.run({ opcode: OPCODE.listen, slot: 10, arena: addressBytes(0), argument1: 16 });
  ok(listen.result >= 0, `a listener, not ${listen.result}`);
  const port = new DataView(raw.session.shared.arena).getInt32(
    raw.arenaOffset(10) + ADDRESS_WORD.portOrLength * 4,
    true,
  );
  return { handle: { index: listen.result, generation: listen.auxiliary }, port };
}

/** A connection by hand: the two ends, and the listener. */
export async function connectByHand(
  raw: RawSession,
): Promise<{ near: RawHandle; far: RawHandle; listener: RawHandle }> {
  const { handle: listener, port } = await listenByHand(raw);
  const accept = raw.write({ opcode: OPCODE.accept, slot: 11, handle: listener });
  const connect = raw.write({ opcode: OPCODE.connect, slot: 12, arena: addressBytes(port) });
  await raw.submitAll([accept, connect]);
  const [accepted, connected] = [await raw.next(accept), await raw.next(connect)];
  return {
    near: { index: accepted.result, generation: accepted.auxiliary },
    far: { index: connected.result, generation: connected.auxiliary },
    listener,
  };
}

async function closeByHand(raw: RawSession, ...handles: RawHandle[]): Promise<void> {
  for (const handle of handles)
    equal((await raw.run({ opcode: OPCODE.close, handle })).result, 0, "the result of close");
}

/** A case for one operation on a handle that is not open. */
function unknownHandleCase(name: OpcodeName): Clause["cases"][number] {
  return {
    id: `unknown-${name}`,
    title: `${name} on a handle that was never opened, or is closed, ends once with -EBADF`,
    needs: [name],
    run: async (context) => {
      const raw = openRaw(context);
      const slab = raw.session.memory.allocate(4096, 1);
      const carries = name === "read" || name === "write" || name === "receive" || name === "send";
      const path = await context.givenFile("x");
      const closed = await openByHand(raw, path, OPEN_FLAG.read | OPEN_FLAG.write);
      await closeByHand(raw, closed);
      for (const handle of [{ index: -1, generation: 0 }, { index: 999, generation: 1 }, closed]) {
        const completion = await raw.run({
          opcode: OPCODE[name],
          handle,
          position: 0,
          ...(carries && { buffer: slab.firstNumber, length: 16 }),
        });
        equal(completion.result, -ERRNO.EBADF, "the result");
      }
      raw.session.memory.free(slab.firstNumber);
      await raw.close();
    },
  };
}

export const spiHandlesClause: Clause = {
  id: "spi-handles",
  title: "the SPI: handles",
  promise: "P8",
  needs: ["open", "close"],
  cases: [
    ...onHandles.map(unknownHandleCase),
    {
      id: "generation",
      mutants: ["libuv-handle-generation-kept"],
      title: "a handle whose index is used again has a new generation, and the old one stays closed",
      needs: ["read"],
      run: async (context) => {
        const raw = openRaw(context);
        const slab = raw.session.memory.allocate(4096, 1);
        const path = await context.givenFile("x");
        const seen = new Set<string>();
        let stale: RawHandle | undefined;
        for (let round = 0; round < 10; round++) {
          const handle = await openByHand(raw, path, OPEN_FLAG.read);
          ok(!seen.has(`${handle.index}.${handle.generation}`), "an identity that was not there before");
          seen.add(`${handle.index}.${handle.generation}`);
          if (stale !== undefined) {
            const read = { opcode: OPCODE.read, handle: stale, buffer: slab.firstNumber, length: 1, position: 0 };
            equal((await raw.run(read)).result, -ERRNO.EBADF, "a read from the stale handle");
            equal((await raw.run({ opcode: OPCODE.close, handle: stale })).result, -ERRNO.EBADF, "a second close");
          }
          await closeByHand(raw, handle);
          stale = handle;
        }
        raw.session.memory.free(slab.firstNumber);
        await raw.close();
      },
    },
    {
      id: "errno",
      title: "an open that fails has the negative Linux errno as its result, and no handle",
      run: async (context) => {
        const raw = openRaw(context);
        const missing = await raw.run({
          opcode: OPCODE.open,
          path: context.path("missing"),
          argument0: OPEN_FLAG.read,
        });
        equal(missing.result, -ERRNO.ENOENT, "the result for what is not there");
        const exclusive = await raw.run({
          opcode: OPCODE.open,
          path: await context.givenFile("x"),
          argument0: OPEN_FLAG.write | OPEN_FLAG.create | OPEN_FLAG.exclusive,
          argument1: 0o600,
        });
        equal(exclusive.result, -ERRNO.EEXIST, "the result for what is there");
        await raw.close();
      },
    },
    {
      id: "read-and-write",
      mutants: ["libuv-buffer-offset-ignored"],
      calmOnly: true,
      title: "read and write move exactly the bytes of the record: buffer, offset, length and position",
      needs: ["read", "write"],
      run: async (context) => {
        const raw = openRaw(context);
        const path = await context.givenFile("0123456789");
        const handle = await openByHand(raw, path, OPEN_FLAG.read | OPEN_FLAG.write);
        const slab = raw.session.memory.allocate(4096, 2);
        const [out, into] = slab.buffers.map((buffer) => new Uint8Array(buffer));
        out!.set(utf8("..AB.."));
        const write = await raw.run({
          opcode: OPCODE.write,
          handle,
          buffer: slab.firstNumber,
          bufferOffset: 2,
          length: 2,
          position: 4,
        });
        equal(write.result, 2, "the result of the write");
        into!.fill(0x2e);
        const read = await raw.run({
          opcode: OPCODE.read,
          handle,
          buffer: slab.firstNumber + 1,
          bufferOffset: 1,
          length: 4,
          position: 3,
        });
        ok(read.result >= 1 && read.result <= 4, "some bytes to be read");
        equal(textOf(into!.subarray(0, 1 + read.result)), `.${"3AB6".slice(0, read.result)}`, "what was read");
        equal(into![5], 0x2e, "the byte behind");
        equal(await context.textOf(path), "0123AB6789", "the file");
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, handle);
        await raw.close();
      },
    },
    {
      id: "stat-layout",
      title: "stat answers in the arena, in the layout of record.ts",
      needs: ["stat"],
      run: async (context) => {
        const raw = openRaw(context);
        const path = await context.givenFile("12345");
        equal((await raw.run({ opcode: OPCODE.stat, slot: 20, path, argument0: 1 })).result, 0, "the result");
        const view = new DataView(raw.session.shared.arena, raw.arenaOffset(20));
        equal(view.getBigInt64(STAT_FIELD.sizeBytes * 8, true), 5n, "the size");
        equal(Number(view.getBigInt64(STAT_FIELD.mode * 8, true)) & 0o170000, 0o100000, "the type");
        await raw.close();
      },
    },
    {
      id: "close-while-in-use",
      calmOnly: true,
      title: "a close in one batch with reads before it lets them end, and then the handle is gone",
      needs: ["read"],
      run: async (context) => {
        const raw = openRaw(context);
        const path = await context.givenFile("0123456789");
        const handle = await openByHand(raw, path, OPEN_FLAG.read);
        const slab = raw.session.memory.allocate(4096, 10);
        const reads = Array.from({ length: 10 }, (_, index) =>
          raw.write({
            opcode: OPCODE.read,
            slot: 30 + index,
            handle,
            buffer: slab.firstNumber + index,
            length: 1,
            position: index,
          }),
        );
        const close = raw.write({ opcode: OPCODE.close, slot: 50, handle });
        await raw.submitAll([...reads, close]);
        for (const [index, slot] of reads.entries()) {
          equal((await raw.next(slot)).result, 1, `the result of read ${index}`);
          equal(textOf(new Uint8Array(slab.buffers[index]!, 0, 1)), `${index}`, `what read ${index} gave`);
        }
        equal((await raw.next(close)).result, 0, "the result of the close");
        raw.session.memory.free(slab.firstNumber);
        await raw.close();
      },
    },
  ],
};

/** Errnos that end a flag which the driver does not know. */
const refusals: readonly ErrnoCode[] = ["EINVAL", "ENOTSUP", "ENOSYS"];

export const spiSocketsClause: Clause = {
  id: "spi-sockets",
  title: "the SPI: sockets",
  promise: "P8",
  needs: ["listen", "accept", "connect", "send", "receive", "close"],
  cases: [
    {
      id: "by-hand",
      calmOnly: true,
      title: "listen, connect, accept, send, receive and close work record by record",
      run: async (context) => {
        const raw = openRaw(context);
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 2);
        new Uint8Array(slab.buffers[0]!).set(utf8("hello"));
        const send = await raw.run({ opcode: OPCODE.send, handle: far, buffer: slab.firstNumber, length: 5 });
        ok(send.result >= 1 && send.result <= 5, "some bytes to be sent");
        const receive = await raw.run({
          opcode: OPCODE.receive,
          handle: near,
          buffer: slab.firstNumber + 1,
          length: 4096,
        });
        ok(receive.result >= 1 && receive.result <= send.result, "some bytes to be received");
        equalBytes(
          new Uint8Array(slab.buffers[1]!, 0, receive.result),
          utf8("hello").subarray(0, receive.result),
          "what was received",
        );
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, far, listener);
        await raw.close();
      },
    },
    {
      id: "end",
      calmOnly: true,
      title: "a receive from a connection that the peer has closed completes with 0",
      run: async (context) => {
        const raw = openRaw(context);
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 1);
        await closeByHand(raw, far);
        const receive = await raw.run({ opcode: OPCODE.receive, handle: near, buffer: slab.firstNumber, length: 16 });
        equal(receive.result, 0, "the result");
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, listener);
        await raw.close();
      },
    },
    {
      id: "no-buffer-to-pick",
      calmOnly: true,
      title: "a receive that shall pick a buffer and finds none ends with -ENOBUFS, and its bytes stay",
      promise: "P11",
      needs: ["bufferSelect"],
      run: async (context) => {
        const raw = openRaw(context);
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 2);
        new Uint8Array(slab.buffers[0]!).set(utf8("x"));
        await raw.run({ opcode: OPCODE.send, handle: far, buffer: slab.firstNumber, length: 1 });
        const picking = { opcode: OPCODE.receive, flags: SUBMIT_FLAG.bufferSelect, handle: near, length: 4096 };
        equal((await raw.run(picking)).result, -ERRNO.ENOBUFS, "the result without buffers");
        new Int32Array(raw.session.shared.provided)[0] = slab.firstNumber + 1;
        raw.control[CONTROL.providedCount] = 1;
        const completion = await raw.run(picking);
        equal(raw.control[CONTROL.providedCount], 0, "the count of provided buffers after the submit");
        equal(completion.result, 1, "the result with a buffer");
        equal(completion.bufferPicked, true, "that a buffer was picked");
        equal(completion.auxiliary, slab.firstNumber + 1, "the number of the buffer");
        equal(textOf(new Uint8Array(slab.buffers[1]!, 0, 1)), "x", "what is in it");
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, far, listener);
        await raw.close();
      },
    },
    {
      id: "unknown-flags",
      calmOnly: true,
      title: "a flag for a feature that the driver lacks ends the operation with an errno: it is never passed over",
      promise: "P10",
      run: async (context) => {
        const raw = openRaw(context);
        const { features } = raw.session.capabilities;
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 1);
        const buffer = { buffer: slab.firstNumber, length: 16 };
        const asked = [
          [features.multishotAccept, { opcode: OPCODE.accept, flags: SUBMIT_FLAG.multishot, handle: listener }],
          [
            features.multishotReceive,
            { opcode: OPCODE.receive, flags: SUBMIT_FLAG.multishot, handle: near, ...buffer },
          ],
          [
            features.bufferSelect,
            { opcode: OPCODE.receive, flags: SUBMIT_FLAG.bufferSelect, handle: near, length: 16 },
          ],
          [features.links, { opcode: OPCODE.send, flags: SUBMIT_FLAG.link, handle: near, ...buffer }],
        ] as const;
        for (const [support, submission] of asked) {
          if (support.kind !== "unsupported") continue;
          oneOf(
            (await raw.run(submission)).result,
            refusals.map((code) => -ERRNO[code]),
            "the result",
          );
        }
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, far, listener);
        await raw.close();
      },
    },
  ],
};

export const spiMemoryClause: Clause = {
  id: "spi-memory",
  title: "the SPI: memory",
  promise: "P2",
  cases: [
    {
      id: "allocate",
      title: "a slab is as many zeroed buffers as were asked for, each its own ArrayBuffer, with numbers in a row",
      run: async (context) => {
        const { memory } = openRaw(context).session;
        const slab = memory.allocate(8192, 5);
        equal(slab.buffers.length, 5, "the number of buffers");
        equal(new Set(slab.buffers).size, 5, "the number of different ArrayBuffers");
        for (const buffer of slab.buffers) {
          equal(buffer.byteLength, 8192, "the length of a buffer");
          ok(
            new Uint8Array(buffer).every((byte) => byte === 0),
            "a buffer to be zero",
          );
        }
        const other = memory.allocate(4096, 3);
        const numbers = new Set([0, 1, 2, 3, 4].map((index) => slab.firstNumber + index));
        for (const index of [0, 1, 2])
          ok(!numbers.has(other.firstNumber + index), "another slab to have other numbers");
        memory.free(slab.firstNumber);
        memory.free(other.firstNumber);
      },
    },
    {
      id: "detach",
      mutants: ["heap-detach-copies"],
      title: "detach leaves the old ArrayBuffer empty and gives a new one with the same bytes, again and again",
      run: async (context) => {
        const { memory } = openRaw(context).session;
        const slab = memory.allocate(4096, 1);
        let current = slab.buffers[0]!;
        for (let round = 1; round <= 3; round++) {
          const view = new Uint8Array(current);
          view[round] = round;
          const next = memory.detach(slab.firstNumber, current);
          equal(current.byteLength, 0, "the length of the old ArrayBuffer");
          equal(view.length, 0, "the length of a view of it");
          equal(next.byteLength, 4096, "the length of the new one");
          for (let at = 1; at <= round; at++) equal(new Uint8Array(next)[at], at, "a byte of the new one");
          current = next;
        }
        memory.free(slab.firstNumber);
      },
    },
    {
      id: "adopt",
      mutants: ["adopt-leaves-views"],
      title: "adopt takes the bytes and leaves the source detached",
      run: async (context) => {
        const { memory } = openRaw(context).session;
        const source = utf8("adopted").slice().buffer;
        const slab = memory.adopt(source);
        equal(source.byteLength, 0, "the length of the source");
        equal(textOf(new Uint8Array(slab.buffers[0]!, 0, 7)), "adopted", "the bytes");
        memory.free(slab.firstNumber);
      },
    },
    {
      id: "alignment",
      title: "it names the alignment that it promises",
      run: async (context) => {
        const { alignmentBytes } = openRaw(context).session.memory;
        ok(alignmentBytes >= 1 && (alignmentBytes & (alignmentBytes - 1)) === 0, "a power of two");
      },
    },
  ],
};
