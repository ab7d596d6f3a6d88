/** Bytes that won a race against the cancel of their operation, until the next one takes them. */

import { ERRNO } from "../base/errno.js";
import { ChunkQueue } from "../memory/chunk-queue.js";
import { OPCODE } from "../spi/opcode.js";
import type { Entry } from "./entry.js";
import type { Kept, LaneHost } from "./lane-host.js";

export class KeptBytes implements Kept {
  readonly ofMessages = false;
  readonly #chunks = new ChunkQueue();

  /** How many there are. */
  get length(): number {
    return this.#chunks.length;
  }

  get waiting(): boolean {
    return this.#chunks.length > 0;
  }

  keep(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
  }

  serve(entry: Entry, host: LaneHost): void {
    if (entry.kind?.opcode === OPCODE.splice) {
      // They are no longer in the handle that it splices from: whoever asked has to take them.
      host.settleLocally(entry, -ERRNO.EAGAIN);
    } else if (carriesMemory(entry)) {
      host.settleLocally(
        entry,
        host.memoryOf(entry).reduce((total, part) => total + this.#chunks.fill(part), 0),
      );
    } else {
      host.settleWithBytes(entry, this.#chunks.shift()!);
    }
  }
}

/** It carries buffers, rather than getting one that the driver takes. */
export function carriesMemory({ buffer, vector }: Entry): boolean {
  return buffer !== undefined || vector !== undefined;
}
