/** Memory on the JavaScript heap, with pages that go back to the system. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../src/base/clock.js";
import { BufferPool } from "../src/memory/buffer-pool.js";
import { createHeapMemory } from "../src/spi/heap-memory.js";

/** Types newer than those of the oldest runtime. */
interface Resizable extends ArrayBuffer {
  readonly resizable: boolean;
  resize(bytes: number): void;
}

function createPool(bytesMax: number): BufferPool {
  const memory = createHeapMemory({ ownPages: true });
  return new BufferPool({
    memory,
    clock: systemClock,
    pace: { tell: (run) => run() },
    bytesMax,
    leakDetection: false,
    leakStacks: false,
    onLeak: () => undefined,
  });
}

describe("memory with pages of its own", () => {
  test("is moved, not copied, and views of it end", () => {
    const memory = createHeapMemory({ ownPages: true });
    const { firstNumber, buffers } = memory.allocate(8192, 1);
    const view = new Uint8Array(buffers[0]!);
    view.fill(7);
    const moved = memory.detach(firstNumber, buffers[0]!);
    expect(view.length).toBe(0);
    expect((moved as Resizable).resizable).toBe(true);
    expect(new Uint8Array(moved)).toEqual(new Uint8Array(8192).fill(7));
    expect(memory.view(firstNumber, 8000, 10)).toEqual(new Uint8Array(10).fill(7));
  });

  test("is gone when it is freed", () => {
    const memory = createHeapMemory({ ownPages: true });
    const { firstNumber, buffers } = memory.allocate(4096, 1);
    memory.free(firstNumber);
    expect(buffers[0]!.byteLength).toBe(0);
  });

  test("is for a limited number of buffers, and for no part of a page", () => {
    const memory = createHeapMemory({ ownPages: true });
    const isPaged = ({ buffers }: { readonly buffers: readonly ArrayBuffer[] }) => (buffers[0] as Resizable).resizable;
    expect(isPaged(memory.allocate(256, 1))).toBe(false);
    const all = memory.allocate(4096, 16_384);
    expect(isPaged(all)).toBe(true);
    expect(isPaged(memory.allocate(4096, 1))).toBe(false);
    memory.free(all.firstNumber);
    expect(isPaged(memory.allocate(4096, 1))).toBe(true);
  });

  test.for([0, 100])("memory that the program has resized to %d bytes is taken for transferred away", (bytes) => {
    // mutant: resized-memory-is-used
    const pool = createPool(65_536);
    const buffer = pool.take(8192);
    (buffer.bytes.buffer as Resizable).resize(bytes);
    expect(() => buffer.bytes).toThrow(expect.objectContaining({ code: "ERR_BUFFER_DETACHED" }));
    buffer.release();
    expect(pool.stats()).toMatchObject({ out: 0, transferred: 1, bytes: 0 });
    const next = pool.take(8192);
    expect(next.bytes.length).toBe(8192);
  });
});
