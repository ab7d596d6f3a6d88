/** A pool over memory that counts what is allocated. */

import { systemClock } from "../src/base/clock.js";
import { BufferPool } from "../src/memory/buffer-pool.js";
import { createHeapMemory, type HeapMemory } from "../src/spi/heap-memory.js";

export interface CountedPool {
  readonly pool: BufferPool;
  readonly heap: HeapMemory;
  /** Bytes that are allocated and not discarded. */
  allocated(): number;
  /** Whether the next allocations fail. */
  refuse(refusing: boolean): void;
}

export function createPool(
  bytesMax: number,
  options: { readonly canDiscard?: boolean; readonly leakDetection?: boolean } = {},
): CountedPool {
  const heap = createHeapMemory();
  /** By number of a buffer. */
  const live = new Map<number, number>();
  const sizes = new Map<number, { bytes: number; count: number }>();
  let refusing = false;
  const memory: HeapMemory = {
    ...heap,
    allocate: (bytes, count) => {
      if (refusing) throw new Error("refused");
      const slab = heap.allocate(bytes, count);
      sizes.set(slab.firstNumber, { bytes, count });
      for (let index = 0; index < count; index++) live.set(slab.firstNumber + index, bytes);
      return slab;
    },
    free: (firstNumber) => {
      // What was adopted is not counted.
      const count = sizes.get(firstNumber)?.count ?? 0;
      sizes.delete(firstNumber);
      for (let index = 0; index < count; index++) live.delete(firstNumber + index);
      heap.free(firstNumber);
    },
    ...(options.canDiscard === true && { discard: (number: number) => live.delete(number) }),
  };
  const pool = new BufferPool({
    memory,
    clock: systemClock,
    pace: { tell: (run) => run() },
    bytesMax,
    leakDetection: options.leakDetection ?? false,
    leakStacks: false,
    onLeak: () => undefined,
  });
  return {
    pool,
    heap,
    allocated: () => [...live.values()].reduce((sum, bytes) => sum + bytes, 0),
    refuse: (value) => {
      refusing = value;
    },
  };
}
