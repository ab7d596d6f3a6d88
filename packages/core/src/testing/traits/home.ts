/** What "the buffer is home" means, wherever a case asks for it. */
import type { OwnedBuffer } from "@baton-io/core";
import { equal, ok } from "../conformance/expect.js";

/** What an operation carries: one buffer, several, or none. */
export interface Carrying {
  readonly buffer?: OwnedBuffer;
  readonly buffers?: readonly OwnedBuffer[];
}

/** All buffers that it carries. */
export function carriedBy({ buffer, buffers }: Carrying): readonly OwnedBuffer[] {
  return buffers ?? (buffer === undefined ? [] : [buffer]);
}

/** The buffers are the program's again, their bytes can be had, and the error of their operation carries them. */
export function expectHome(
  carrying: Carrying,
  error?: { readonly buffer?: unknown; readonly buffers?: unknown },
): void {
  const { buffer, buffers } = carrying;
  if (error !== undefined && buffer !== undefined) equal(error.buffer, buffer, "error.buffer");
  if (error !== undefined && buffers !== undefined) {
    const carried = error.buffers as readonly unknown[] | undefined;
    equal(carried?.length, buffers.length, "the length of error.buffers");
    ok(
      buffers.every((one, index) => carried?.[index] === one),
      "error.buffers to be the buffers of the operation",
    );
  }
  for (const one of carriedBy(carrying)) {
    equal(one.state, "owned", "the state of the buffer");
    equal(one.lentTo, undefined, "the operation the buffer is lent to");
    equal(one.bytes.length, one.length, "the length of the buffer's bytes");
  }
}

/** Each of the buffers is in this state. */
export function expectState(carrying: Carrying, state: OwnedBuffer["state"], what: string): void {
  for (const buffer of carriedBy(carrying)) equal(buffer.state, state, what);
}
