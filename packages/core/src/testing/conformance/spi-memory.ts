import { textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, ok } from "./expect.js";
import { openRaw } from "./raw-session.js";

export const spiMemoryClause: Clause = {
  id: "spi-memory",
  title: "the SPI: memory",
  promise: "lent-is-out-of-reach",
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
