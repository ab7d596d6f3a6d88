/** The driver SPI itself: handles with generations, and what stands in a completion. */
import type { OpcodeName } from "@baton-io/core";
import { ERRNO, OPCODE, OPEN_FLAG, STAT_FIELD } from "@baton-io/core/driver";
import { closeByHand, openByHand } from "./by-hand.js";
import { textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, ok } from "./expect.js";
import { openRaw, type RawHandle } from "./raw-session.js";

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
  promise: "closing-is-orderly",
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
