// @ts-check
import { echo } from "./echo.mjs";
import { nop } from "./nop.mjs";
import { nopAllocation } from "./nop-allocation.mjs";
import { read4kCached } from "./read-4k-cached.mjs";

/**
 * All cases, in the order they run in.
 *
 * @type {readonly import("../case.mjs").Case[]}
 */
export const cases = [nop, nopAllocation, read4kCached, echo];
