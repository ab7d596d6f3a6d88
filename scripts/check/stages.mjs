// @ts-check
import { build } from "./build.mjs";
import { drivers } from "./drivers.mjs";
import { fuzz } from "./fuzz.mjs";
import { generated } from "./generated.mjs";
import { lint } from "./lint.mjs";
import { lockFile } from "./lock-file.mjs";
import { mutants } from "./mutants.mjs";
import { native } from "./native.mjs";
import { packages } from "./packages.mjs";
import { tests } from "./tests.mjs";
import { types } from "./types.mjs";

/**
 * What `npm run check` does, in this order: what is quick to find wrong first. Stages of one group run side by side: each
 * of them has use for one processor only.
 *
 * @type {readonly (readonly import("./stage.mjs").Stage[])[]}
 */
export const groups = [
  [generated, lockFile, lint, types],
  [build],
  [native],
  [drivers],
  [tests],
  [packages, fuzz],
  [mutants],
];

export const stages = groups.flat();
