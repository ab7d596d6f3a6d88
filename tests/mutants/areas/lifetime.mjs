// @ts-check
/** Mutants of lifetime: what is awaited stays reachable, and nothing is left behind. */
import { CORE, core, kit, simKit } from "../killers.mjs";

/** @param {string} test @returns {import("../list.mjs").Killer[]} */
const life = (test) => [{ file: "tests/life/alive.test.ts", test }];

/** @type {readonly import("../list.mjs").Mutant[]} */
export const lifetime = [
  {
    name: "in-use-taken-for-dropped",
    promise: "P8",
    file: `${CORE}resource-tracker.ts`,
    find: "watchForDrop(state, handle);",
    replace: "watchForDrop({ state }, handle);",
    killedBy: kit(
      "lifetime/awaited-chained",
      "lifetime/awaited-nested",
      "lifetime/awaited-picked",
      "lifetime/awaited-loop",
      "lifetime/awaited-submitted",
      "lifetime/awaited-in-a-lane",
      "lifetime/awaited-piped",
      "lifetime/awaited-send",
      "lifetime/awaited-accept",
      "lifetime/awaited-accept-loop",
      "lifetime/awaited-datagram",
    ),
  },
  {
    name: "standing-accept-kept",
    promise: "P8",
    file: `${CORE}resource/acceptor.ts`,
    find: "    if (!asked) this.#disarm(0);\n",
    replace: "",
    killedBy: [
      ...simKit("lifetime/dropped-listener"),
      ...life("uring: a process a listener that nobody accepts from any more does not keep the process"),
    ],
  },
  {
    name: "dropped-listener-kept",
    promise: "P8",
    file: `${CORE}resource/listener-operations.ts`,
    find: "    close: (closing) => closeListener({ dispatcher, acceptor, socketFile }, closing),",
    replace: "    close: () => closeListener({ dispatcher, acceptor, socketFile }, state),",
    killedBy: kit("lifetime/dropped-listener"),
  },
  {
    name: "standing-receive-kept",
    promise: "P8",
    file: `${CORE}resource/stream-reader.ts`,
    find: "    if (!this.#taken && !this.#asked) this.pause();\n",
    replace: "",
    killedBy: [
      ...simKit("lifetime/dropped-loop"),
      ...life("uring: a process nor does a loop over chunks that is not asked for more"),
    ],
  },
  {
    name: "dropped-connection-comes-for-ever",
    promise: "P6",
    file: `${CORE}resource/listener-operations.ts`,
    find: "  handle.used = connection.returned === true;\n",
    replace: "",
    killedBy: kit("lifetime/accepted-and-dropped"),
  },
  {
    name: "asked-end-unhandled",
    promise: "P5",
    file: `${CORE}rejection.ts`,
    find: "    if (asked) promise?.catch(ignore);\n",
    replace: "",
    killedBy: kit(
      "rejection/asked-cancel-queued",
      "rejection/asked-cancel",
      "rejection/asked-cancel-after-abort",
      "rejection/asked-abandon-queued",
      "rejection/asked-abandon",
      "rejection/asked-timer-cancel",
      "rejection/asked-timer-moved",
      "rejection/asked-timer-closed",
      "rejection/asked-stream-closed",
      "rejection/asked-listener-closed",
      "rejection/asked-backend-closed",
    ),
  },
  {
    name: "transfer-end-unhandled",
    promise: "P5",
    file: `${CORE}rejection.ts`,
    find: "      if (isClosed(error)) promise.catch(ignore);\n",
    replace: "",
    killedBy: kit("rejection/asked-transfer-closed"),
  },
  {
    name: "who-waits-not-told",
    promise: "operations",
    file: `${CORE}rejection.ts`,
    find: "  settled.then(tell).then(resolve);",
    replace: "  settled.then(tell);",
    killedBy: kit(
      "rejection/who-waits-system",
      "rejection/who-waits-timeout",
      "rejection/who-waits-abort",
      "rejection/who-waits-accept",
    ),
  },
  {
    name: "dropped-backend-kept",
    promise: "P9",
    file: `${CORE}backend.ts`,
    find: "    if (settings.leakDetection) watchForDrop(this, this.#remains(settings.leakStacks, onLeak));\n",
    replace: "",
    killedBy: life("libuv: a process is told of a backend that it dropped"),
  },
  {
    name: "closes-between-steps",
    promise: "P9",
    file: `${CORE}dispatcher.ts`,
    find: "return this.table.inUse > 0 || this.#asides > 0;",
    replace: "return this.table.inUse > 0;",
    killedBy: core("pipe-transfer", "waits for a transfer between two of its steps"),
  },
  {
    name: "used-backend-taken-for-dropped",
    promise: "P9",
    file: `${CORE}backend-closing.ts`,
    find: "if (this.#tracker.size > 0 || dispatcher.inUse) {",
    replace: "if (dispatcher.closed) {",
    killedBy: life("libuv: a process is told of a backend that it dropped"),
  },
];
