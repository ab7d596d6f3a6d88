/** Bytes that won a race against the cancel of their operation, until the next one takes them (P6). */
import { ERRNO } from "./errno.js";
import type { Kept, LaneHost } from "./lane.js";
import { OPCODE } from "./opcode.js";
import type { Entry } from "./operation-table.js";

export class KeptBytes implements Kept {
  readonly ofMessages = false;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  get waiting(): boolean {
    return this.#length > 0;
  }

  keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  serve(entry: Entry, host: LaneHost): void {
    if (entry.kind?.opcode === OPCODE.splice) {
      // They are no longer in the handle that it splices from: whoever asked has to take them.
      host.settleLocally(entry, -ERRNO.EAGAIN);
    } else if (carriesMemory(entry)) {
      host.settleLocally(
        entry,
        host.memoryOf(entry).reduce((total, part) => total + this.#take(part), 0),
      );
    } else {
      const bytes = this.#chunks.shift()!;
      this.#length -= bytes.length;
      host.settleWithBytes(entry, bytes);
    }
  }

  /** Fills the target; how many bytes it got. */
  #take(target: Uint8Array): number {
    const chunks = this.#chunks;
    let filled = 0;
    while (filled < target.length && chunks.length > 0) {
      const chunk = chunks[0]!;
      const part = chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) chunks.shift();
      else chunks[0] = chunk.subarray(part.length);
    }
    this.#length -= filled;
    return filled;
  }
}

/** It carries buffers, rather than getting one that the driver picks. */
export function carriesMemory({ buffer, vector }: Entry): boolean {
  return buffer !== undefined || vector !== undefined;
}
