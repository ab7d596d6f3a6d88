// @ts-check
/** Mutants of opening: opens that block, flags, descriptors that are adopted. */

import { CORE, core, kit, LIBUV, simKit } from "../killers.mjs";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const opening = [
  {
    name: "placement-unchecked-by-epoll",
    promise: "P10",
    file: "packages/driver-epoll/src/index.ts",
    find: '      checkPlacement("epollDriver", native, {',
    replace: '      checkPlacement("epollDriver", { ...native, numaNode: -1 }, {',
    killedBy: core("placement", "the driver epoll refuses one that is not there"),
  },
  {
    name: "fifo-opened-alone",
    promise: "operations",
    file: `${LIBUV}open-file.ts`,
    find: "if (stat?.isFIFO() !== true) return answerHandle(host, submission, fd);",
    replace: "return answerHandle(host, submission, fd);",
    killedBy: kit("fifo/ends-meet"),
  },
  {
    name: "begun-open-kept",
    promise: "P6",
    file: `${CORE}resource/open.ts`,
    find: "    if (index >= 0) closeHandle(dispatcher, index,",
    replace: "    if (index > 1_000_000) closeHandle(dispatcher, index,",
    killedBy: kit("fifo/given-up"),
  },
  {
    name: "begun-open-forgotten",
    promise: "operations",
    file: `${CORE}dispatcher.ts`,
    find: "    records[entry.base + WORD.handleIndex] = arena.words[word + BEGUN_WORD.index]!;\n",
    replace: "",
    killedBy: simKit("fifo/seen-waiting"),
  },
  {
    name: "create-option-ignored",
    promise: "operations",
    file: `${CORE}resource/open.ts`,
    find: "  create: OPEN_FLAG.create,",
    replace: "  create: 0,",
    killedBy: kit("open-flags/create-and-keep"),
  },
  {
    name: "no-follow-ignored",
    promise: "operations",
    file: `${LIBUV}open-file.ts`,
    find: '    [OPEN_FLAG.noFollow, constants["O_NOFOLLOW"]],\n',
    replace: "",
    killedBy: kit("open-flags/no-follow"),
  },
  {
    name: "unknown-open-bits-dropped",
    promise: "P10",
    file: `${CORE}resource/open-flags.ts`,
    find: "!isNumber || rest !== 0 ||",
    replace: "!isNumber ||",
    killedBy: kit("open-flags/numbers"),
  },
  {
    name: "file-close-cancels-nothing",
    promise: "P8",
    file: `${CORE}resource/file.ts`,
    find: 'early ? "cancel" : "await"',
    replace: 'early ? "await" : "await"',
    killedBy: kit("fifo/closed-while-read"),
  },
];
