// @ts-check
/** Mutants of streams: counts of what went out, resets, closing. */
import { kit, LIBUV } from "../killers.mjs";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const streams = [
  {
    name: "cut-send-succeeds",
    promise: "P6",
    file: `${LIBUV}send-queue.ts`,
    find: "const count = next.sent + next.piece - queuedOf(next);",
    replace: "const count = next.sent + next.piece;",
    killedBy: kit("stream-endings/send-cut-by-stream-close"),
  },
  {
    name: "reset-send-counts-nothing",
    promise: "P6",
    file: `${LIBUV}send-queue.ts`,
    find: "const count = sending.sent + sending.piece - sending.queued;",
    replace: "const count = 0;",
    killedBy: kit("stream-endings/send-cut-by-reset"),
  },
  {
    name: "reset-is-an-end",
    promise: "operations",
    file: `${LIBUV}stream.ts`,
    find: "      if (left !== -ERRNO.EAGAIN && left !== 0) this.#error = left;\n",
    replace: "",
    killedBy: kit("stream-endings/reset-while-idle"),
  },
  {
    name: "reset-drops-what-was-read",
    promise: "P6",
    file: `${LIBUV}stream.ts`,
    find: "      this.#takeWhatTheRuntimeHas();\n      // The runtime tells",
    replace: "      // The runtime tells",
    killedBy: [{ file: "packages/driver-libuv/test/resets.test.ts", test: "loses nothing of it" }],
  },
  {
    name: "failed-send-drops-what-arrived",
    promise: "P6",
    file: `${LIBUV}stream.ts`,
    find: "        this.#takeWhatTheKernelHas();\n      },",
    replace: "      },",
    killedBy: kit("stream-endings/reset-told-to-a-send"),
  },
  {
    name: "shut-receive-loses",
    promise: "operations",
    file: `${LIBUV}stream.ts`,
    find: "if (this.#receiveShut && this.#arrived.length === 0) this.#takeWhatTheKernelHas();",
    replace: "",
    killedBy: kit("stream-endings/receive-shut"),
  },
];
