// @ts-check
import { echo } from "./echo.mjs";
import { nop } from "./nop.mjs";
import { nopAllocation } from "./nop-allocation.mjs";
import { read4kCached } from "./read-4k-cached.mjs";
import { read4kDirect } from "./read-4k-direct.mjs";
import { read4kUncached } from "./read-4k-uncached.mjs";
import { slowFilesBesideDns } from "./slow-files-beside-dns.mjs";

/**
 * All cases, in the order they run in.
 *
 * @type {readonly import("../case.mjs").Case[]}
 */
export const cases = [nop, nopAllocation, read4kCached, read4kUncached, read4kDirect, slowFilesBesideDns, echo];
