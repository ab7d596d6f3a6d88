// @ts-check
/** Mutants of opening: opens that block, flags, descriptors that are adopted. */

import { core } from "../killers.mjs";

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
];
