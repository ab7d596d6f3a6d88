// @ts-check
/** Mutants of listening and connecting: look-ups, addresses, descriptors that run out. */
import { CORE, core, kit, LIBUV, simKit } from "../killers.mjs";

const RACE = `${CORE}resource/connect-race.ts`;

/** @type {readonly import("../list.mjs").Mutant[]} */
export const connecting = [
  {
    name: "look-up-outlives-its-caller",
    promise: "P5",
    file: RACE,
    find: "    if (this.#attempts.size === 0 || (cause === ",
    replace: "    if ((cause === ",
    killedBy: kit("tcp-name/ended-during-look-up"),
  },
  {
    name: "look-up-outlives-the-backend",
    promise: "P5",
    file: RACE,
    find: "      this.#dispatcher.onClosing.add(this.#backendCloses);\n",
    replace: "",
    killedBy: kit("tcp-name/ended-during-look-up"),
  },
  {
    name: "race-ends-at-first-refusal",
    promise: "operations",
    file: RACE,
    find: "this.#given === undefined && !this.#dispatcher.closed && this.#next < this.#addresses.length;",
    replace: "false;",
    killedBy: kit("tcp-name/next-address"),
  },
  {
    name: "family-passed-over",
    promise: "operations",
    file: RACE,
    find: "(family === 0 || parsed.family === wanted)",
    replace: "(family >= 0 || parsed.family === wanted)",
    killedBy: kit("tcp-name/first-only"),
  },
  {
    name: "silent-address-waited-for",
    promise: "operations",
    file: RACE,
    find: "      this.#delay = clock.after(this.#plan.attemptDelayMs, () => this.#tryNext());\n",
    replace: "",
    killedBy: core("connect-race", "tries the next address when one has not answered"),
  },
  {
    name: "second-winner-kept",
    promise: "P6",
    file: RACE,
    find: '    this.#cancelAll("signal");\n',
    replace: "",
    killedBy: core("connect-race", "closes a connection that is made after another one has won"),
  },
  {
    name: "race-timeout-leaves-attempts",
    promise: "P5",
    file: RACE,
    find: "    this.#cancelAll(cause);\n",
    replace: "",
    killedBy: core("connect-race", "ends every attempt when the time is up"),
  },
  {
    name: "shortage-ends-the-accept",
    promise: "P11",
    file: `${CORE}resource/acceptor.ts`,
    find: "if (!expected && isShortage(error)) return",
    replace: "if (expected && isShortage(error)) return",
    killedBy: simKit("descriptor-shortage/accept-goes-on"),
  },
  {
    name: "shortage-told-each-time",
    promise: "P11",
    file: `${CORE}resource/accept-pause.ts`,
    find: "const isFirst = this.#pauseMs === 0;",
    replace: "const isFirst = this.#pauseMs < PAUSE_MS_MAX;",
    killedBy: simKit("descriptor-shortage/accept-goes-on"),
  },
  {
    name: "shortage-retried-at-once",
    promise: "P11",
    file: `${CORE}resource/accept-pause.ts`,
    find: "Math.min(PAUSE_MS_MAX, this.#pauseMs * 2)",
    replace: "Math.min(PAUSE_MS_MIN, this.#pauseMs * 2)",
    killedBy: core("accept-pause", "pauses longer each time"),
  },
  {
    name: "successor-file-removed",
    promise: "P8",
    file: `${CORE}resource/socket-file.ts`,
    find: "(await inodeOf(dispatcher, path)) !== inode",
    replace: "(await inodeOf(dispatcher, path)) === undefined",
    killedBy: kit("unix-listen/successor"),
  },
  {
    name: "successor-file-removed-by-the-runtime",
    promise: "P8",
    file: `${LIBUV}socket-file.ts`,
    find: "inode === undefined || inode === this.#inode",
    replace: "inode === undefined || inode !== this.#inode",
    killedBy: kit("unix-listen/successor"),
  },
  {
    name: "listener-without-bound",
    promise: "P11",
    file: `${LIBUV}listener.ts`,
    find: "if (this.#sockets.length >= waitingMax) return void socket.resetAndDestroy();",
    replace: "",
    killedBy: [{ file: "packages/driver-libuv/test/listener-bound.test.ts", test: "beyond its backlog" }],
  },
];
