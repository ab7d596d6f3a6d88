import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { moveArrayBuffer } from "../src/driver.js";
import { type Leak, OwnedBuffer, release } from "../src/index.js";
import {
  type Block,
  blockOf,
  createOwnedBuffer,
  giveBackBuffer,
  type Holder,
  isLendable,
  lendBuffer,
} from "../src/memory/owned-buffer.js";
import { createHeapMemory } from "../src/spi/heap-memory.js";
import { collectUntil } from "./collect-garbage.js";
import { createHandDriver, flushed, handBackend, handFile } from "./sim/hand-driver.js";

const LENGTH = 32;

function createBuffer(detach?: (buffer: ArrayBuffer) => ArrayBuffer, exposures?: Uint8Array) {
  const memory = createHeapMemory();
  const slab = memory.allocate(LENGTH, 1);
  let home = 0;
  const block: Block = {
    number: slab.firstNumber,
    buffer: slab.buffers[0]!,
    exposed: false,
    origin: {
      memory: {
        ...memory,
        ...(detach !== undefined && { detach: (_number, buffer) => detach(buffer) }),
        ...(exposures !== undefined && { exposures }),
      },
      blockBytes: LENGTH,
      unsafe: false,
      offset: 0,
      watch: undefined,
      home: () => home++,
    },
  };
  return { buffer: createOwnedBuffer(block, LENGTH), block, homes: () => home };
}

function createHolder(id: number): Holder {
  return { id, lendStart: 0, lendEnd: 0, lendExclusive: false };
}

describe("lending", () => {
  // mutant: overlap-off-by-one
  test("a lend is refused exactly when it overlaps another and one of the two is exclusive", () => {
    const lend = fc.record({
      start: fc.integer({ min: 0, max: LENGTH }),
      length: fc.integer({ min: 0, max: LENGTH }),
      exclusive: fc.boolean(),
    });
    const step = fc.oneof({ weight: 2, arbitrary: lend }, { weight: 1, arbitrary: fc.record({ end: fc.nat() }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const { buffer } = createBuffer();
        const held: { start: number; end: number; exclusive: boolean; holder: Holder }[] = [];
        for (const [index, one] of steps.entries()) {
          if ("end" in one) {
            const [ended] = held.splice(one.end % Math.max(1, held.length), 1);
            if (ended !== undefined) giveBackBuffer(buffer, ended.holder);
          } else {
            const { start, exclusive } = one;
            const end = Math.min(LENGTH, start + one.length);
            const conflict = held.some(
              (other) => (exclusive || other.exclusive) && start < other.end && other.start < end,
            );
            const holder = createHolder(index + 1);
            const attempt = () => lendBuffer(buffer, holder, start, end - start, exclusive);
            if (conflict) expect(attempt).toThrow(expect.objectContaining({ code: "ERR_BUFFER_LENT" }));
            else {
              expect(attempt()).toBe(start);
              held.push({ start, end, exclusive, holder });
            }
          }
          expect(buffer.state).toBe(held.length === 0 ? "owned" : "lent");
          expect(
            held.length === 0 ? buffer.lentTo === undefined : held.some(({ holder }) => holder.id === buffer.lentTo),
          ).toBe(true);
        }
        for (const { holder } of held) giveBackBuffer(buffer, holder);
        expect(buffer.bytes).toHaveLength(LENGTH);
      }),
      { numRuns: 500 },
    );
  });

  test("detaches views only when there may be some: a buffer nobody looked at keeps its ArrayBuffer", () => {
    const { buffer, block } = createBuffer();
    const before = block.buffer;
    const holder = createHolder(1);
    lendBuffer(buffer, holder, 0, LENGTH, true);
    giveBackBuffer(buffer, holder);
    expect(block.buffer).toBe(before);
    const view = buffer.bytes;
    lendBuffer(buffer, holder, 0, LENGTH, true);
    expect(view).toHaveLength(0);
    expect(block.buffer).not.toBe(before);
    giveBackBuffer(buffer, holder);
    expect(buffer.bytes).toBe(buffer.bytes);
  });

  // mutant: exposure-not-marked
  test("the driver is told of which buffers the program can have views", () => {
    const exposures = new Uint8Array(8);
    const { buffer } = createBuffer(undefined, exposures);
    expect([...exposures]).not.toContain(1);
    expect(buffer.bytes).toHaveLength(LENGTH);
    expect([...exposures].filter((mark) => mark === 1)).toHaveLength(1);
    const holder = createHolder(1);
    lendBuffer(buffer, holder, 0, LENGTH, true);
    expect([...exposures]).not.toContain(1);
    giveBackBuffer(buffer, holder);
    expect(buffer.slice(0, 1).bytes).toHaveLength(1);
    expect([...exposures]).toContain(1);
  });

  // mutant: detach-not-proven
  test("is refused when the runtime did not detach: ERR_DETACH_FAILED rather than views that live on", () => {
    for (const detach of [(buffer: ArrayBuffer) => buffer, () => new ArrayBuffer(LENGTH)]) {
      const { buffer } = createBuffer(detach);
      expect(buffer.bytes).toHaveLength(LENGTH);
      expect(() => lendBuffer(buffer, createHolder(1), 0, LENGTH, true)).toThrow(
        expect.objectContaining({ code: "ERR_DETACH_FAILED" }),
      );
      expect(buffer.state).toBe("owned");
    }
  });

  test("a buffer that shall be released when it is home goes home once, after the last of its lends", () => {
    const { buffer, homes } = createBuffer();
    const holders = [createHolder(1), createHolder(2), createHolder(3)];
    for (const holder of holders) lendBuffer(buffer, holder, 0, LENGTH, false);
    buffer[Symbol.dispose]();
    buffer[Symbol.dispose]();
    for (const [index, holder] of holders.entries()) {
      expect(homes()).toBe(0);
      expect(buffer.state).toBe("returning");
      giveBackBuffer(buffer, holder);
      expect(homes()).toBe(index === 2 ? 1 : 0);
    }
    expect(buffer.state).toBe("released");
    expect(() => buffer.release()).toThrow(expect.objectContaining({ code: "ERR_BUFFER_RELEASED_TWICE" }));
    expect(homes()).toBe(1);
  });

  test("release(buffer) releases", () => {
    const { buffer, homes } = createBuffer();
    release(buffer);
    expect(homes()).toBe(1);
  });

  test("only what core made is a buffer: no look-alike, no prototype, no proxy", () => {
    const { buffer, block } = createBuffer();
    expect(isLendable(buffer)).toBe(true);
    expect(isLendable(buffer.slice(1))).toBe(true);
    expect(blockOf(buffer.slice(1) as OwnedBuffer)).toBe(block);
    const strangers = [
      undefined,
      null,
      7,
      {},
      new Proxy(buffer, {}),
      Object.create(buffer),
      Object.create(OwnedBuffer.prototype),
    ];
    for (const stranger of strangers) expect(isLendable(stranger)).toBe(false);
  });
});

describe("moving an ArrayBuffer", () => {
  test("keeps the bytes and leaves the old one empty", () => {
    const old = Uint8Array.of(1, 2, 3).buffer;
    const moved = moveArrayBuffer(old);
    expect(old.byteLength).toBe(0);
    expect([...new Uint8Array(moved)]).toEqual([1, 2, 3]);
  });
});

describe("what the program drops", () => {
  test("a buffer without release is reported with its size and where it was taken, and its memory is used again", async () => {
    const leaks: Leak[] = [];
    const hand = createHandDriver();
    const io = handBackend(hand, { leakDetection: true, leakStacks: true, onLeak: (leak) => leaks.push(leak) });
    const drop = () => void io.buffers.take(5000);
    drop();
    expect(await collectUntil(() => leaks.length > 0)).toBe(true);
    expect(leaks).toEqual([{ what: "buffer", bytes: 16_384, stack: expect.stringContaining("owned-buffer.test") }]);
    expect(io.inspect().buffers).toMatchObject({ leaked: 1, out: 0 });
  });

  test("a buffer that is lent, or of which a part is in use, is not taken for dropped", async () => {
    const leaks: Leak[] = [];
    const hand = createHandDriver();
    const io = handBackend(hand, { leakDetection: true, onLeak: (leak) => leaks.push(leak) });
    const file = await handFile(io, hand);
    // Nothing but the operation refers to the first, nothing but a part to the second.
    const reading = (() => file.read(io.buffers.take(64), { position: 0 }))();
    const part = (() => io.buffers.take(64).slice(0, 4))();
    await flushed();
    expect(await collectUntil(() => leaks.length > 0)).toBe(false);
    expect(part.state).toBe("owned");
    hand.complete(hand.last("read"), 64);
    (await reading).buffer.release();
    expect(io.inspect().buffers).toMatchObject({ leaked: 0, out: 1 });
  });

  test("a released buffer is not reported", async () => {
    const leaks: Leak[] = [];
    const hand = createHandDriver();
    const io = handBackend(hand, { leakDetection: true, onLeak: (leak) => leaks.push(leak) });
    for (let index = 0; index < 10; index++) io.buffers.take(64).release();
    expect(await collectUntil(() => leaks.length > 0)).toBe(false);
  });

  // mutant: leak-not-reported
  test("a file without close is reported with its path and where it was opened, and closed", async () => {
    const leaks: Leak[] = [];
    const hand = createHandDriver();
    const io = handBackend(hand, { leakDetection: true, leakStacks: true, onLeak: (leak) => leaks.push(leak) });
    await (async () => void (await handFile(io, hand)))();
    // The promise of the last operation is kept until the next one begins.
    void io.nop();
    expect(await collectUntil(() => leaks.length > 0)).toBe(true);
    expect(leaks).toEqual([{ what: "resource", kind: "file", label: "/file", stack: expect.any(String) }]);
    await flushed();
    expect([...hand.last("close").record.slice(2, 4)]).toEqual([0, 1]);
    hand.complete(hand.last("close"), 0);
    await flushed();
    expect(io.inspect().resources).toEqual([]);
    expect(io.inspect().counters.resourcesLeaked).toBe(1);
  });

  // mutant: closed-taken-for-leaked
  test("a file that was closed is not reported when it is collected", async () => {
    const leaks: Leak[] = [];
    const hand = createHandDriver();
    const io = handBackend(hand, { leakDetection: true, onLeak: (leak) => leaks.push(leak) });
    await (async () => {
      const closing = (await handFile(io, hand)).close();
      await flushed();
      hand.complete(hand.last("close"), 0);
      await closing;
    })();
    void io.nop();
    expect(await collectUntil(() => leaks.length > 0)).toBe(false);
    expect(io.inspect().counters.resourcesLeaked).toBe(0);
  });
});
