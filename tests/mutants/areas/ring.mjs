// @ts-check
/** Mutants of the native halves: the engines, and what they share. */
import { CORE, native, simKit } from "../killers.mjs";

const URING = "packages/driver-uring/native/";
const EPOLL = "packages/driver-epoll/native/";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const ring = [
  // --- descriptors and who still names them ---------------------------------------------------------------------------
  {
    name: "uring-close-waits-for-nobody",
    promise: "P8",
    file: `${URING}starter.h`,
    find: "    if (cell.users == 0) return false;\n    op.waiting = false;",
    replace: "    if (cell.users < UINT32_MAX) return false;\n    op.waiting = false;",
    killedBy: native("driver-uring", "descriptors_test.cc", "a close in one batch behind them"),
  },
  {
    name: "uring-closes-what-is-unconfirmed",
    promise: "P8",
    file: `${URING}engine.h`,
    find: "      if (cell.users == 0) ::close(cell.fd);",
    replace: "      ::close(cell.fd);",
    killedBy: native("driver-uring", "descriptors_test.cc", "writes into its own file when the kernel goes on"),
  },
  {
    name: "chain-holds-nothing",
    promise: "P8",
    file: `${URING}starter.h`,
    find: "    HoldChain(chain);\n",
    replace: "",
    killedBy: native("driver-uring", "chains_test.cc", "the middle of a chain still needs is closed only after it"),
  },
  {
    name: "epoll-chain-holds-nothing",
    promise: "P8",
    file: `${EPOLL}engine_chains.cc`,
    find: "      if (!closes) HoldHandles(ops_[slot], record, closed);\n",
    replace: "",
    killedBy: native("driver-epoll", "engine_chain_cases.h", "a close waits for a member of a chain"),
  },
  {
    name: "sim-close-waits-for-nobody",
    promise: "P8",
    file: `${CORE}testing/sim/handles.ts`,
    find: "    if (!this.#closed || this.#operations > 0) return;\n",
    replace: "    if (!this.#closed) return;\n",
    killedBy: simKit("spi-descriptors/close-behind-stat"),
  },
];
