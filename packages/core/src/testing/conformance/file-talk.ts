/** Reading files as text. */
import type { Backend, File } from "@baton-io/core";
import { textOf } from "./bytes.js";

/** What a read of up to `length` bytes at the own position gives. */
export async function readText(io: Backend, file: File, length: number): Promise<string> {
  using buffer = io.buffers.take(length);
  const { bytesRead } = await file.readFull(buffer);
  return textOf(buffer.bytes.subarray(0, bytesRead));
}
