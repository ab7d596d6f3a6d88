/** What "the buffer is home" means, wherever a case asks for it. */
import type { OwnedBuffer } from "../../owned-buffer.js";
import { equal } from "../conformance/expect.js";

/** The buffer is the program's again, its bytes can be had, and the error of its operation carries it. */
export function expectHome(buffer: OwnedBuffer | undefined, error?: { readonly buffer?: unknown }): void {
  if (buffer === undefined) return;
  if (error !== undefined) equal(error.buffer, buffer, "error.buffer");
  equal(buffer.state, "owned", "the state of the buffer");
  equal(buffer.lentTo, undefined, "the operation the buffer is lent to");
  equal(buffer.bytes.length, buffer.length, "the length of the buffer's bytes");
}
