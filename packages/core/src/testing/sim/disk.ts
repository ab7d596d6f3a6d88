/** What a write meets on the simulated disk, whichever operation it belongs to. */
import { ERRNO } from "@baton-io/core/driver";
import { FULL_US } from "./faults.js";
import type { Kernel } from "./kernel.js";
import type { FileNode } from "./nodes.js";

/** Writes what there is room for; how many bytes, or a negative errno. */
export function writeToDisk(kernel: Kernel, file: FileNode, position: number, bytes: Uint8Array): number {
  const { dice, files } = kernel;
  if (dice.happens("noSpace")) return -ERRNO.ENOSPC;
  const growth = position + bytes.length - file.size;
  // Only what needs room can find that there is none.
  if (growth > 1) {
    const room = dice.random.between(1, growth - 1);
    if (dice.happens("diskFull")) files.fillUp(room, FULL_US);
    else if (dice.happens("sizeLimit")) files.limitSize(file, room, FULL_US);
  }
  return files.write(file, position, bytes);
}
