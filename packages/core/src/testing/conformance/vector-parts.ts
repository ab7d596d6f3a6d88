/** What the cases of vectored operations share. */
import type { OwnedBuffer } from "@baton-io/core";
import type { CaseContext } from "./context.js";
import { equal } from "./expect.js";

export function takeAll(context: CaseContext, lengths: readonly number[]): OwnedBuffer[] {
  return lengths.map((length) => context.io.buffers.take(length));
}

export function releaseAll(buffers: readonly OwnedBuffer[]): void {
  for (const buffer of buffers) buffer.release();
}

/** What each refusal has in common: nothing is lent. */
export function expectOwned(buffers: readonly OwnedBuffer[]): void {
  for (const [index, buffer] of buffers.entries()) equal(buffer.state, "owned", `the state of buffer ${index}`);
}
