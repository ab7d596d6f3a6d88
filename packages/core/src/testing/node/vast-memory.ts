/** Whether this machine lets a process have memory of 4 GiB of which it touches next to nothing. */
import { totalmem } from "node:os";

/** Linux maps no more at once than the machine has, and a few cases have two such buffers, one of them to be collected. */
const NEEDED_BYTES = 8 * 2 ** 30;

export function hasVastMemory(): boolean {
  return process.platform === "linux" && totalmem() >= NEEDED_BYTES;
}
