// @ts-check
/** Mutants of buffers: the pool, its bound, memory that leaves its thread. */

import { CORE, core, kit, simProgram } from "../killers.mjs";

/** @param {string} test @returns {import("../killers.mjs").Killer[]} */
const poolMemory = (test) => [{ file: "tests/scale/pool-memory.test.ts", test }];

/** @type {readonly import("../list.mjs").Mutant[]} */
export const memory = [
  {
    name: "freed-memory-waits-for-the-collector",
    promise: "operations",
    file: `${CORE}spi/heap-memory.ts`,
    find: "        if (buffer !== undefined && !borrowed) releaseArrayBuffer(buffer);\n",
    replace: "        if (borrowed && buffer !== undefined) releaseArrayBuffer(buffer);\n",
    killedBy: poolMemory("libuv: a pool of 16 MiB mixed"),
  },
  {
    name: "freed-memory-stays-with-the-allocator",
    promise: "full-is-back-pressure",
    file: `${CORE}spi/heap-memory.ts`,
    find: "    if (!ownPages || bytes < PAGE_BYTES",
    replace: "    if (ownPages || bytes < PAGE_BYTES",
    killedBy: poolMemory("libuv: a pool of 16 MiB sizes"),
  },
  {
    name: "pages-at-rest-are-kept",
    promise: "full-is-back-pressure",
    file: `${CORE}memory/pool-store.ts`,
    find: "} else if (this.#memory.discard!(block.number)) {",
    replace: "} else if (block.number >= 0) {",
    killedBy: poolMemory("epoll: a pool of 16 MiB pinned"),
  },
  {
    name: "resized-memory-is-used",
    promise: "buffer-comes-home",
    file: `${CORE}memory/owned-buffer.ts`,
    find: "  return buffer.byteLength !== 0 && buffer.byteLength >= origin.offset + origin.blockBytes;",
    replace: "  return buffer.byteLength !== 0 || offset + capacity === 0;",
    killedBy: core("heap-memory", "memory that the program has resized"),
  },
  {
    name: "views-live-after-release",
    promise: "lent-is-out-of-reach",
    file: `${CORE}memory/buffer-pool.ts`,
    find: "    if (!block.exposed) return block.buffer.byteLength !== 0;\n",
    replace: "    if (block.buffer.byteLength !== 0) return true;\n",
    killedBy: core("buffer-pool", "a view of a released buffer has ended"),
  },
  {
    name: "exposure-not-marked",
    promise: "teardown-drains",
    file: `${CORE}memory/owned-buffer.ts`,
    find: "exposures[block.number] = 1;",
    replace: "exposures[block.number] = 0;",
    killedBy: core("owned-buffer", "the driver is told of which buffers the program can have views"),
  },
  {
    name: "memory-stays-in-its-size",
    promise: "full-is-back-pressure",
    file: `${CORE}memory/pool-store.ts`,
    find: "      this.#emptyBlocks(this.#sizes[index]!, bytes);\n",
    replace: "",
    killedBy: [
      ...core("buffer-pool", "one small buffer out of each slab does not keep the rest from others"),
      ...kit("pool/moves-between-sizes"),
    ],
  },
  {
    name: "seen-leak-never-back",
    promise: "full-is-back-pressure",
    file: `${CORE}memory/leak-watch.ts`,
    find: "    unexpose(block);\n    unseen(block);\n",
    replace: "    unexpose(block);\n",
    killedBy: core("buffer-pool", "comes back to the limit when its last view is gone"),
  },
  {
    name: "refused-receive-waits-for-ever",
    promise: "full-is-back-pressure",
    file: `${CORE}operation/provided-buffers.ts`,
    find: "(this.#provided.size === 0 && !this.#pool.refused)",
    replace: "this.#provided.size === 0",
    killedBy: kit("stalled/no-memory-for-a-while"),
  },
  {
    name: "large-waiter-passed-for-ever",
    promise: "full-is-back-pressure",
    file: `${CORE}memory/pool-waiters.ts`,
    find: "const PASSED_MAX = 64;",
    replace: "const PASSED_MAX = 1e9;",
    killedBy: [
      ...core("pool-model", "a large waiter is served although small ones come for ever"),
      ...kit("pool/large-waiter"),
    ],
  },
  {
    name: "aborted-waiter-serves-nobody",
    promise: "full-is-back-pressure",
    file: `${CORE}memory/pool-waiters.ts`,
    find: "      this.serve();\n      return true;",
    replace: "      return true;",
    killedBy: [
      ...core("pool-model", "refuses and lets wait exactly what does not fit", "a waiter behind one that gives up"),
      ...kit("pool/waits-behind-an-abort"),
    ],
  },
  {
    name: "waiting-keeps-no-process",
    promise: "full-is-back-pressure",
    file: `${CORE}memory/pool-waiters.ts`,
    find: "timer = clock.retryAfter(",
    replace: "timer = clock.after(",
    killedBy: core("buffer-pool", "a waiter with a time limit keeps the process until it is answered"),
  },
  {
    name: "no-reserve",
    promise: "full-is-back-pressure",
    file: `${CORE}memory/receive-share.ts`,
    find: "if (pieces > 0) this.#pool.setReserve(",
    replace: "if (pieces < 0) this.#pool.setReserve(",
    killedBy: [
      ...kit("stalled/program-takes-all", "stalled/honest-served"),
      ...core("sim/small-pool", "keeps most of its bytes for the program"),
      ...simProgram(),
    ],
  },
  {
    name: "loop-takes-what-others-wait-for",
    promise: "full-is-back-pressure",
    file: `${CORE}operation/provided-buffers.ts`,
    find: "for (const loop of [...this.#loops]) if (loop !== entry.subject) loop.pause();",
    replace: "",
    killedBy: core("sim/provided-buffers", "have a loop end that would take what is handed over for them"),
  },
  {
    name: "quiet-peers-wait-like-others",
    promise: "full-is-back-pressure",
    file: `${CORE}operation/dispatcher.ts`,
    find: "    if (this.#queue.length > FLUSH_PORTION && isOfQuietPeer(entry)) ",
    replace: "    if (this.#queue.length < 0 && isOfQuietPeer(entry)) ",
    killedBy: core("sim/provided-buffers", "do not wait behind all others when more than a portion waits"),
  },
  {
    name: "quiet-peers-paused-like-others",
    promise: "full-is-back-pressure",
    file: `${CORE}operation/provided-buffers.ts`,
    find: "    } else if (handle?.quiet === true) {",
    replace: "    } else if (handle === undefined) {",
    killedBy: core(
      "sim/provided-buffers",
      "of a peer that says little go before those of peers that fill their buffers",
    ),
  },
  {
    name: "quiet-line-takes-all",
    promise: "full-is-back-pressure",
    file: `${CORE}operation/submission-queue.ts`,
    find: "this.#putQuiet(this.#count > 0 ? Math.ceil(limit / 2) : limit, window, filled)",
    replace: "this.#putQuiet(limit, window, filled)",
    killedBy: core("sim/submission-queue", "gives quiet ones half of each fill while others wait"),
  },
];
