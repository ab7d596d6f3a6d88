/** What the cases about limits have in common. */
import type { OwnedBuffer } from "@baton-io/core";
import { POSITION_MAX } from "@baton-io/core/driver";
import { utf8 } from "./bytes.js";
import type { CaseContext } from "./context.js";
import { equal, rejects } from "./expect.js";

/** What is written and sent. */
export const WORDS: Uint8Array<ArrayBuffer> = utf8("sixteen bytes...");

/** A position beyond 32 bits, and not a multiple of anything. */
export const FAR_POSITION: number = 5 * 2 ** 30 + 12_345;

/** More than any position, length or time can be. */
export const BEYOND_POSITIONS: readonly number[] = [
  POSITION_MAX + 1,
  2 ** 63,
  2 ** 64,
  1e300,
  Number.POSITIVE_INFINITY,
];
/** Whatever was asked for has left nothing behind. */
export function expectHome({ io }: CaseContext, buffer: OwnedBuffer): void {
  equal(buffer.state, "owned", "the state of the buffer");
  equal(io.inspect().operations.length, 0, "operations in flight");
}

/** Refuses a promise for each of the values, and expects that the driver heard nothing. */
export async function expectRefused<T>(
  { io }: CaseContext,
  values: readonly T[],
  calls: (value: T) => readonly Promise<unknown>[],
  code = "ERR_OUT_OF_RANGE",
): Promise<void> {
  const { submitted } = io.inspect().counters;
  for (const value of values) await Promise.all(calls(value).map((promise) => rejects(promise, code)));
  equal(io.inspect().counters.submitted, submitted, "the number of operations submitted");
}
